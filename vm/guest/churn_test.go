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
	}
}

// A hundred devices come and go, some with a disk, and nothing tells of it but
// the kernel's log, which tells of no fault.
func TestHundredDevicesLeaveNoTrace(t *testing.T) {
	const (
		rounds    = 5
		size      = 20       // devices of a round
		perDevice = 16 << 10 // bytes of garbage that a device may have left by chance; leaks are larger
	)
	t.Setenv("GOGC", "10") // little garbage to be taken for a leak
	daemon := startDaemon(t)
	log := kernelLog(t)
	before := footprint(t)
	churn(t, size) // the first devices make things that stay: buffers, threads
	first := daemon.usage()
	for range rounds {
		churn(t, size)
	}
	requireFootprint(t, before)
	last := daemon.usage()
	require.Equal(t, first.descriptors, last.descriptors)
	require.Empty(t, last.mapped)
	require.Less(t, last.resident-first.resident, rounds*size*perDevice)
	t.Logf("resident: %d KiB after %d devices, %d KiB after %d more", first.resident>>10, size, last.resident>>10, rounds*size)
	requireQuiet(t, log())
	require.Equal(t, 2*(rounds+1), strings.Count(log(), "Attached SCSI disk"))
}

// churn makes n devices, ramdisks and files by turns, the first of either with
// a disk, and removes them again.
func churn(t *testing.T, n int) {
	t.Helper()
	t.Run("round", func(t *testing.T) {
		dir := t.TempDir()
		for i := range n {
			name := fmt.Sprintf("churn%d", i)
			var object view
			if i%2 == 0 {
				object = create(t, "ramdisk", name, "1M")
			} else {
				object = create(t, "fileio", name, filepath.Join(dir, name), "1M")
			}
			if i < 2 {
				d := attach(t, object)
				must(t, "dd", "if=/dev/urandom", "of="+d.node, "bs=64k", "count=4", "oflag=direct")
			}
		}
	})
}
