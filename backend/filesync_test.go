package backend

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func newFile(t *testing.T, size int64) *File {
	path := filepath.Join(t.TempDir(), "disk")
	_, err := CreateFile(path, size)
	require.NoError(t, err)
	f, err := OpenFile(path, FileOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// unsyncable lets fdatasync on f fail until the function it returns is called: the descriptor is a pipe meanwhile.
func unsyncable(t *testing.T, f *File) (restore func()) {
	saved, err := unix.Dup(f.fd)
	require.NoError(t, err)
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	require.NoError(t, unix.Dup3(pipe[1], f.fd, unix.O_CLOEXEC))
	return func() {
		require.NoError(t, unix.Dup3(saved, f.fd, unix.O_CLOEXEC))
		require.NoError(t, errors.Join(unix.Close(saved), unix.Close(pipe[0]), unix.Close(pipe[1])))
	}
}

func TestFailedFlushKeepsFailing(t *testing.T) {
	f := newFile(t, 1<<20)
	iov := [][]byte{make([]byte, 4096)}
	require.NoError(t, f.Writev(iov, 0, true))
	restore := unsyncable(t, f)
	require.ErrorIs(t, f.Flush(), unix.EINVAL)
	restore()

	require.ErrorIs(t, f.Flush(), unix.EINVAL, "the data is still lost")
	require.ErrorContains(t, f.Flush(), "earlier writes were lost, check the storage below and open the file anew")
	require.ErrorIs(t, f.Writev(iov, 0, true), unix.EINVAL)
	require.ErrorIs(t, f.Zero(0, 4096, true), unix.EINVAL)
	require.NoError(t, f.Writev(iov, 0, false), "cached writes go on")
	require.NoError(t, f.Readv(iov, 0))
}

func TestWhichFailedWritesAreLosses(t *testing.T) {
	for err, lost := range map[error]bool{nil: false, unix.ENOSPC: false, unix.EDQUOT: false, unix.EIO: true} {
		f := newFile(t, 1<<20)
		require.Equal(t, err, f.durable(err))
		if lost {
			require.ErrorIs(t, f.Flush(), err)
		} else {
			require.NoError(t, f.Flush())
		}
	}
}

func TestDurableWritesWithoutDsync(t *testing.T) {
	f := newFile(t, 1<<20)
	f.noDsync.Store(true)
	data := []byte("durable all the same")
	require.NoError(t, f.Writev([][]byte{data}, 512, true))
	got := make([]byte, len(data))
	require.NoError(t, f.Readv([][]byte{got}, 512))
	require.Equal(t, data, got)

	f.lose(unix.EIO)
	require.ErrorIs(t, f.Writev([][]byte{data}, 512, true), unix.EIO)
}
