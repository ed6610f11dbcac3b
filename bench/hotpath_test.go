// Package bench holds what measures: disks side by side in the virtual machine (compare, ceiling), and what is made of it
// (report, publish). What a command costs without a kernel is measured where the ring is (tcmu/engine_bench_test.go). Here
// is what all of that rests on: the data path allocates nothing.
package bench

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

const storeSize = 64 << 20

// stores are those that a ring may have behind it, with the workers that the daemon gives them.
var stores = []struct {
	name    string
	workers int
	open    func(t testing.TB) backend.Store
}{
	{"null", 0, func(testing.TB) backend.Store { return backend.NewNull(storeSize) }},
	{"ramdisk", 0, func(t testing.TB) backend.Store {
		s, err := backend.NewRamdisk(storeSize)
		require.NoError(t, err)
		return s
	}},
	{"file", 16, func(t testing.TB) backend.Store {
		path := filepath.Join(t.TempDir(), "disk.img")
		_, err := backend.CreateFile(path, storeSize)
		require.NoError(t, err)
		s, err := backend.OpenFile(path, backend.FileOptions{BlockSize: 512})
		require.NoError(t, err)
		return s
	}},
}

// attach serves a ring of a fake kernel with a disk made of store, until the test ends.
func attach(t testing.TB, store backend.Store, workers int) *tcmutest.Kernel {
	disk, err := sbc.New(sbc.Config{
		Store:    store,
		Identity: func() spc.Identity { return spc.Identity{Vendor: "LIO-ORG", Product: "bench", Serial: "0"} },
	})
	require.NoError(t, err)
	kernel := tcmutest.New(t, tcmutest.Config{Blocks: 1024})
	memory, fd, err := kernel.Open()
	require.NoError(t, err)
	device, err := tcmu.Attach(tcmu.Port{Name: t.Name(), Memory: memory, FD: fd}, disk,
		tcmu.Options{Nexus: disk.Join("bench"), Workers: workers})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := device.Stop(context.Background())
		require.NoError(t, err)
		require.NoError(t, store.Close())
	})
	return kernel
}

// read10 and write10 move n bytes from or to block 0 in blocks of 512 bytes.
func read10(n int) *tcmutest.Command {
	return &tcmutest.Command{CDB: cdb10(0x28, n), In: n}
}

func write10(n int) *tcmutest.Command {
	return &tcmutest.Command{CDB: cdb10(0x2a, n), Out: make([]byte, n)}
}

func cdb10(code byte, n int) []byte {
	cdb := make([]byte, 10)
	cdb[0] = code
	binary.BigEndian.PutUint16(cdb[7:], uint16(n/512))
	return cdb
}

// The data path allocates nothing, from the entry in the ring to the completion in it.
func TestReadAndWriteAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates; the test runs without it")
	}
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			kernel := attach(t, s.open(t), s.workers)
			for name, command := range map[string]*tcmutest.Command{
				"READ 4 KiB": read10(4 << 10), "WRITE 4 KiB": write10(4 << 10),
				"READ 1 MiB": read10(1 << 20), "WRITE 1 MiB": write10(1 << 20),
			} {
				for range 300 { // slots, workers and their buffers are made when first needed
					kernel.Do(command)
				}
				require.Zero(t, command.Status, name)
				require.Zero(t, testing.AllocsPerRun(200, func() { kernel.Do(command) }), name)
			}
		})
	}
}
