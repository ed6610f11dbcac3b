package uring

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// open makes a ring, and a file of size bytes.
func open(t *testing.T, n, size int) (*Ring, int) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(n)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.NoError(t, f.Truncate(int64(size)))
	return r, int(f.Fd())
}

func segments(parts ...[]byte) (iov []unix.Iovec) {
	for _, p := range parts {
		v := unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		iov = append(iov, v)
	}
	return iov
}

// end waits for one transfer.
func end(t *testing.T, r *Ring) (tag uint64, n int) {
	t.Helper()
	require.NoError(t, r.Submit())
	require.NoError(t, r.Wait())
	tag, n, ok := r.Next()
	require.True(t, ok)
	return tag, n
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	r, fd := open(t, 4, 1<<20)
	a, b := bytes.Repeat([]byte{1}, 5000), bytes.Repeat([]byte{2}, 300)
	require.True(t, r.Queue(Transfer{Write: true, FD: fd, Iov: segments(a, b), Off: 100, Tag: 1 << 40}))
	tag, n := end(t, r)
	require.EqualValues(t, 1<<40, tag)
	require.Equal(t, 5300, n)
	got := make([]byte, 5400)
	require.True(t, r.Queue(Transfer{FD: fd, Iov: segments(got[:3000], got[3000:]), Tag: 2}))
	tag, n = end(t, r)
	require.EqualValues(t, 2, tag)
	require.Equal(t, 5400, n)
	require.Equal(t, append(append(make([]byte, 100), a...), b...), got)
	require.Zero(t, r.InFlight())
}

// More than a ring holds at once, many times over, each ended once.
func TestTransfersEndOnce(t *testing.T) {
	const entries, rounds = 8, 1000
	r, fd := open(t, entries, 1<<20)
	var memory [entries][]unix.Iovec
	for i := range memory {
		memory[i] = segments(make([]byte, 512))
	}
	ended := map[uint64]int{}
	var tag uint64
	for tag < rounds || r.InFlight() > 0 {
		for tag < rounds && r.Queue(Transfer{FD: fd, Iov: memory[tag%entries], Off: int64(tag) * 512, Tag: tag}) {
			tag++
		}
		require.LessOrEqual(t, r.InFlight(), entries)
		require.NoError(t, r.Submit())
		require.NoError(t, r.Wait())
		for {
			tag, n, ok := r.Next()
			if !ok {
				break
			}
			require.Equal(t, 512, n)
			ended[tag]++
		}
	}
	require.Len(t, ended, rounds)
	for tag, times := range ended {
		require.Equal(t, 1, times, "transfer %d", tag)
	}
}

// (No subtests: each would have a thread of its own.)
func TestErrorsAndShortTransfersAreTold(t *testing.T) {
	r, fd := open(t, 4, 1000)
	for _, c := range []struct {
		name string
		fd   int
		off  int64
		want int
	}{
		{"all of it", fd, 0, 512},
		{"past the end", fd, 900, 100},
		{"behind the end", fd, 1000, 0},
		{"no descriptor", -1, 0, -int(unix.EBADF)},
		{"before the begin", fd, -5, -int(unix.EINVAL)},
	} {
		require.True(t, r.Queue(Transfer{FD: c.fd, Iov: segments(make([]byte, 512)), Off: c.off}))
		_, n := end(t, r)
		require.Equal(t, c.want, n, c.name)
	}
	fault := segments(make([]byte, 512))
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	defer unix.Munmap(page)
	fault[0].Base = &page[:1][0]
	require.True(t, r.Queue(Transfer{FD: fd, Iov: fault}))
	_, n := end(t, r)
	require.Equal(t, -int(unix.EFAULT), n)
}

func TestWhatIsQueuedCanBeTakenBack(t *testing.T) {
	r, fd := open(t, 2, 1000)
	_, ok := r.Retract()
	require.False(t, ok)
	one := Transfer{FD: fd, Iov: segments(make([]byte, 512)), Tag: 1}
	two := one
	two.Tag = 2
	require.True(t, r.Queue(one))
	require.True(t, r.Queue(two))
	require.False(t, r.Queue(two), "full")
	tag, ok := r.Retract()
	require.True(t, ok)
	require.EqualValues(t, 2, tag)
	tag, _ = end(t, r)
	require.EqualValues(t, 1, tag)
	_, ok = r.Retract()
	require.False(t, ok, "it has been submitted")
	require.Zero(t, r.InFlight())
}

// What waits for several things learns by poll(2) that a transfer has ended, and Ready says so without a system call.
func TestPollTells(t *testing.T) {
	r, _ := open(t, 2, 0)
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	defer unix.Close(pipe[0])
	poll := []unix.PollFd{{Fd: int32(r.FD()), Events: unix.POLLIN}}
	require.True(t, r.Queue(Transfer{FD: pipe[0], Iov: segments(make([]byte, 8))}))
	require.NoError(t, r.Submit())
	n, err := unix.Poll(poll, 0)
	require.NoError(t, err)
	require.Zero(t, n)
	require.False(t, r.Ready())
	go func() {
		unix.Write(pipe[1], make([]byte, 8))
		unix.Close(pipe[1])
	}()
	ended := false
	for !ended { // Linux 6.1 tells of what brings it on by a step, too
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		}
		require.NotZero(t, poll[0].Revents&unix.POLLIN)
		require.True(t, r.Ready())
		require.NoError(t, r.Collect())
		_, n, ended = r.Next()
	}
	require.Equal(t, 8, n)
	require.False(t, r.Ready())
}

func TestOtherThreadsAreRefused(t *testing.T) {
	r, fd := open(t, 2, 1000)
	refused := make(chan error)
	go func() {
		runtime.LockOSThread()
		r.Queue(Transfer{FD: fd, Iov: segments(make([]byte, 8))})
		refused <- r.Submit()
	}()
	require.ErrorIs(t, <-refused, unix.EEXIST)
	_, ok := r.Retract()
	require.True(t, ok)
}

func TestNoTransferAllocates(t *testing.T) {
	r, fd := open(t, 4, 4096)
	iov := segments(make([]byte, 512))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Queue(Transfer{FD: fd, Iov: iov})
		r.Submit()
		r.Wait()
		r.Next()
	}))
}

func TestNonsenseIsRefused(t *testing.T) {
	_, err := New(0)
	require.ErrorIs(t, err, unix.EINVAL)
}
