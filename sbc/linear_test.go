package sbc_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/lineartest"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// TestLinearizable: initiators that collide on a few blocks, of a store that fails now and then, see one order.
func TestLinearizable(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (backend.Store, error){
		"ramdisk": func(*testing.T) (backend.Store, error) { return backend.NewRamdisk(1 << 20) },
		"file": func(t *testing.T) (backend.Store, error) {
			return backend.OpenFile(newFile(t, 1<<20), backend.FileOptions{})
		},
		"direct": func(t *testing.T) (backend.Store, error) {
			return backend.OpenFile(newFile(t, 1<<20), backend.FileOptions{Direct: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := open(t)
			if errors.Is(err, syscall.EINVAL) {
				t.Skip(err) // no direct I/O on this host's file system
			}
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			requireLinearizable(t, newDisk(t, backend.Intercept(store, failAtRandom)))
		})
	}
}

// requireLinearizable lets four initiators loose on a disk.
func requireLinearizable(t *testing.T, d *sbc.Disk) {
	t.Helper()
	history, seed, err := race(t, d)
	require.NoError(t, err, "seed %d", seed)
	page := filepath.Join(t.ArtifactDir(), "history.html")
	require.NoError(t, history.Check(page), "seed %d (go test -artifacts keeps the page)", seed)
}

func race(t *testing.T, d *sbc.Disk) (*lineartest.History, uint64, error) {
	seed := uint64(time.Now().UnixNano())
	r := lineartest.Race{Seed: seed, Blocks: 4}
	for i := range 4 {
		n := scsitest.Join(t, d.Unit, fmt.Sprint("host ", i), &seen).Nexus()
		r.Initiators = append(r.Initiators, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
			c.Nexus = n
			return d.Do(c)
		}))
	}
	history, err := r.Run(1000, nil)
	return history, seed, err
}

// TestLinearizableFindsLostWrites: a store that loses a write in fifty is found out.
func TestLinearizableFindsLostWrites(t *testing.T) {
	history, _, err := race(t, newDisk(t, &lossy{Store: ramdisk(t)}))
	require.NoError(t, err)
	page := filepath.Join(t.TempDir(), "history.html")
	require.ErrorContains(t, history.Check(page), "linearizable: Illegal")
	require.FileExists(t, page)
}

// lossy is a store that says of each fiftieth write that it is done, and has not done it.
type lossy struct {
	backend.Store
	writes atomic.Int64
}

func (f *lossy) Writev(iov [][]byte, off int64, durable bool) error {
	if f.writes.Add(1)%50 == 0 {
		return nil
	}
	return f.Store.Writev(iov, off, durable)
}

func failAtRandom(op backend.Op, _, _ int64) error {
	errs := []error{syscall.EIO, syscall.ENOSPC, syscall.ETIMEDOUT, syscall.ENOMEM, syscall.EREMOTEIO}
	if op == backend.OpFlush || rand.IntN(20) > 0 {
		return nil
	}
	return errs[rand.IntN(len(errs))]
}
