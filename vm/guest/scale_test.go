//go:build guest

package guest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestManyUnits is what a crowd of ramdisks without a LUN costs one tcmud, and how long it takes to serve them all again when
// it was killed, when another takes its place, and to end. (TCMUD_CROWD says how many; goals of time are for machines that are
// nothing but machines, so this only holds it to doing so.)
func TestManyUnits(t *testing.T) {
	withoutUdev(t)
	n := crowd(t)
	daemon := startDaemon(t)
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "/backstores/ramdisk create rd%d 4M\n", i)
	}
	begun := time.Now()
	patiently(t, lines.String())
	t.Logf("%d ramdisks made in %.1f s", n, time.Since(begun).Seconds())
	t.Cleanup(func() { patiently(t, "", "clearconfig", "confirm=true") })

	idle := time.Duration(n) * 20 * time.Millisecond
	time.Sleep(idle) // what they were made with is over, and has been given back
	ticks := daemon.ticks()
	time.Sleep(idle)
	t.Logf("idle: %d ms of the processor in %v, %s", 10*(daemon.ticks()-ticks), idle, daemon.memory())

	daemon.kill()
	begun = time.Now()
	daemon.start()
	daemon.awaitServed(n)
	t.Logf("recovered %.1f s after kill -9", time.Since(begun).Seconds())
	begun = time.Now()
	require.Contains(t, must(t, "tcmud", "--replace"), fmt.Sprintf("serves %d of %d devices", n, n))
	t.Logf("replaced in %.1f s", time.Since(begun).Seconds())
	begun = time.Now()
	daemon.terminate()
	t.Logf("ended in %.1f s", time.Since(begun).Seconds())
	begun = time.Now()
	daemon.start()
	daemon.awaitServed(n)
	t.Logf("started in %.1f s, %s", time.Since(begun).Seconds(), daemon.memory())
}

// awaitServed waits until so many devices are served.
func (d *daemon) awaitServed(n int) {
	d.t.Helper()
	want := fmt.Sprintf("serves %d devices", n)
	eventually(d.t, want, func() bool {
		o := run(d.t, "tcmuctl", "--json", "status")
		return strings.Count(o.stdout, `"state": "serving"`) == n
	})
}

// ticks is the time that tcmud has had the processor, in 10 ms.
func (d *daemon) ticks() int {
	d.t.Helper()
	_, stat, _ := strings.Cut(read(d.t, fmt.Sprintf("/proc/%d/stat", d.process.Process.Pid)), ") ")
	fields := strings.Fields(stat)
	return number(d.t, fields[11]) + number(d.t, fields[12])
}

// memory is what tcmud takes of it, but for the contents of ramdisks.
func (d *daemon) memory() string {
	d.t.Helper()
	file := fmt.Sprintf("/proc/%d/smaps_rollup", d.process.Process.Pid)
	text, err := os.ReadFile(file)
	require.NoError(d.t, err)
	var kib int
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[0] == "Pss_Anon:" || fields[0] == "Pss_File:") {
			kib += number(d.t, fields[1])
		}
	}
	return fmt.Sprintf("%.1f MiB", float64(kib)/1024)
}
