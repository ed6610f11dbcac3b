package backend_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
)

// TestCopyIsThin: what is in neither stays so, and what is in the destination only becomes zeros.
func TestCopyIsThin(t *testing.T) {
	const size = 4 << 20
	for name, open := range map[string]func(t *testing.T) backend.Store{
		"ramdisk": func(t *testing.T) backend.Store { return memoryDisk(t, size) },
		"file":    func(t *testing.T) backend.Store { return fileDisk(size)(t, filepath.Join(t.TempDir(), "disk")) },
	} {
		t.Run(name, func(t *testing.T) {
			from, to := backend.Resolve(open(t)), backend.Resolve(open(t))
			defer from.Close()
			defer to.Close()
			data := bytes.Repeat([]byte{7}, 4096)
			require.NoError(t, from.Writev([][]byte{data}, 1<<20, false))
			require.NoError(t, to.Writev([][]byte{data}, 2<<20, false))
			require.NoError(t, to.CopyFrom(0, from, 0, size))
			require.Equal(t, []string{"0-1024 hole", "1024-1028 mapped"}, maps(t, to)[:2])
			got := make([]byte, size)
			require.NoError(t, to.Readv([][]byte{got}, 0))
			want := make([]byte, size)
			copy(want[1<<20:], data)
			require.True(t, bytes.Equal(want, got))
		})
	}
}

// A copy between files, within one, and to another file system, whoever makes it.
func TestFileCopies(t *testing.T) {
	const size = 1 << 20
	a := backend.Resolve(fileDisk(size)(t, filepath.Join(t.TempDir(), "a")))
	defer a.Close()
	b := backend.Resolve(fileDisk(size)(t, filepath.Join(shmDir(t), "b")))
	defer b.Close()
	data := bytes.Repeat([]byte("12345678"), size/8)
	require.NoError(t, a.Writev([][]byte{data[:size/2]}, 0, false))
	for _, dst := range []*backend.Medium{a, b} {
		require.NoError(t, dst.CopyFrom(size/2+512, a, 512, 300<<10))
		got := make([]byte, 300<<10)
		require.NoError(t, dst.Readv([][]byte{got}, size/2+512))
		require.True(t, bytes.Equal(data[:len(got)], got))
	}
}

// xfs mounts a new file system whose files can share space.
func xfs(t *testing.T) string {
	mkfs, err := exec.LookPath("mkfs.xfs")
	if err != nil {
		t.Skip("this host has no mkfs.xfs")
	}
	image := filepath.Join(t.TempDir(), "image")
	_, err = backend.CreateFile(image, 512<<20)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, command := range [][]string{{mkfs, "-q", "-m", "reflink=1", image}, {"mount", "-o", "loop", image, dir}} {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

// Where files can share space, a copy of whole blocks of the file system takes none, and parts of blocks are right too.
func TestFileCopiesShareSpace(t *testing.T) {
	dir := xfs(t)
	const size = 32 << 20
	a := fileDisk(size)(t, filepath.Join(dir, "a")).(*backend.File)
	defer a.Close()
	b := fileDisk(size)(t, filepath.Join(dir, "b")).(*backend.File)
	defer b.Close()
	data := bytes.Repeat([]byte("12345678"), size/8)
	require.NoError(t, a.Writev([][]byte{data}, 0, true))
	_, before, err := b.Space()
	require.NoError(t, err)
	require.NoError(t, b.CopyFrom(0, a, 0, size))
	require.NoError(t, b.Flush())
	_, after, err := b.Space()
	require.NoError(t, err)
	require.Less(t, before-after, int64(size/8), "the space is shared")

	got := make([]byte, 10<<10)
	for _, test := range []struct {
		name           string
		src            backend.Store
		off, srcOff, n int64
		is             error // nil: it is copied
	}{
		{name: "parts of blocks", src: a, off: 512, srcOff: 4096 + 512, n: 10 << 10},
		{name: "within a file", src: b, off: 20 << 10, srcOff: 1024, n: 9 << 10},
		{name: "onto a part of itself", src: b, off: 1024, srcOff: 512, n: 1024, is: errors.ErrUnsupported},
		{name: "from another kind of store", src: backend.NewNull(size), n: 512, is: errors.ErrUnsupported},
		{name: "behind the end", src: a, off: size - 512, n: 1024, is: syscall.EINVAL},
		{name: "from behind the end", src: a, srcOff: size - 512, n: 1024, is: syscall.EINVAL},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := b.CopyFrom(test.off, test.src, test.srcOff, test.n)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
				return
			}
			require.NoError(t, err)
			require.NoError(t, b.Readv([][]byte{got[:test.n]}, test.off))
			require.Equal(t, data[:test.n], got[:test.n])
		})
	}
	elsewhere := fileDisk(size)(t, filepath.Join(t.TempDir(), "c"))
	defer elsewhere.Close()
	require.ErrorIs(t, b.CopyFrom(0, elsewhere, 0, size), errors.ErrUnsupported)
	require.NoError(t, backend.Resolve(b).CopyFrom(0, backend.Resolve(elsewhere), 0, size), "from another file system")
}

// TestCopyErrors: nothing is hidden, whichever side fails.
func TestCopyErrors(t *testing.T) {
	const size = 1 << 20
	ok := func(backend.Op, int64, int64) error { return nil }
	for name, op := range map[string]backend.Op{"read": backend.OpRead, "write": backend.OpWrite} {
		from, to := memoryDisk(t, size), memoryDisk(t, size)
		defer from.Close()
		defer to.Close()
		require.NoError(t, from.Writev([][]byte{make([]byte, size)}, 0, false))
		hooks := map[backend.Op]backend.Hook{backend.OpRead: ok, backend.OpWrite: ok}
		hooks[op] = backend.FailNth(op, 3, syscall.EIO)
		src := backend.Resolve(backend.Intercept(from, hooks[backend.OpRead]))
		dst := backend.Resolve(backend.Intercept(to, hooks[backend.OpWrite]))
		require.ErrorIs(t, dst.CopyFrom(0, src, 0, size), syscall.EIO, name)
		require.NoError(t, dst.CopyFrom(0, src, 0, size), name)
	}
	s := backend.Resolve(backend.NewNull(size))
	require.ErrorIs(t, s.CopyFrom(0, s, 512, size), syscall.EINVAL)
	require.ErrorIs(t, s.CopyFrom(512, s, 0, size), syscall.EINVAL)
}

// BenchmarkFileCopy is what the kernel saves where files share space, in the folder that TCMUD_REFLINK names.
func BenchmarkFileCopy(b *testing.B) {
	dir := os.Getenv("TCMUD_REFLINK")
	if dir == "" {
		b.Skip("TCMUD_REFLINK names no folder on xfs or btrfs")
	}
	const size = 64 << 20
	var files [2]*backend.File
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint("disk", i))
		_, err := backend.CreateFile(path, size)
		require.NoError(b, err)
		files[i], err = backend.OpenFile(path, backend.FileOptions{})
		require.NoError(b, err)
		defer files[i].Close()
		require.NoError(b, files[i].Writev([][]byte{bytes.Repeat([]byte{1}, size)}, 0, true))
	}
	for _, n := range []int64{64 << 10, 1 << 20, 16 << 20} {
		for _, to := range []struct {
			name string
			dst  *backend.Medium
		}{{"kernel", backend.Resolve(files[0])}, {"buffer", backend.Resolve(bare{files[0]})}} {
			b.Run(fmt.Sprintf("%s/%d", to.name, n), func(b *testing.B) {
				src := backend.Resolve(files[1])
				b.SetBytes(n)
				for off := int64(0); b.Loop(); off = (off + n) % size {
					require.NoError(b, to.dst.CopyFrom(off, src, off, n))
				}
			})
		}
	}
}
