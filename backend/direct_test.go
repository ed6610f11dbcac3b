package backend_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/backend/backendtest"
)

func openDirect(t *testing.T, path string, block int64) *backend.File {
	f, err := backend.OpenFile(path, backend.FileOptions{Direct: true, BlockSize: block, Journals: filepath.Join(t.TempDir(), "journals")})
	require.NoError(t, err)
	return f
}

// directDir is a directory in a file system that has direct I/O: of a loop device where that of other tests has none.
func directDir(t *testing.T) string {
	dir := t.TempDir()
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_DIRECT, 0o600)
	if err == nil {
		require.NoError(t, unix.Close(fd))
		return dir
	}
	device, _ := loopDevice(t)
	out, err := exec.Command("mkfs.ext4", "-q", "-O", "^has_journal", device).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, unix.Mount(device, dir, "ext4", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

func TestDirectFile(t *testing.T) {
	for _, block := range []int64{512, 4096} {
		t.Run(fmt.Sprint(block), func(t *testing.T) {
			var path string
			backendtest.Run(t,
				func(t *testing.T) backend.Store {
					path = filepath.Join(directDir(t), "disk")
					_, err := backend.CreateFile(path, 4<<20+3*block)
					require.NoError(t, err)
					return openDirect(t, path, block)
				},
				backendtest.BlockSize(block),
				backendtest.Reopen(func(t *testing.T) backend.Store { return openDirect(t, path, block) }))
		})
	}
}

func TestDirectBlockDevice(t *testing.T) {
	var device string
	backendtest.Run(t,
		func(t *testing.T) backend.Store {
			device, _ = loopDevice(t)
			return openDirect(t, device, 512)
		},
		backendtest.Reopen(func(t *testing.T) backend.Store { return openDirect(t, device, 512) }))
}

// Whatever memory the caller has, at whatever address and cut into whatever segments, holds the same bytes.
func TestDirectTakesAnyMemory(t *testing.T) {
	const size = 1 << 20 // more than a piece of the buffer between
	path := filepath.Join(directDir(t), "disk")
	_, err := backend.CreateFile(path, size)
	require.NoError(t, err)
	f := openDirect(t, path, 512)
	defer f.Close()
	want := make([]byte, size-1024)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	pages, err := unix.Mmap(-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(pages)) }()
	for _, test := range []struct {
		name       string
		skip, each int // bytes before the first segment, and in each
	}{
		{"aligned, one segment", 0, len(want)},
		{"aligned, pages", 0, 4096},
		{"aligned, of odd lengths", 0, 777},
		{"off by one", 1, len(want)},
		{"off by one, pages", 1, 4096},
		{"off by a word, of a byte and more", 8, 1025},
	} {
		t.Run(test.name, func(t *testing.T) {
			memory := pages[test.skip:][:len(want)]
			for _, durable := range []bool{false, true} {
				require.NoError(t, f.Zero(0, size, false))
				copy(memory, want)
				require.NoError(t, f.Writev(cut(memory, test.each), 512, durable))
				require.Equal(t, want, memory, "a store changes nothing of what it writes")
				clear(memory)
				require.NoError(t, f.Readv(cut(memory, test.each), 512))
				require.True(t, bytes.Equal(want, memory))
			}
		})
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, content[512:][:len(want)]), "who reads through the page cache sees it")
}

func cut(p []byte, each int) (iov [][]byte) {
	for ; len(p) > each; p = p[each:] {
		iov = append(iov, p[:each])
	}
	return append(iov, p)
}

// Direct I/O always waits, so that nothing is done at once.
func TestDirectIsNeverPrompt(t *testing.T) {
	path := filepath.Join(directDir(t), "disk")
	_, err := backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	m := backend.Resolve(openDirect(t, path, 512))
	defer m.Close()
	iov := [][]byte{make([]byte, 4096)}
	require.ErrorIs(t, m.WritevAtOnce(iov, 0), syscall.EAGAIN)
	require.ErrorIs(t, m.ReadvAtOnce(iov, 0), syscall.EAGAIN)
	require.NoError(t, m.Writev(iov, 0, false))
}

// What is read or written does not stay in memory.
func TestDirectGoesPastThePageCache(t *testing.T) {
	path := filepath.Join(directDir(t), "disk")
	_, err := backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	f := openDirect(t, path, 512)
	defer f.Close()
	p := bytes.Repeat([]byte{7}, 1<<20)
	require.NoError(t, f.Writev([][]byte{p}, 0, true))
	require.NoError(t, f.Readv([][]byte{p}, 0))
	out, err := exec.Command("fincore", "--noheadings", "--bytes", "--output", "RES", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "0", strings.TrimSpace(string(out)))
}

func TestDirectFileResizes(t *testing.T) {
	path := filepath.Join(directDir(t), "disk")
	_, err := backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	f := openDirect(t, path, 512)
	defer f.Close()
	require.NoError(t, os.Truncate(path, 2<<20))
	require.NoError(t, f.Resize(2<<20))
	p := bytes.Repeat([]byte{7}, 4096)
	require.NoError(t, f.Writev([][]byte{p}, 2<<20-4096, true))
	require.NoError(t, f.Resize(1<<20))
	require.ErrorIs(t, f.Readv([][]byte{p}, 1<<20), syscall.EINVAL)
}

func TestDirectErrors(t *testing.T) {
	device, _ := loopDevice(t, "--sector-size", "4096")
	_, err := backend.OpenFile(device, backend.FileOptions{Direct: true})
	require.ErrorContains(t, err, "use a block size of 4096, not 512")
	openDirect(t, device, 4096).Close()

	out, err := exec.Command("mkfs.ext4", "-q", "-O", "^has_journal", device).CombinedOutput()
	require.NoError(t, err, string(out))
	dir := t.TempDir()
	require.NoError(t, unix.Mount(device, dir, "ext4", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(dir, 0)) }()
	path := filepath.Join(dir, "disk")
	_, err = backend.CreateFile(path, 1<<20)
	require.NoError(t, err)
	_, err = backend.OpenFile(path, backend.FileOptions{Direct: true})
	require.ErrorContains(t, err, "takes direct I/O in multiples of 4096 bytes: use a block size of 4096, not 512, or direct=0")
	openDirect(t, path, 4096).Close()
}
