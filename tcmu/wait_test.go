package tcmu

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

func TestSpinLearns(t *testing.T) {
	const us = time.Microsecond
	w := wait{limit: 40 * us}
	for i, step := range []struct{ waited, spin time.Duration }{
		{time.Hour, 0}, // it begins with none
		{40 * us, 40 * us},
		{30 * us, 40 * us},
		{41 * us, 20 * us}, // it did not pay
		{time.Hour, 10 * us},
		{15 * us, 40 * us}, // it would have
		{time.Hour, 20 * us},
		{time.Hour, 10 * us},
		{time.Hour, 5 * us},
		{time.Hour, 2500},
		{time.Hour, 0},
		{time.Hour, 0},
	} {
		w.learn(step.waited)
		require.Equal(t, step.spin, w.spin, "step %d", i)
	}
}

// With one processor to run on, whoever spins keeps those from running that it waits for.
func TestNoSpinOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var w wait
	w.init(-1, -1)
	w.learn(time.Microsecond)
	require.Zero(t, w.spin)
}

// However many rings hold a processor while they wait, one is left for those that they wait for.
func TestHoldersLeaveAProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	d := hand(t, image(), good)
	d.consumer.wait.spin = time.Hour
	defer holders.Add(-1)
	holders.Add(1)
	d.hold(time.Now())
	require.EqualValues(t, 1, holders.Load())
}

// A ring's thread that holds its processor, asleep, keeps neither a collection of garbage nor others from what they do.
func TestHolderStopsWithTheWorld(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	d := attach(t, k, good, Options{})
	for range 200 {
		k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
		runtime.GC()
	}
	require.EqualValues(t, 200, d.Stats().Completions)
}

func TestWakeUpIsMeasured(t *testing.T) {
	require.Positive(t, wakeUp())
	require.Equal(t, wakeUp(), wakeUp(), "once")
}

func TestNapsGrowWhileNothingComes(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	d := hand(t, mem, good)
	d.port.FD = fd
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(wake)
	d.consumer.wait.init(fd, wake)
	require.Equal(t, shortestNap, d.consumer.wait.nap)
	d.consumer.wait.nap = time.Millisecond
	require.NoError(t, d.sleep())
	require.Equal(t, 2*time.Millisecond, d.consumer.wait.nap)
	d.consumer.wait.nap = longestNap

	k.Submit(&tcmutest.Command{CDB: make([]byte, 6)})
	require.NoError(t, d.sleep())
	require.Equal(t, shortestNap, d.consumer.wait.nap, "after an event, the first sleep is short")
	require.EqualValues(t, 1, d.wakeups.Load())
	d.consumer.wait.nap = time.Millisecond
	require.NoError(t, d.sleep())
	require.EqualValues(t, 1, d.wakeups.Load(), "the event was taken note of")
}
