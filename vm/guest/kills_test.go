//go:build guest

package guest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leastKills is how often tcmud is killed where nobody says for how long (TCMUD_SOAK, "30m").
const leastKills = 20

func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TCMUD_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// TestKilledAgainAndAgain kills tcmud at random moments while disks are written, read, checked and trimmed, and starts it
// anew at once. Initiators see pauses, and no error; what they were told is written stays so.
func TestKilledAgainAndAgain(t *testing.T) {
	daemon := startDaemon(t)
	checked := []disk{newRamdisk(t, "64M"), newFile(t, "64M")}
	trimmed := []disk{attach(t, create(t, "ramdisk", "rd1", "64M")), newFileNamed(t, "disk1", "64M")}
	all := slices.Concat(checked, trimmed)
	log := kernelLog(t)
	check, trims := startCheck(t, checked...), startTrims(t, trimmed...)
	awaitProgress(t, all, 64)

	var pauses []time.Duration
	for began := time.Now(); len(pauses) < leastKills || time.Since(began) < soak(t); {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		daemon.kill()
		killed := time.Now()
		var served []int
		for _, d := range all {
			served = append(served, d.served(t))
		}
		daemon.start()
		for i, d := range all {
			eventually(t, d.node+" goes on", func() bool { return d.served(t) > served[i] })
		}
		pauses = append(pauses, time.Since(killed))
		awaitProgress(t, all, 16)
	}

	check.requireClean()
	trims.end()
	requireQuiet(t, log())
	requireNobodyHangs(t)
	slices.Sort(pauses)
	t.Logf("killed %d times: no I/O error; pauses of %d ms in the median, %d at most",
		len(pauses), pauses[len(pauses)/2].Milliseconds(), pauses[len(pauses)-1].Milliseconds())
}

// startTrims has fio trim disks at random, and read and write them at random besides.
func startTrims(t *testing.T, disks ...disk) *fio {
	t.Helper()
	var args []string
	for _, d := range disks {
		args = append(args,
			"--name="+d.object.Name+"-trim", "--filename="+d.node, "--rw=randtrim", "--bs=64k",
			"--name="+d.object.Name, "--filename="+d.node, "--rw=randrw", "--bsrange=4k-256k", "--iodepth=32")
	}
	return startFio(t, args...)
}

// requireNobodyHangs requires that no process waits uninterruptibly any more.
func requireNobodyHangs(t *testing.T) {
	t.Helper()
	var waiting []string
	eventually(t, "nobody is in state D", func() bool {
		waiting = nil
		for _, line := range strings.Split(must(t, "ps", "-eo", "stat=,pid=,comm="), "\n") {
			if strings.HasPrefix(line, "D") {
				waiting = append(waiting, line)
			}
		}
		return len(waiting) == 0
	})
}
