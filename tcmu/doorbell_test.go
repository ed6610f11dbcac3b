package tcmu

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// While one write is under way, any number of announcements cost one more.
func TestDoorbellCoalesces(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	defer unix.Close(p[0])
	size, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, 4096)
	require.NoError(t, err)
	_, err = unix.Write(p[1], make([]byte, size)) // full: the next write waits
	require.NoError(t, err)

	b := doorbell{fd: p[1]}
	var first, others sync.WaitGroup
	first.Go(func() { require.NoError(t, b.ring()) })
	require.Eventually(t, func() bool { return b.pending.Load() == 1 }, patience, 1)
	for range 100 {
		others.Go(func() { require.NoError(t, b.ring()) })
	}
	others.Wait() // none of them waits for the write
	drained, err := unix.Read(p[0], make([]byte, size))
	require.NoError(t, err)
	require.Equal(t, size, drained)
	first.Wait()
	require.Contains(t, []uint64{1, 2}, b.written.Load()) // 1 if the writer had not yet begun when the others came
	n, err := unix.Read(p[0], make([]byte, size))
	require.NoError(t, err)
	require.EqualValues(t, 4*b.written.Load(), n, "4 bytes each, or the kernel refuses them")
	require.Zero(t, b.pending.Load())
}

// Whatever happens, a write begins after each announcement.
func TestDoorbellLosesNothing(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	defer unix.Close(p[0])
	b := doorbell{fd: p[1]}
	reader := make(chan int)
	go func() {
		sum, buf := 0, make([]byte, 4096)
		for {
			n, err := unix.Read(p[0], buf)
			if err != nil || n == 0 {
				reader <- sum
				return
			}
			sum += n
		}
	}()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 2000 {
				require.NoError(t, b.ring())
			}
		})
	}
	group.Wait()
	require.Zero(t, b.pending.Load())
	require.NoError(t, unix.Close(p[1]))
	require.EqualValues(t, 4*b.written.Load(), <-reader)
	require.LessOrEqual(t, b.written.Load(), uint64(8000))
}

func TestDoorbellOfARemovedDevice(t *testing.T) {
	var p [2]int
	require.NoError(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	require.NoError(t, unix.Close(p[0]))
	defer unix.Close(p[1])
	b := doorbell{fd: p[1]}
	require.ErrorIs(t, b.ring(), unix.EPIPE)
	require.NoError(t, b.ring(), "nobody tries a second time")
	require.Zero(t, b.written.Load())
}
