package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// A command that takes long is named once, with where it is, and once more when it is over.
func TestWhatTakesLongIsNamedOnce(t *testing.T) {
	v := device(t, idle(t), "rd0")
	var log bytes.Buffer
	v.log = slog.New(slog.NewTextHandler(&log, nil))
	looks := 0
	stacks := func() string { looks++; return "in pwritev" }
	said := func() string {
		defer log.Reset()
		return log.String()
	}
	var l lookout
	first := tcmu.Overdue{ID: 3, CDB: []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}, For: 16 * time.Second}
	second := tcmu.Overdue{ID: 4, CDB: []byte{0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0}, For: 15 * time.Second}

	l.name(v, []tcmu.Overdue{first}, stacks)
	text := said()
	require.Contains(t, text, `level=WARN msg="a command takes long: its store does not answer" id=3 cdb="35 00 00 00 00 00 00 00 00 00" for=16s where="in pwritev"`)
	l.name(v, []tcmu.Overdue{first}, stacks)
	require.Empty(t, said())
	l.name(v, []tcmu.Overdue{first, second}, stacks)
	text = said()
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Contains(t, text, `id=4 cdb="2a 00`)
	l.name(v, []tcmu.Overdue{second}, stacks)
	require.Contains(t, said(), `level=INFO msg="a command that has taken long is over" id=3`)
	l.name(v, nil, stacks)
	require.Contains(t, said(), "is over\" id=4")
	require.Empty(t, l.named)
	require.Equal(t, 2, looks)
}

// hanging is a volume whose store hangs in each flush until the gate is closed, and says when it does.
func hanging(t *testing.T, d *Daemon, without ...uint16) (v *volume, k *tcmutest.Kernel, hangs chan struct{}, letGo func()) {
	v = put(t, d, "disk0")
	hangs = make(chan struct{}, 10)
	gate := make(chan struct{})
	letGo = sync.OnceFunc(func() { close(gate) })
	path := filepath.Join(t.TempDir(), "disk0.img")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	file, err := backend.OpenFile(path, backend.FileOptions{})
	require.NoError(t, err)
	store := backend.Intercept(file, func(op backend.Op, _, _ int64) error {
		if op == backend.OpFlush {
			hangs <- struct{}{}
			<-gate
		}
		return nil
	})
	disk, err := sbc.New(sbc.Config{Store: store, Identity: v.identity})
	require.NoError(t, err)
	k = tcmutest.New(t, tcmutest.Config{Without: append(without, 0)[0]})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	ring, err := tcmu.Attach(tcmu.Port{Name: "disk0", Memory: mem, FD: fd}, disk, tcmu.Options{Workers: 1, AtOnce: true, Nexus: disk.Join("all"),
		Control: &tcmu.Control{BlockDev: k.BlockDev, ResetRing: k.ResetRing, FreeKeptBuffer: k.FreeKeptBuffer}})
	require.NoError(t, err)
	t.Cleanup(func() {
		letGo()
		_, err := ring.Stop(context.Background())
		require.NoError(t, err)
		require.NoError(t, file.Close())
	})
	v.disk.Store(disk)
	v.ring.Store(ring)
	return v, k, hangs, letGo
}

// soon waits for the store to hang.
func soon(t *testing.T, hangs <-chan struct{}) {
	t.Helper()
	select {
	case <-hangs:
	case <-time.After(10 * time.Second):
		t.Fatal("the store has not been asked")
	}
}

// A store that does not answer is away, as initiators hear at once, until it does: nothing is written that a write could be
// lost by which it still has.
func TestAStoreThatHangsIsAwayUntilItAnswers(t *testing.T) {
	for _, tt := range []struct {
		failFast bool
		sense    string
	}{{false, "04 01"}, {true, "04 03"}} {
		d := idle(t)
		v, k, hangs, letGo := hanging(t, d)
		disk := v.disk.Load()
		flush := &tcmutest.Command{CDB: []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
		write := &tcmutest.Command{CDB: []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Out: make([]byte, 512)}
		inquiry := &tcmutest.Command{CDB: []byte{0x12, 0, 0, 0, 36, 0}, In: 36}
		k.Do(write)
		require.Zero(t, write.Status)
		k.Submit(flush)
		soon(t, hangs)

		away := d.endOverdue(map[*sbc.Disk]*volume{})
		require.Empty(t, away, "as long as it takes")
		require.False(t, flush.Ended())
		disk.SetAttributes(sbc.Attributes{StoreTimeout: 1, FailFast: tt.failFast})
		require.Eventually(t, func() bool { away = d.endOverdue(away); return len(away) == 1 }, 10*time.Second, time.Millisecond)
		k.Wait(flush)
		requireSense(t, flush, tt.sense)
		k.Do(&tcmutest.Command{CDB: make([]byte, 6)}) // hears of the change
		k.Do(write)
		requireSense(t, write, tt.sense)
		k.Do(inquiry)
		require.Zero(t, inquiry.Status, "what needs no store goes on")
		require.EqualValues(t, 1, v.count().Abandoned)
		require.Equal(t, away, d.endOverdue(away), "it hangs still")

		letGo()
		require.Eventually(t, func() bool { away = d.endOverdue(away); return len(away) == 0 }, 10*time.Second, time.Millisecond)
		for _, c := range []*tcmutest.Command{write, flush} {
			k.Do(c)
			require.Zero(t, c.Status)
		}
		require.Zero(t, k.Kept())
	}
}

// requireSense requires that c has ended NOT READY, with that code.
func requireSense(t *testing.T, c *tcmutest.Command, code string) {
	t.Helper()
	require.EqualValues(t, scsi.CheckCondition, c.Status)
	require.Equal(t, byte(scsi.NotReady), c.Sense[2])
	require.Equal(t, code, fmt.Sprintf("% x", c.Sense[12:14]))
}

// FORMAT UNIT and its like take as long as they take.
func TestLengthyCommandsAreNotEnded(t *testing.T) {
	d := idle(t)
	v, k, hangs, letGo := hanging(t, d) // the job ends with a flush
	v.disk.Load().SetAttributes(sbc.Attributes{StoreTimeout: 1})
	k.Do(&tcmutest.Command{CDB: make([]byte, 6)}) // hears of the change
	format := &tcmutest.Command{CDB: []byte{0x04, 0, 0, 0, 0, 0}}
	k.Submit(format)
	soon(t, hangs)
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
		require.Empty(t, d.endOverdue(map[*sbc.Disk]*volume{}))
	}
	require.False(t, format.Ended())
	letGo()
	k.Wait(format)
	require.Zero(t, format.Status)
}

// A kernel that cannot let go of a command leaves the disk as it was: what else it can do, it does.
func TestAStoreThatHangsBelowAnOldKernel(t *testing.T) {
	d := idle(t)
	v, k, hangs, letGo := hanging(t, d, tcmutest.KeepBuffer)
	flush := &tcmutest.Command{CDB: []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	k.Submit(flush)
	soon(t, hangs)
	disk := v.disk.Load()
	disk.SetAttributes(sbc.Attributes{StoreTimeout: 1})
	for began := time.Now(); time.Since(began) < 20*time.Millisecond; {
		require.Empty(t, d.endOverdue(map[*sbc.Disk]*volume{}))
	}
	require.True(t, disk.NotReady().OK())
	require.False(t, flush.Ended())
	letGo()
	k.Wait(flush)
	require.Zero(t, flush.Status)
}
