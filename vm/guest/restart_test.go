//go:build guest

package guest

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served is how many commands the kernel has had an answer to for the disk.
func (d disk) served(t *testing.T) int {
	t.Helper()
	fields := strings.Fields(d.sys(t, "stat"))
	require.Greater(t, len(fields), 4)
	return number(t, fields[0]) + number(t, fields[4]) // reads and writes
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func awaitProgress(t *testing.T, disks []disk) {
	t.Helper()
	for _, d := range disks {
		from := d.served(t)
		eventually(t, d.node+" goes on", func() bool { return d.served(t) > from+64 })
	}
}

// requireStalled requires that commands wait for an answer and none gets one.
func requireStalled(t *testing.T, disks []disk) {
	t.Helper()
	var before []int
	for _, d := range disks {
		before = append(before, d.served(t))
	}
	time.Sleep(2 * time.Second) // there is nothing to wait for: that is the point
	for i, d := range disks {
		require.Equal(t, before[i], d.served(t), d.node)
		reads, writes, _ := strings.Cut(d.sys(t, "inflight"), " ")
		require.Positive(t, number(t, reads)+number(t, strings.TrimSpace(writes)), d.node)
	}
}

// A restart of tcmud is a pause to those who use its disks. After SIGTERM it
// takes up the ring where it left it, and no command has to be sent again.
// After a kill nobody knows what was answered: the kernel gives back BUSY for
// what was in the ring, and initiators send that again.
func TestRestartUnderLoadIsAPause(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*daemon)
		busy bool
	}{{"SIGTERM", (*daemon).terminate, false}, {"kill -9", (*daemon).kill, true}} {
		t.Run(c.name, func(t *testing.T) {
			const runtime = 20 * time.Second
			daemon := startDaemon(t)
			disks := []disk{newRamdisk(t, "64M"), newFile(t, "64M")}
			log, refused := kernelLog(t), traceRefusals(t)
			load := startFio(t, runtime, disks...)
			awaitProgress(t, disks)

			c.end(daemon)
			requireStalled(t, disks)
			daemon.start()
			awaitProgress(t, disks)

			load.requireClean(runtime)
			requireQuiet(t, log())
			if c.busy {
				require.NotEmpty(t, refused())
			}
			for _, line := range refused() {
				require.True(t, c.busy, line)
				require.Contains(t, line, "status=SAM_STAT_BUSY")
			}
		})
	}
}

func TestContentsOutliveTheDaemon(t *testing.T) {
	daemon := startDaemon(t)
	disks := []disk{newRamdisk(t, "8M"), newFile(t, "8M")}
	var before [][]byte
	for _, d := range disks {
		must(t, "dd", "if="+randomFile(t, 4*mib), "of="+d.node, "bs=1M", "seek=2", "oflag=direct")
		before = append(before, d.content(t, 8*mib, 0))
	}
	for _, end := range []func(){daemon.terminate, daemon.kill} {
		end()
		daemon.start()
		for i, d := range disks {
			require.True(t, bytes.Equal(before[i], d.content(t, 8*mib, 0)), d.node)
		}
	}
}

// traceRefusals has the kernel note SCSI commands that do not end GOOD, and
// returns a function that lists those so far.
func traceRefusals(t *testing.T) func() []string {
	t.Helper()
	const (
		trace = "/sys/kernel/debug/tracing/trace"
		event = "/sys/kernel/debug/tracing/events/scsi/scsi_dispatch_cmd_done"
	)
	write(t, trace, "")
	write(t, event+"/filter", "result != 0")
	write(t, event+"/enable", "1")
	t.Cleanup(func() {
		write(t, event+"/enable", "0")
		write(t, event+"/filter", "0")
	})
	return func() (lines []string) {
		for line := range strings.Lines(read(t, trace)) {
			if strings.Contains(line, "scsi_dispatch_cmd_done:") {
				lines = append(lines, line)
			}
		}
		return lines
	}
}
