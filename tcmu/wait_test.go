package tcmu

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

func TestSpinLearns(t *testing.T) {
	const us = time.Microsecond
	c := consumer{spinLimit: 50 * us}
	for i, step := range []struct{ waited, spin time.Duration }{
		{time.Hour, 0}, // it begins with none
		{30 * us, 5 * us},
		{30 * us, 10 * us},
		{30 * us, 20 * us},
		{30 * us, 40 * us},
		{30 * us, 40 * us}, // long enough
		{45 * us, 50 * us}, // and never longer
		{50 * us, 50 * us},
		{51 * us, 0}, // it did not pay
		{51 * us, 0},
	} {
		c.learn(step.waited)
		require.Equal(t, step.spin, c.spin, "step %d", i)
	}
}

// With one processor to run on, whoever spins keeps those from running that it waits for.
func TestNoSpinOnOneProcessor(t *testing.T) {
	c := consumer{}
	c.learn(time.Microsecond)
	require.Zero(t, c.spin)
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
	d.consumer.init(fd, wake)
	require.Equal(t, shortestNap, d.consumer.nap)
	d.consumer.nap = time.Millisecond
	require.NoError(t, d.sleep())
	require.Equal(t, 2*time.Millisecond, d.consumer.nap)
	d.consumer.nap = longestNap

	k.Submit(&tcmutest.Command{CDB: make([]byte, 6)})
	require.NoError(t, d.sleep())
	require.Equal(t, shortestNap, d.consumer.nap, "after an event, the first sleep is short")
	require.EqualValues(t, 1, d.wakeups.Load())
	d.consumer.nap = time.Millisecond
	require.NoError(t, d.sleep())
	require.EqualValues(t, 1, d.wakeups.Load(), "the event was taken note of")
}
