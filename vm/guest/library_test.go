//go:build guest

package guest

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
)

// slice is the least that a program's own storage can be.
type slice []byte

func (s slice) ReadAt(p []byte, off int64) (int, error)  { return copy(p, s[off:]), nil }
func (s slice) WriteAt(p []byte, off int64) (int, error) { return copy(s[off:], p), nil }

// What the example of package sbc shows, with no daemon and no tool of ours: a
// program serves its own memory, and this machine has a disk of it.
func TestProgramServesItsOwnMemory(t *testing.T) {
	before := footprint(t)
	t.Cleanup(func() { requireFootprint(t, before) })
	memory := make(slice, 16*mib)
	store := backend.Adapt(memory, int64(len(memory)))

	root, err := lio.Open()
	require.NoError(t, err)
	device, err := root.CreateUser(lio.User{Name: "mem", Config: "example/mem", Size: store.Size()})
	require.NoError(t, err)
	var served *tcmu.Device
	t.Cleanup(func() {
		require.NoError(t, device.Delete())
		if served == nil {
			return
		}
		<-served.Done() // the kernel tells it
		require.ErrorIs(t, served.Err(), tcmu.ErrRemoved)
	})
	identity, err := device.Identity()
	require.NoError(t, err)
	unit, err := sbc.New(sbc.Config{Store: store, Identity: func() spc.Identity { return spc.Identity(identity) }})
	require.NoError(t, err)
	uio, err := device.UIO()
	require.NoError(t, err)
	served, err = tcmu.Open(t.Context(), tcmu.UIO{Path: "/dev/" + uio, HBA: device.HBA, Name: device.Name}, unit,
		tcmu.Options{Workers: 4})
	require.NoError(t, err)

	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Delete()) })
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	lun, err := tpg.CreateLUN(device, lio.AnyLUN)
	require.NoError(t, err)
	found, err := lun.WaitDisk(t.Context())
	require.NoError(t, err)
	must(t, "udevadm", "settle")

	sent := randomFile(t, mib)
	must(t, "dd", "if="+sent, "of=/dev/"+found.Block, "bs=64K", "seek=3", "oflag=direct")
	want, err := os.ReadFile(sent)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, memory[3*64<<10:][:mib]), "the program has what was written to the disk")
	got := disk{node: "/dev/" + found.Block}.content(t, mib, 3*64<<10)
	require.True(t, bytes.Equal(want, got), "the disk has what the program holds")
}
