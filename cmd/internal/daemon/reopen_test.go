package daemon

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// A store that cannot be opened when tcmud starts - a file of a server, say - is opened when it can be.
func TestAVolumeWhoseStoreAppearsIsServed(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "disk0.img")
	m.create("disk0", "tcmud/fileio"+path)
	m.said("disk0", control.Failed)
	require.Equal(t, scsi.LogicalUnitNotReadyManual, m.send("disk0"))
	m.reopen()
	time.Sleep(20 * time.Millisecond) // there is nothing to wait for: that is the point
	m.said("disk0", control.Failed)

	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	failed := m.volume("disk0")
	m.until(func() bool { m.reopen(); return m.volume("disk0") != failed })
	m.said("disk0", control.Serving)
	require.True(t, m.send("disk0").OK())
}

// lostStore is a store that says of itself that it can be opened anew.
type lostStore struct{ back atomic.Bool }

func (l *lostStore) Returned() bool  { return l.back.Load() }
func (l *lostStore) Unflushed() bool { return true }

// A volume that has lost its store is begun anew when that is there again, and not before; nor does one that never failed ask.
func TestAVolumeWhoseStoreReturnsIsBegunAnew(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "disk0.img")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	m.create("disk0", "tcmud/fileio"+path)
	m.said("disk0", control.Serving)
	v, store := m.volume("disk0"), &lostStore{}
	m.Daemon.mu.Lock()
	v.store = store
	m.Daemon.mu.Unlock()
	store.back.Store(true)
	require.Nil(t, v.returning(), "it has not failed")
	v.errors.Add(1)
	store.back.Store(false)
	m.reopen()
	time.Sleep(20 * time.Millisecond)
	require.Same(t, v, m.volume("disk0"))

	store.back.Store(true)
	m.until(func() bool { m.reopen(); return m.volume("disk0") != v })
	m.said("disk0", control.Serving)
	require.Nil(t, m.volume("disk0").returning())
	flush := []byte{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	require.Equal(t, scsi.WriteError, m.do("disk0", &tcmutest.Command{CDB: flush}), "what was not flushed is lost")
	require.True(t, m.do("disk0", &tcmutest.Command{CDB: flush}).OK())
}

// A ring that holds what the kernel never writes is reset, and then serves again.
func TestABrokenRingIsMended(t *testing.T) {
	m := newMachine(t)
	rings := make(chan []byte, 2)
	m.open = func(ctx context.Context, u tcmu.UIO, h scsi.Handler, o tcmu.Options) (*tcmu.Device, error) {
		k := m.ring(u.Name)
		o.Control.BlockDev, o.Control.ResetRing = k.BlockDev, k.ResetRing
		mem, fd, err := k.Open()
		if err != nil {
			return nil, err
		}
		rings <- mem
		return tcmu.Attach(tcmu.Port{Name: u.Name, Memory: mem, FD: fd}, h, o)
	}
	m.create("null", "tcmud/null")
	m.said("null", control.Serving)
	require.True(t, m.send("null").OK())

	k, c := m.ring("null"), &tcmutest.Command{CDB: make([]byte, 6)}
	mem := <-rings
	k.Plug()
	k.Submit(c)
	const head = 12
	binary.NativeEndian.PutUint32(mem[head:], 3)
	k.Unplug()
	require.Contains(t, m.said("null", control.Failed).Error, "broken ring")
	failed := m.volume("null")
	m.until(func() bool { m.reopen(); return m.volume("null") != failed })
	m.said("null", control.Serving)
	k.Wait(c)
	require.EqualValues(t, scsi.Busy, c.Status, "so that it is sent again")
	require.True(t, m.send("null").OK())
}
