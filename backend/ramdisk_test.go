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

func openRamdisk(t *testing.T, path string, size int64) *backend.Ramdisk {
	s, err := backend.OpenRamdisk(path, size)
	require.NoError(t, err)
	return s
}

// allocated is the memory or disk space that a file takes, in bytes.
func allocated(t *testing.T, path string) int64 {
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Blocks * 512
}

func TestRamdiskOutlivesItsProcess(t *testing.T) {
	path := filepath.Join(shmDir(t), "new folder", "rd0")
	s := openRamdisk(t, path, 4<<20)
	require.Equal(t, path, s.Path())
	data := bytes.Repeat([]byte("tcmud-"), 1000)
	require.NoError(t, s.Writev([][]byte{data}, 1<<20-512, false))
	require.NoError(t, s.Close())

	folder, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, folder.Mode())
	file, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), file.Mode())

	s = openRamdisk(t, path, 4<<20)
	got := make([]byte, len(data))
	require.NoError(t, s.Readv([][]byte{got}, 1<<20-512))
	require.Equal(t, data, got)

	before := allocated(t, path)
	require.NoError(t, s.Discard(0, 4<<20))
	require.Positive(t, before)
	require.Zero(t, allocated(t, path), "what an earlier process wrote can be given back")

	require.NoError(t, s.Remove())
	require.NoFileExists(t, path)
	require.NoError(t, s.Writev([][]byte{data}, 0, false), "a removed ramdisk works until Close")
	require.NoError(t, s.Close())
}

func TestRamdiskWithoutName(t *testing.T) {
	s := memoryDisk(t, 1<<20)
	require.Empty(t, s.Path())
	require.NoError(t, s.Remove())
	require.NoError(t, s.Close())
}

func TestOpenRamdiskErrors(t *testing.T) {
	dir := shmDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, openRamdisk(t, at("rd0"), 1<<20).Close())
	require.NoError(t, os.Mkdir(at("folder"), 0o700))
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o600))
	require.NoError(t, os.Symlink(at("rd0"), at("link")))
	served := openRamdisk(t, at("served"), 1<<20)
	defer served.Close()

	for _, test := range []struct {
		name, path string
		size       int64
		message    string
		is         error
	}{
		{"larger", at("rd0"), 2 << 20, "holds a ramdisk of 1048576 bytes, not 2097152: ask for its size, or remove the file", nil},
		{"smaller", at("rd0"), 512, "holds a ramdisk of 1048576 bytes, not 512", nil},
		{"size 0", at("new"), 0, "needs at least one block", nil},
		{"size negative", at("new"), -512, "needs at least one block", nil},
		{"larger than can be mapped", at("new"), 1 << 62, "", syscall.ENOMEM},
		{"folder", at("folder"), 1 << 20, "open " + at("folder"), syscall.EISDIR},
		{"fifo", at("fifo"), 1 << 20, "not a regular file: remove it", nil},
		{"symbolic link", at("link"), 1 << 20, "open " + at("link"), syscall.ELOOP},
		{"served already", at("served"), 1 << 20, "in use by another program", syscall.EWOULDBLOCK},
		{"not in memory", "/proc/rd0", 1 << 20, "choose a path under /dev/shm", nil},
		{"folder cannot be made", at("rd0/rd1"), 1 << 20, "not a directory", syscall.ENOTDIR},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := backend.OpenRamdisk(test.path, test.size)
			require.ErrorContains(t, err, test.message)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.NoFileExists(t, at("new"), "what failed leaves nothing behind")
		})
	}
	require.EqualValues(t, 0, allocated(t, at("rd0")))
	require.NoError(t, openRamdisk(t, at("rd0"), 1<<20).Close(), "a refused ramdisk is intact")
}

func TestNewRamdiskErrors(t *testing.T) {
	for _, size := range []int64{0, -1, 1 << 62} {
		_, err := backend.NewRamdisk(size)
		require.Error(t, err, "size %d", size)
	}
}

// A process that died between making the file and giving it its size must not leave a name that cannot be used.
func TestOpenRamdiskTakesAnEmptyFile(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	s := openRamdisk(t, path, 1<<20)
	require.EqualValues(t, 1<<20, s.Size())
	require.NoError(t, s.Close())
}

func TestRamdiskRefusesWhatIsOutside(t *testing.T) {
	s := memoryDisk(t, 1<<20)
	defer s.Close()
	iov := [][]byte{make([]byte, 1024)}
	require.ErrorIs(t, s.Readv(iov, 1<<20-512), syscall.EINVAL)
	require.ErrorIs(t, s.Writev(iov, 1<<20-512, false), syscall.EINVAL)
	require.ErrorIs(t, s.Writev(iov, -512, false), syscall.EINVAL)
	require.ErrorIs(t, s.Zero(512, 1<<20, false), syscall.EINVAL)
	require.ErrorIs(t, s.Discard(1<<20, 512), syscall.EINVAL)
}

func TestHugeRamdiskTakesMemoryOnDemand(t *testing.T) {
	const size = 1 << 40
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, size)
	defer s.Close()
	buf := make([]byte, 1<<20)
	for off := int64(0); off < size; off += size / 64 {
		require.NoError(t, s.Readv([][]byte{buf}, off))
	}
	require.NoError(t, s.Readv([][]byte{buf}, size-1<<20))
	require.Zero(t, allocated(t, path), "reading takes no memory")

	page := s.Traits().Granularity
	for off := int64(0); off < size; off += size / 64 {
		require.NoError(t, s.Writev([][]byte{buf[:512]}, off, false))
	}
	require.Equal(t, 64*page, allocated(t, path), "writing takes the pages written")
	require.NoError(t, s.Readv([][]byte{buf}, 0))
	require.Equal(t, 64*page, allocated(t, path), "reading around them takes none")
	require.NoError(t, s.Discard(0, size))
	require.Zero(t, allocated(t, path))
	require.NoError(t, s.Readv([][]byte{buf}, 0))
	require.Zero(t, allocated(t, path), "reading what was discarded takes none")
}

func TestRamdiskGivesMemoryBack(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, 8<<20)
	defer s.Close()
	page := s.Traits().Granularity
	for _, test := range []struct {
		name   string
		erase  func() error
		remain int64
	}{
		{"discard all", func() error { return s.Discard(0, 8<<20) }, 0},
		{"zero all", func() error { return s.Zero(0, 8<<20, true) }, 0},
		{"a page", func() error { return s.Discard(page, page) }, 8<<20 - page},
		{"less than a page", func() error { return s.Discard(page+512, page-512) }, 8 << 20},
		{"pages and edges", func() error { return s.Discard(page-512, 3*page+1024) }, 8<<20 - 3*page},
		{"across regions", func() error { return s.Discard(page, 8<<20-2*page) }, 2 * page},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.NoError(t, s.Writev([][]byte{bytes.Repeat([]byte{1}, 8<<20)}, 0, false))
			require.EqualValues(t, 8<<20, allocated(t, path))
			require.NoError(t, test.erase())
			require.Equal(t, test.remain, allocated(t, path))
		})
	}
}

// The last page of a disk that ends within it is whole where the disk ends.
func TestRamdiskGivesItsLastPageBack(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, 1<<20+512)
	defer s.Close()
	require.NoError(t, s.Writev([][]byte{make([]byte, 1024)}, 1<<20-512, false))
	require.NoError(t, s.Discard(1<<20, 512))
	require.Equal(t, s.Traits().Granularity, allocated(t, path))
	require.NoError(t, s.Discard(0, s.Size()))
	require.Zero(t, allocated(t, path))
}

// Whoever opens a ramdisk while another removes it must get the file that has the name, not the one that lost it.
func TestOpenRamdiskRacesWithRemove(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				s, err := backend.OpenRamdisk(path, 1<<20)
				if err != nil {
					assert.ErrorIs(t, err, syscall.EWOULDBLOCK)
					continue
				}
				assert.NoError(t, s.Remove(), "the name is ours while we hold the lock")
				assert.NoError(t, s.Close())
			}
		})
	}
	wg.Wait()
}

// Somebody truncates the file under a running daemon: the commands fail, the process lives.
func TestRamdiskTruncatedByAnother(t *testing.T) {
	path := filepath.Join(shmDir(t), "rd0")
	s := openRamdisk(t, path, 1<<20)
	defer s.Close()
	iov := [][]byte{make([]byte, 4096)}
	require.NoError(t, s.Writev(iov, 512<<10, false))
	require.NoError(t, os.Truncate(path, 0))
	for range 2 { // the second time finds no lock held by the first
		err := s.Readv(iov, 512<<10)
		require.ErrorIs(t, err, syscall.EIO)
		require.ErrorContains(t, err, "truncated")
		require.ErrorIs(t, s.Writev(iov, 512<<10, false), syscall.EIO)
		require.ErrorIs(t, s.Discard(512<<10, 512), syscall.EIO)
	}
	require.NoError(t, s.Readv(iov, 0), "holes are not touched")
}
