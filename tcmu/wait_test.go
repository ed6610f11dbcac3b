package tcmu

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// Spin that is in vain is tried ever more rarely, and always once it has paid.
func TestSpinIsTriedWhereItPays(t *testing.T) {
	w := wait{pays: time.Microsecond}
	waitsUntilTried := func() (n int) {
		for !w.tries() {
			n++
		}
		return n
	}
	for _, passes := range []int{0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 15, 0, 0, 0, 31, 0, 0, 0, 63, 0, 0, 0, 63} {
		require.Equal(t, passes, waitsUntilTried())
		w.tried(false)
	}
	waitsUntilTried()
	w.tried(true)
	for range 3 {
		require.Zero(t, waitsUntilTried())
		w.tried(true)
	}
}

func TestHoldIsForShortWaits(t *testing.T) {
	var w wait
	w.learn(longestHold)
	require.True(t, w.hold)
	w.learn(longestHold + 1)
	require.False(t, w.hold)
}

// With one processor to run on, whoever spins keeps those from running that it waits for.
func TestNoSpinOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var w wait
	w.init(-1, -1, true)
	require.False(t, w.tries())
}

func TestNoSpin(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	var asked, not wait
	asked.init(-1, -1, true)
	not.init(-1, -1, false)
	require.True(t, asked.tries())
	require.False(t, not.tries())
}

// Where all processors have rings to look after, none of them is burnt. A ring counts as long as it has a command every other
// moment.
func TestNoSpinWhereAllProcessorsAreBusy(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	defer busy.Store(busy.Swap(0))
	var a, b wait
	for _, w := range []*wait{&a, &b} {
		w.init(-1, -1, true)
		require.True(t, w.tries())
	}
	a.learn(time.Millisecond)
	a.learn(time.Millisecond)
	require.True(t, a.tries())
	b.learn(shortestNap)
	require.False(t, a.tries())
	require.False(t, b.tries())
	b.learn(shortestNap + 1)
	require.True(t, a.tries())
	require.True(t, b.tries())
	a.count(false) // it has gone to sleep
	require.Zero(t, busy.Load())
}

// However many rings hold a processor while they wait, one is left for those that they wait for.
func TestHoldersLeaveAProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	d := hand(t, image(), good)
	d.consumer.wait.pays = time.Hour
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
	w := &d.consumer.wait
	w.init(fd, -1, true)
	require.Equal(t, firstDoze, w.nap, "a device begins idle")
	for _, nap := range []time.Duration{time.Millisecond, firstDoze} {
		w.nap = nap
		require.NoError(t, d.sleep())
		require.Equal(t, 2*nap, w.nap)
	}
	for n, nap := range []time.Duration{shortestNap, firstDoze, longestNap + 1} {
		w.nap = nap
		k.Submit(&tcmutest.Command{CDB: make([]byte, 6)})
		require.NoError(t, d.sleep())
		require.Equal(t, shortestNap, w.nap, "after an event, the first sleep is short")
		require.EqualValues(t, n+1, d.wakeups.Load())
	}
	w.nap = time.Millisecond
	require.NoError(t, d.sleep())
	require.EqualValues(t, 3, d.wakeups.Load(), "the event was taken note of")
}

// What dozes without an end is woken by an event, and by who stops it.
func TestDozeEnds(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	d := hand(t, mem, good)
	d.port.FD, d.quit = fd, make(chan struct{})
	w := &d.consumer.wait
	for _, wake := range []func(){
		func() { k.Submit(&tcmutest.Command{CDB: make([]byte, 6)}) },
		func() { close(d.quit) },
	} {
		w.nap = longestNap + 1
		ended := make(chan error)
		go func() { ended <- d.sleep() }()
		select {
		case <-ended:
			require.Fail(t, "nobody has woken it")
		case <-time.After(20 * time.Millisecond):
		}
		wake()
		require.NoError(t, <-ended)
	}
	asleep.mu.Lock()
	defer asleep.mu.Unlock()
	require.NotContains(t, asleep.all, int32(fd))
}

// A device that is idle keeps no thread, and is there when a command comes.
func TestIdleDevicesDoze(t *testing.T) {
	for range 50 {
		k := tcmutest.New(t, tcmutest.Config{})
		d := attach(t, k, good, Options{})
		require.Eventually(t, func() bool {
			asleep.mu.Lock()
			defer asleep.mu.Unlock()
			return asleep.all[int32(d.port.FD)] != nil
		}, patience, time.Millisecond)
		c := &tcmutest.Command{CDB: make([]byte, 6)}
		k.Do(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
}
