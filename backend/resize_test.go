package backend_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

const page = 4096

// holds checks that a store reads as want from off on.
func holds(t *testing.T, s backend.Store, off int64, want []byte) {
	t.Helper()
	got := bytes.Repeat([]byte{0xee}, len(want))
	require.NoError(t, s.Readv([][]byte{got}, off))
	require.True(t, bytes.Equal(want, got), "at %d", off)
}

func TestRamdiskGrowsWithItsContents(t *testing.T) {
	for _, size := range []int64{1<<20 + 512, 1 << 20, 256 << 20, 300 << 30} { // in a page, a region, leaves, many leaves
		path := filepath.Join(shmDir(t), "rd0")
		s := openRamdisk(t, path, 1<<20)
		data := bytes.Repeat([]byte("tcmud-42"), 512/8)
		require.NoError(t, s.Writev([][]byte{data}, 1<<20-512, false))
		require.NoError(t, s.Resize(size))
		require.Equal(t, size, s.Size())
		holds(t, s, 1<<20-512, data)
		if size > 1<<20 {
			holds(t, s, size-512, make([]byte, 512))
			require.NoError(t, s.Writev([][]byte{data}, size-512, false))
			holds(t, s, size-512, data)
		}
		require.NoError(t, s.Close())
		s = openRamdisk(t, path, size)
		holds(t, s, size-512, data)
		require.NoError(t, s.Close())
	}
}

func TestRamdiskShrinksAndForgets(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, 1<<20)
	defer func() { require.NoError(t, s.Close()) }()
	ones := bytes.Repeat([]byte{1}, 1<<20)
	require.NoError(t, s.Writev([][]byte{ones}, 0, false))

	const small = 10*page + 512
	require.NoError(t, s.Resize(small))
	require.EqualValues(t, 11*page, allocated(t, path), "memory is given back")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, small, info.Size())
	require.ErrorIs(t, s.Writev([][]byte{make([]byte, 512)}, small, false), syscall.EINVAL)

	require.NoError(t, s.Resize(1<<20))
	holds(t, s, 0, ones[:small])
	holds(t, s, small, make([]byte, 1<<20-small))
	require.EqualValues(t, 11*page, allocated(t, path))
}

func TestRamdiskKeepsItsSizeWhenItCannotChange(t *testing.T) {
	s := memoryDisk(t, 1<<20)
	defer s.Close()
	require.NoError(t, s.Writev([][]byte{{1}}, 1<<20-1, false))
	for _, size := range []int64{0, -512, 1 << 62} {
		require.Error(t, s.Resize(size), "size %d", size)
		require.EqualValues(t, 1<<20, s.Size())
		holds(t, s, 1<<20-1, []byte{1})
	}
}

// Somebody truncates the file, then the size is changed: an error, and the process lives.
func TestRamdiskTruncatedByAnotherIsNotShrunk(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, 1<<20)
	defer s.Close()
	require.NoError(t, s.Writev([][]byte{make([]byte, 1<<20)}, 0, false))
	require.NoError(t, os.Truncate(path, 0))
	require.ErrorIs(t, s.Resize(page+512), syscall.EIO)
	require.EqualValues(t, 1<<20, s.Size())
}

func TestFileFollowsItsLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	s := fileDisk(1<<20)(t, path).(*backend.File)
	defer s.Close()
	data := bytes.Repeat([]byte{7}, 512)

	require.ErrorContains(t, s.Resize(2<<20), "enlarge it with \"truncate -s 2097152 "+path)
	require.ErrorContains(t, s.Resize(1<<19+1), "not a multiple of the block size 512")
	require.EqualValues(t, 1<<20, s.Size())

	require.NoError(t, os.Truncate(path, 2<<20))
	require.NoError(t, s.Resize(2<<20))
	require.NoError(t, s.Writev([][]byte{data}, 2<<20-512, true))
	require.NoError(t, s.Resize(1<<20))
	require.ErrorIs(t, s.Readv([][]byte{data}, 2<<20-512), syscall.EINVAL)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 2<<20, info.Size(), "a file keeps its bytes")
	require.NoError(t, s.Resize(2<<20))
	holds(t, s, 2<<20-512, data)
}

func TestBlockDeviceFollowsItsLength(t *testing.T) {
	device, below := loopDevice(t)
	s, err := backend.OpenFile(device, backend.FileOptions{DeviceOnly: true})
	require.NoError(t, err)
	defer s.Close()
	require.ErrorContains(t, s.Resize(2*deviceSize), "ask for less")
	require.NoError(t, os.Truncate(below, 2*deviceSize))
	out, err := exec.Command("losetup", "--set-capacity", device).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, s.Resize(2*deviceSize))
	require.NoError(t, s.Writev([][]byte{make([]byte, 512)}, 2*deviceSize-512, false))
	require.NoError(t, s.Resize(deviceSize))
}

func TestResizeThroughWrappers(t *testing.T) {
	s := backend.Intercept(backend.NewNull(512), func(backend.Op, int64, int64) error { return nil })
	require.NoError(t, s.Resize(1024))
	require.EqualValues(t, 1024, s.Size())
	fixed := backend.Resolve(backend.Adapt(make(byteDisk, 512), 512))
	require.ErrorIs(t, fixed.Resize(1024), errors.ErrUnsupported)
}

// Each worker keeps a model of a range of its own, below what is ever cut off, and also reads and writes at random where
// the disk comes and goes: it never meets anything but success or EINVAL, and what is new after a cut is zeros.
func TestResizeUnderLoad(t *testing.T) {
	const stays, most, workers = 1 << 20, 400 << 20, 4
	file := filepath.Join(t.TempDir(), "disk")
	for name, s := range map[string]backend.Store{"ramdisk": memoryDisk(t, stays), "file": fileDisk(most)(t, file)} {
		t.Run(name, func(t *testing.T) {
			defer s.Close()
			var stop atomic.Bool
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() { hammer(t, s, w*stays/workers, stays/workers, most, &stop) })
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 60 {
				size := stays + random.Int64N((most-stays)/512)*512
				assert.NoError(t, s.(backend.Resizer).Resize(size))
				assert.Equal(t, size, s.Size())
			}
			stop.Store(true)
			wg.Wait()
			require.NoError(t, s.(backend.Resizer).Resize(stays))
			require.NoError(t, s.(backend.Resizer).Resize(most))
			if name == "ramdisk" {
				for off := int64(stays); off < most; off += 1 << 20 {
					holds(t, s, off, make([]byte, 1<<20))
				}
			}
		})
	}
}

// hammer writes and reads [off, off+n) against a model, and what lies between n and most without one, until told to stop.
func hammer(t *testing.T, s backend.Store, off, n int, most int64, stop *atomic.Bool) {
	random := rand.New(rand.NewPCG(uint64(off), 7))
	want, got, wild := make([]byte, n), make([]byte, n), make([]byte, 128<<10)
	for round := byte(1); !stop.Load(); round++ {
		at := random.IntN(n/512) * 512
		part := want[at:min(n, at+16<<10)]
		for i := range part {
			part[i] = round
		}
		assert.NoError(t, s.Writev([][]byte{part}, int64(off+at), false))
		assert.NoError(t, s.Readv([][]byte{got}, int64(off)))
		if !assert.True(t, bytes.Equal(want, got), "what stays has changed") {
			return
		}
		far := most/512 - random.Int64N((most-1<<20)/512)
		for _, err := range []error{
			s.Writev([][]byte{wild[:512]}, (far-1)*512, false),
			s.Writev([][]byte{wild}, (far-1)*512, false),
			s.Readv([][]byte{wild}, (far-1)*512),
		} {
			if err != nil {
				assert.ErrorIs(t, err, syscall.EINVAL)
			}
		}
		clear(wild)
		wild[0], wild[len(wild)-1] = 0xaa, 0xaa
	}
}
