//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// usage is what a process has of the machine.
type usage struct {
	descriptors int
	mapped      []string // device and memory files
	resident    int      // bytes
	threads     int
}

func (d *daemon) usage() usage {
	d.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", d.process.Process.Pid)
	descriptors, err := os.ReadDir(proc + "fd")
	require.NoError(d.t, err)
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(read(d.t, proc+"status"))
	require.NotNil(d.t, m)
	return usage{
		descriptors: len(descriptors),
		mapped:      regexp.MustCompile(`/dev/\S+`).FindAllString(read(d.t, proc+"maps"), -1),
		resident:    number(d.t, m[1]) << 10,
		threads:     number(d.t, regexp.MustCompile(`Threads:\s+(\d+)`).FindStringSubmatch(read(d.t, proc+"status"))[1]),
	}
}

// A hundred devices come and go, some with a disk, and nothing tells of it but
// the kernel's log, which tells of no fault.
func TestHundredDevicesLeaveNoTrace(t *testing.T) {
	const (
		size   = 20                  // devices of a round
		rounds = 4                   // after the warm-up
		more   = 4                   // while there is too much memory: garbage comes and goes, a leak only comes
		slack  = rounds * size << 14 // bytes; a leak of 16 KiB for each device is more
	)
	t.Setenv("GOGC", "10") // little garbage to be taken for a leak
	daemon := startDaemon(t)
	log := kernelLog(t)
	before := footprint(t)
	churn(t, size) // the first devices make things that stay: buffers, threads
	warm := daemon.usage().resident
	churn(t, size)
	first := daemon.usage()
	warm = max(warm, first.resident)
	last, done := first, 2
	for done < 2+rounds || last.resident-warm >= slack && done < 2+rounds+more {
		churn(t, size)
		last, done = daemon.usage(), done+1
		t.Logf("resident: %d KiB after %d devices", last.resident>>10, done*size)
	}
	requireFootprint(t, before)
	require.LessOrEqual(t, last.descriptors, first.descriptors) // tcmuctl's last call may still be open in the first
	require.Empty(t, last.mapped)
	require.Less(t, last.resident-warm, slack)
	requireQuiet(t, log())
	require.Equal(t, 2*done, strings.Count(log(), "Attached SCSI disk"))
}

// churn makes n devices, ramdisks and files by turns, the first of either with
// a disk, and removes them again.
func churn(t *testing.T, n int) {
	t.Helper()
	t.Run("round", func(t *testing.T) {
		dir := t.TempDir()
		for _, object := range []view{create(t, "ramdisk", "churn0", "1M"), create(t, "fileio", "churn1", filepath.Join(dir, "churn1"), "1M")} {
			d := attach(t, object)
			must(t, "dd", "if=/dev/urandom", "of="+d.node, "bs=64k", "count=4", "oflag=direct")
		}
		var lines []string
		for i := 2; i < n; i += 2 {
			lines = append(lines, fmt.Sprintf("/backstores/ramdisk create churn%d 1M", i), fmt.Sprintf("/backstores/fileio create churn%d %s/churn%[1]d 1M", i+1, dir))
		}
		for i := 2; i < n; i += 2 {
			lines = append(lines, fmt.Sprintf("/backstores/ramdisk delete churn%d", i), fmt.Sprintf("/backstores/fileio delete churn%d", i+1))
		}
		patiently(t, strings.Join(lines, "\n"))
	})
}
