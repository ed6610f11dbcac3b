package backend_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
)

func TestOpenFileErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int64{"disk": 1 << 20, "empty": 0, "odd": 1000, "sector": 512, "served": 512, "shared": 512} {
		require.NoError(t, os.WriteFile(at(name), make([]byte, size), 0o600))
	}
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o600))
	for name, opt := range map[string]backend.FileOptions{"served": {}, "shared": {ReadOnly: true}} {
		s, err := backend.OpenFile(at(name), opt)
		require.NoError(t, err)
		defer s.Close()
	}

	for _, test := range []struct {
		name, path string
		opt        backend.FileOptions
		message    string
		is         error
	}{
		{"missing", at("missing"), backend.FileOptions{}, "does not exist: give a size to create it", os.ErrNotExist},
		{"size 0", at("empty"), backend.FileOptions{}, `has size 0: give it one with "truncate -s SIZE ` + at("empty"), nil},
		{"not a multiple of the block", at("odd"), backend.FileOptions{}, "size 1000 is not a multiple of the block size 512", nil},
		{"not a multiple of 4096", at("sector"), backend.FileOptions{BlockSize: 4096}, "size 512 is not a multiple of the block size 4096", nil},
		{"smaller than asked", at("disk"), backend.FileOptions{Size: 2 << 20}, "has 1048576 bytes, 2097152 are asked for: enlarge it", nil},
		{"asked for no multiple", at("disk"), backend.FileOptions{Size: 513}, "size 513 is not a multiple of the block size 512", nil},
		{"asked for less than nothing", at("disk"), backend.FileOptions{Size: -512}, "size -512 is not", nil},
		{"directory", dir, backend.FileOptions{}, "is a directory: name a file in it", nil},
		{"fifo", at("fifo"), backend.FileOptions{}, "neither a regular file nor a block device", nil},
		{"character device", "/dev/null", backend.FileOptions{}, "neither a regular file nor a block device", nil},
		{"below a file", at("disk/disk"), backend.FileOptions{}, "not a directory", syscall.ENOTDIR},
		{"served already", at("served"), backend.FileOptions{}, "in use by another program", syscall.EWOULDBLOCK},
		{"served, read-only wanted", at("served"), backend.FileOptions{ReadOnly: true}, "in use", syscall.EWOULDBLOCK},
		{"read by others", at("shared"), backend.FileOptions{}, "in use", syscall.EWOULDBLOCK},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := backend.OpenFile(test.path, test.opt)
			require.ErrorContains(t, err, test.message)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
		})
	}

	s, err := backend.OpenFile(at("shared"), backend.FileOptions{ReadOnly: true})
	require.NoError(t, err, "several may read")
	require.NoError(t, s.Close())
}

func TestOpenFileUsesPartOfALargerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{1}, 8192), 0o600))
	s, err := backend.OpenFile(path, backend.FileOptions{Size: 4096, BlockSize: 4096})
	require.NoError(t, err)
	defer s.Close()
	require.EqualValues(t, 4096, s.Size())
	iov := [][]byte{make([]byte, 4096)}
	require.NoError(t, s.Writev(iov, 0, false))
	require.ErrorIs(t, s.Writev(iov, 4096, false), syscall.EINVAL, "the rest is not ours")
	require.ErrorIs(t, s.Readv(iov, 512), syscall.EINVAL)
	require.ErrorIs(t, s.Discard(0, 8192), syscall.EINVAL)
	require.ErrorIs(t, s.Zero(4096, 512, false), syscall.EINVAL)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, append(make([]byte, 4096), bytes.Repeat([]byte{1}, 4096)...), content)
}

func TestReadOnlyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte{1}, 4096), 0o400))
	s, err := backend.OpenFile(path, backend.FileOptions{ReadOnly: true, Journals: t.TempDir()})
	require.NoError(t, err)
	defer s.Close()
	require.True(t, s.Traits().ReadOnly)
	require.Equal(t, backend.None, backend.Resolve(s).Discards())

	got := make([]byte, 1024)
	require.NoError(t, s.Readv([][]byte{got}, 512))
	require.Equal(t, bytes.Repeat([]byte{1}, 1024), got)
	require.ErrorIs(t, s.Writev([][]byte{got}, 0, false), syscall.EROFS)
	require.ErrorIs(t, s.Zero(0, 512, true), syscall.EROFS)
	require.ErrorIs(t, s.Discard(0, 512), syscall.EROFS)
	require.ErrorIs(t, s.WriteAtomic([][]byte{got}, 0, false), syscall.EROFS)
	require.ErrorIs(t, s.CopyFrom(0, backend.NewNull(512), 0, 512), errors.ErrUnsupported)
	m := backend.Resolve(s)
	require.ErrorIs(t, m.WriteAtomic([][]byte{got}, 0, false), syscall.EROFS)
	require.ErrorIs(t, m.CopyFrom(0, m, 512, 512), syscall.EROFS)
	require.Zero(t, m.MaxAtomic())
	require.NoError(t, s.Flush())
}

func TestFileTruncatedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	s := fileDisk(8192)(t, path)
	defer s.Close()
	require.NoError(t, os.Truncate(path, 4096+100))
	err := s.Readv([][]byte{make([]byte, 4096)}, 4096)
	require.ErrorContains(t, err, "was it truncated?", "a short file is an error, not zeros")
}

func TestFileGivesSpaceBack(t *testing.T) {
	for name, dir := range map[string]func(*testing.T) string{"disk": (*testing.T).TempDir, "tmpfs": shmDir} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir(t), "disk")
			s := backend.Resolve(fileDisk(4<<20)(t, path))
			defer s.Close()
			require.Equal(t, backend.Native, s.Discards())
			require.Zero(t, allocated(t, path), "a new file is sparse")
			require.NoError(t, s.Writev([][]byte{bytes.Repeat([]byte{1}, 4<<20)}, 0, true))
			full := allocated(t, path)
			require.GreaterOrEqual(t, full, int64(4<<20))

			require.NoError(t, s.Zero(0, 1<<20, true))
			require.NoError(t, s.Flush())
			require.GreaterOrEqual(t, allocated(t, path), int64(4<<20), "zeros keep their space")
			require.NoError(t, s.Discard(512, 2<<20))
			require.NoError(t, s.Flush())
			require.LessOrEqual(t, allocated(t, path), full-2<<20+2*s.Traits().Granularity)
		})
	}
}

func TestCreateFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk")
	created, err := backend.CreateFile(path, 1<<30)
	require.NoError(t, err)
	require.True(t, created)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 1<<30, info.Size())
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.Zero(t, allocated(t, path))

	created, err = backend.CreateFile(path, 1<<30)
	require.NoError(t, err, "a file of that size is used as it is")
	require.False(t, created)

	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	for _, test := range []struct {
		name, path string
		size       int64
		message    string
		is         error
	}{
		{"another size", path, 1 << 20, "exists with 1073741824 bytes, not 1048576: give no size to use it as it is", os.ErrExist},
		{"no size", filepath.Join(dir, "new"), 0, "give a size above 0", nil},
		{"size negative", filepath.Join(dir, "new"), -1, "give a size above 0", nil},
		{"directory", dir, 1 << 20, "is a directory", nil},
		{"fifo", filepath.Join(dir, "fifo"), 1 << 20, "neither a regular file nor a block device", nil},
		{"no directory", filepath.Join(dir, "a/b"), 1 << 20, "make its directory first", os.ErrNotExist},
		{"below a file", filepath.Join(path, "b"), 1 << 20, "not a directory", syscall.ENOTDIR},
		{"dangling link", filepath.Join(dir, "dangling"), 1 << 20, "no such file", os.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			created, err := backend.CreateFile(test.path, test.size)
			require.ErrorContains(t, err, test.message)
			require.False(t, created)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
		})
	}
	require.NoFileExists(t, filepath.Join(dir, "new"))
}
