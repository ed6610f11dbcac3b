package backend_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
)

// tinyTmpfs mounts a tmpfs of 1 MiB for the test.
func tinyTmpfs(t *testing.T) string { return mountTmpfs(t, "size=1m") }

// mountTmpfs mounts a tmpfs with options for as long as a test takes.
func mountTmpfs(t *testing.T, options string) string {
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, options)
	if err == unix.EPERM {
		t.Skip("mounting a tmpfs needs root")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

func TestFullDisk(t *testing.T) {
	const size = 4 << 20
	for name, open := range map[string]func(t *testing.T, path string) backend.Store{
		"ramdisk": func(t *testing.T, path string) backend.Store { return openRamdisk(t, path, size) },
		"file":    journaledDisk(size),
	} {
		t.Run(name, func(t *testing.T) {
			s := backend.Resolve(open(t, filepath.Join(tinyTmpfs(t), "disk")))
			defer s.Close()
			chunk := bytes.Repeat([]byte{0x55}, 64<<10)
			full := fillUp(t, s, chunk)
			require.Positive(t, full)

			for _, durable := range []bool{false, true} {
				require.ErrorIs(t, s.Writev([][]byte{chunk}, full, durable), syscall.ENOSPC)
			}
			half := full - int64(len(chunk))
			require.ErrorIs(t, s.WriteAtomic([][]byte{make([]byte, 2*len(chunk))}, half, false), syscall.ENOSPC, "all or none of it")
			require.NoError(t, s.Writev([][]byte{chunk}, 0, false), "what has its space can be written")
			got := make([]byte, len(chunk))
			for off := int64(0); off < full; off += int64(len(chunk)) {
				require.NoError(t, s.Readv([][]byte{got}, off))
				require.Equal(t, chunk, got, "what was written is intact")
			}
			require.NoError(t, s.Readv([][]byte{got}, size-int64(len(got))), "holes can be read")
			require.Equal(t, make([]byte, len(got)), got)

			require.NoError(t, s.Flush())
			require.NoError(t, s.Discard(0, int64(len(chunk))), "space can be given back")
			require.NoError(t, s.Writev([][]byte{chunk}, full, true), "and used again")
		})
	}
}

// fillUp writes chunks until the disk is full and returns the offset of the first that failed.
func fillUp(t *testing.T, s backend.Store, chunk []byte) int64 {
	for off := int64(0); off < s.Size(); off += int64(len(chunk)) {
		if err := s.Writev([][]byte{chunk}, off, false); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			return off
		}
	}
	require.Fail(t, "the disk never got full")
	return 0
}

// A write that fails for want of space leaves no page behind that would show up later.
func TestFullRamdiskTakesNothing(t *testing.T) {
	path := filepath.Join(tinyTmpfs(t), "rd0")
	s := openRamdisk(t, path, 4<<20)
	defer s.Close()
	full := fillUp(t, s, make([]byte, 64<<10))
	before := allocated(t, path)
	large := bytes.Repeat([]byte{0xff}, 256<<10)
	require.ErrorIs(t, s.Writev([][]byte{large}, full+256<<10, false), syscall.ENOSPC)
	require.Equal(t, before, allocated(t, path))
	require.NoError(t, s.Readv([][]byte{large}, full+256<<10))
	require.Equal(t, make([]byte, len(large)), large)
}

// Writers, a reader and a discarder meet on the same pages of a tmpfs that is full all the time. If a page could go
// between a writer's look and its copy, the copy would fault, which the ramdisk reports as EIO.
func TestDiscardRacesWithWritesOnAFullRamdisk(t *testing.T) {
	s := openRamdisk(t, filepath.Join(tinyTmpfs(t), "rd0"), 4<<20)
	defer s.Close()
	const rounds = 3000
	var wg sync.WaitGroup
	write := func(span int64) {
		data := [][]byte{bytes.Repeat([]byte{0x77}, 8<<10)}
		for i := range int64(rounds) {
			if err := s.Writev(data, i*(8<<10)%span, false); err != nil {
				assert.ErrorIs(t, err, syscall.ENOSPC)
			}
		}
	}
	wg.Go(func() { write(s.Size()) }) // keeps it full
	wg.Go(func() { write(64 << 10) })
	wg.Go(func() { write(64 << 10) })
	wg.Go(func() {
		got := [][]byte{make([]byte, 64<<10)}
		for range rounds {
			assert.NoError(t, s.Readv(got, 0))
		}
	})
	wg.Go(func() {
		for i := range int64(rounds) {
			assert.NoError(t, s.Discard(i*4096%(64<<10), 4096))
		}
	})
	wg.Wait()
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := tinyTmpfs(t)
	path := filepath.Join(dir, "disk")
	_, err := backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))

	_, err = backend.OpenFile(path, backend.FileOptions{})
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorContains(t, err, "is not read-only")
	created, err := backend.CreateFile(filepath.Join(dir, "new"), 1<<20)
	require.ErrorIs(t, err, syscall.EROFS)
	require.False(t, created)

	s, err := backend.OpenFile(path, backend.FileOptions{ReadOnly: true})
	require.NoError(t, err)
	require.NoError(t, s.Readv([][]byte{make([]byte, 4096)}, 0))
	require.NoError(t, s.Close())
}

func TestCreateFileRemovesWhatItCannotMake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	created, err := backend.CreateFile(path, 1<<62)
	require.Error(t, err)
	require.ErrorContains(t, err, "ask for less")
	require.False(t, created)
	_, err = os.Lstat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}
