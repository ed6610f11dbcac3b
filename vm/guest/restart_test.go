//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
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

// refused is how many commands have ended otherwise than in GOOD. What the
// kernel sent again with success counts too.
func (d disk) refused(t *testing.T) int {
	t.Helper()
	n, err := strconv.ParseInt(d.sys(t, "device/ioerr_cnt"), 0, 64)
	require.NoError(t, err)
	return int(n)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// awaitProgress waits until each of the disks has served so many commands more.
func awaitProgress(t *testing.T, disks []disk, commands int) {
	t.Helper()
	const step = 64 // which are not given more time because there are many
	for _, d := range disks {
		from := d.served(t)
		for next := min(step, commands); ; next = min(next+step, commands) {
			eventually(t, d.node+" goes on", func() bool { return d.served(t) >= from+next })
			if next == commands {
				break
			}
		}
	}
}

// requireStalled requires that commands wait for an answer and none gets one.
func requireStalled(t *testing.T, disks []disk) {
	t.Helper()
	var before []int
	for _, d := range disks {
		eventually(t, "commands wait at "+d.node, func() bool {
			reads, writes, _ := strings.Cut(d.sys(t, "inflight"), " ")
			return number(t, reads)+number(t, strings.TrimSpace(writes)) > 0
		})
		before = append(before, d.served(t))
	}
	time.Sleep(time.Second) // there is nothing to wait for: that is the point
	for i, d := range disks {
		require.Equal(t, before[i], d.served(t), d.node)
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
			daemon := startDaemon(t)
			disks := []disk{newRamdisk(t, "64M"), newFile(t, "64M"), newDirectFile(t, "64M")}
			log := kernelLog(t)
			var before []int
			for _, d := range disks {
				before = append(before, d.refused(t))
			}
			load := startCheck(t, disks...)
			awaitProgress(t, disks, 64)

			c.end(daemon)
			requireStalled(t, disks)
			daemon.start()
			awaitProgress(t, disks, 256) // 32 are written and then checked by turns: what was in flight is checked by then

			load.requireClean()
			requireQuiet(t, log())
			for i, d := range disks {
				require.Equal(t, c.busy, d.refused(t) > before[i], d.node)
			}
		})
	}
}

// After a longer pause the ring is reset even though it was left in good
// order: the kernel may soon give up the commands in it (cmd_time_out), and a
// write that it has given up must not be carried out any more.
func TestLongPauseEndsInBusy(t *testing.T) {
	daemon := startDaemon(t)
	object := create(t, "ramdisk", "rd0", "8M")
	write(t, fmt.Sprintf("%s/core/user_%d/rd0/attrib/cmd_time_out", configfs, object.Properties.HBA), "20")
	d := attach(t, object)
	sent, log, before := randomFile(t, mib), kernelLog(t), d.refused(t)

	daemon.terminate()
	began := time.Now()
	dd := exec.Command("dd", "if="+sent, "of="+d.node, "bs=1M", "oflag=direct")
	require.NoError(t, dd.Start())
	time.Sleep(time.Until(began.Add(11 * time.Second))) // more than half, and enough left to be in time
	daemon.start()

	require.NoError(t, dd.Wait())
	want, err := os.ReadFile(sent)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, d.content(t, mib, 0)))
	require.Greater(t, d.refused(t), before)
	requireQuiet(t, log())
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
