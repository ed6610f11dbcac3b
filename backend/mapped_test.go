package backend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// maps lists the stretches of a store, neighbours of one kind as one, in KiB: "0-4 mapped".
func maps(t *testing.T, s backend.Store) []string {
	m := backend.Resolve(s)
	var all []string
	begin, was := int64(0), false
	for off := int64(0); off < m.Size(); {
		mapped, end, err := m.Mapped(off, m.Size())
		require.NoError(t, err)
		if off == 0 || mapped == was {
			was = mapped
		} else {
			all = append(all, stretch(begin, off, was))
			begin, was = off, mapped
		}
		off = end
	}
	return append(all, stretch(begin, m.Size(), was))
}

func stretch(off, end int64, mapped bool) string {
	kind := map[bool]string{true: "mapped", false: "hole"}[mapped]
	return fmt.Sprintf("%d-%d %s", off>>10, end>>10, kind)
}

// On pages of 4 KiB: a block in a page, and two pages at the end.
func TestMapped(t *testing.T) {
	const size = 300 << 20 // three leaves of a ramdisk
	for name, open := range map[string]func(t *testing.T) backend.Store{
		"ramdisk": func(t *testing.T) backend.Store { return memoryDisk(t, size) },
		"file":    func(t *testing.T) backend.Store { return fileDisk(size)(t, filepath.Join(t.TempDir(), "disk")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			require.Equal(t, []string{"0-307200 hole"}, maps(t, s))
			require.NoError(t, s.Writev([][]byte{make([]byte, 512)}, 1<<20+1024, false))
			require.NoError(t, s.Writev([][]byte{make([]byte, 8192)}, size-8192, true))
			require.Equal(t, []string{"0-1024 hole", "1024-1028 mapped", "1028-307192 hole", "307192-307200 mapped"}, maps(t, s))
			require.NoError(t, backend.Resolve(s).Discard(0, size-4096))
			require.Equal(t, []string{"0-307196 hole", "307196-307200 mapped"}, maps(t, s))
		})
	}
	require.Equal(t, []string{"0-4 hole"}, maps(t, backend.NewNull(4096)))
	require.Equal(t, []string{"0-4 mapped"}, maps(t, backend.Adapt(make(byteDisk, 4096), 4096)), "not known")
}

// Stretches end where they are asked to, and a cut-off file is not a hole that can be walked for ever.
func TestMappedLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	s := fileDisk(1<<20)(t, path).(*backend.File)
	defer s.Close()
	require.NoError(t, s.Writev([][]byte{make([]byte, 8192)}, 4096, false))
	for _, test := range []struct {
		off, limit int64
		mapped     bool
		end        int64
	}{{0, 512, false, 512}, {512, 8192, false, 4096}, {4608, 5120, true, 5120}, {8192, 1 << 20, true, 12288}, {12288, 13312, false, 13312}} {
		mapped, end, err := s.Mapped(test.off, test.limit)
		require.NoError(t, err)
		require.Equal(t, test.mapped, mapped, "%+v", test)
		require.Equal(t, test.end, end, "%+v", test)
	}
	require.NoError(t, os.Truncate(path, 4096))
	_, end, err := s.Mapped(8192, 1<<20)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, end)
	_, _, err = s.Mapped(0, 2<<20)
	require.ErrorIs(t, err, syscall.EINVAL)
}

// TestSpace: what a ramdisk or a file takes is what was written to it, and what is left that of the file system.
func TestSpace(t *testing.T) {
	dir := tinyTmpfs(t)
	for name, s := range map[string]backend.Store{
		"ramdisk": openRamdisk(t, filepath.Join(dir, "ramdisk"), 4<<20),
		"file":    fileDisk(4<<20)(t, filepath.Join(dir, "file")),
	} {
		m := backend.Resolve(s)
		used, before, err := m.Space()
		require.NoError(t, err)
		require.Zero(t, used, name)
		require.LessOrEqual(t, before, int64(1<<20))
		require.NoError(t, m.Writev([][]byte{make([]byte, 128<<10)}, 0, false))
		used, after, err := m.Space()
		require.NoError(t, err)
		require.EqualValues(t, 128<<10, used, name)
		require.EqualValues(t, 128<<10, before-after, name)
		require.NoError(t, m.Close())
	}
	anonymous := memoryDisk(t, 1<<20)
	defer anonymous.Close()
	used, free, err := anonymous.Space()
	require.NoError(t, err)
	require.Zero(t, used)
	require.Greater(t, free, int64(1<<20), "as much as the machine has")
	require.Less(t, free, int64(1<<50))

	_, _, err = backend.Resolve(bare{anonymous}).Space()
	require.ErrorContains(t, err, "does not know how much space is left")
}
