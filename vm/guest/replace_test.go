//go:build guest

package guest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leastReplacements is how often tcmud makes room for another where nobody says for how long (TCMUD_SOAK).
const leastReplacements = 5

// TestReplacedUnderLoad puts one tcmud in place of another while disks are written, read, checked and trimmed. Initiators see
// a pause: no error, and no command that has to be sent again.
func TestReplacedUnderLoad(t *testing.T) {
	daemon := startDaemon(t)
	program := fmt.Sprintf("/proc/%d/exe", daemon.process.Process.Pid)
	programs := []string{filepath.Join(t.TempDir(), "newer"), must(t, "readlink", program)}
	must(t, "cp", programs[1], programs[0])
	checked := []disk{newRamdisk(t, "64M"), newFile(t, "64M"), newDirectFile(t, "64M")}
	trimmed := []disk{attach(t, create(t, "ramdisk", "rd1", "64M"))}
	all := slices.Concat(checked, trimmed)
	log := kernelLog(t)
	var before []int
	for _, d := range all {
		before = append(before, d.refused(t))
	}
	check, trims := startCheck(t, checked...), startTrims(t, trimmed...)
	awaitProgress(t, all, 64)

	var pauses []time.Duration
	for began := time.Now(); len(pauses) < leastReplacements || time.Since(began) < soak(t); {
		watch := startWatch(t, all)
		next := programs[len(pauses)%len(programs)]
		require.Regexp(t, `^tcmud \S+ serves 4 of 4 devices, after `, must(t, next, "--replace"))
		require.Equal(t, next, must(t, "readlink", program), "in the same process")
		awaitProgress(t, all, 16)
		pauses = append(pauses, watch.longest())
	}

	check.requireClean()
	trims.end()
	requireQuiet(t, log())
	requireNobodyHangs(t)
	for i, d := range all {
		require.Equal(t, before[i], d.refused(t), d.node)
	}
	slices.Sort(pauses)
	t.Logf("replaced %d times: no I/O error; pauses of %d ms in the median, %d at most",
		len(pauses), pauses[len(pauses)/2].Milliseconds(), pauses[len(pauses)-1].Milliseconds())
}

// watch measures how long disks serve nothing.
type watch struct {
	ended chan struct{}
	gap   chan time.Duration
}

func startWatch(t *testing.T, disks []disk) watch {
	w := watch{make(chan struct{}), make(chan time.Duration, 1)}
	go func() {
		var longest time.Duration
		served, at := make([]int, len(disks)), slices.Repeat([]time.Time{time.Now()}, len(disks))
		for {
			for i, d := range disks {
				if now := d.served(t); now != served[i] {
					longest = max(longest, time.Since(at[i]))
					served[i], at[i] = now, time.Now()
				}
			}
			select {
			case <-w.ended:
				w.gap <- longest
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return w
}

// longest ends the watch. It is the longest time that a disk served nothing, but for one that has not ended.
func (w watch) longest() time.Duration {
	close(w.ended)
	return <-w.gap
}
