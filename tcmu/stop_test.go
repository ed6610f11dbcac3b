package tcmu

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

func TestStopAndGoOn(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			left := Mark{Clean: true}
			waiting := &tcmutest.Command{CDB: make([]byte, 6)}
			for lap := range 20 {
				o := way.opts
				o.Left = left
				o.Control = &Control{BlockDev: k.BlockDev, ResetRing: func() error { t.Error("reset"); return nil }}
				d := attach(t, k, good, o)
				if lap > 0 {
					k.Wait(waiting) // sent while nobody served
					require.Equal(t, scsi.Good, scsi.Status(waiting.Status))
				}
				k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
				left = stop(t, d)
				require.NoError(t, d.Err())
				_, tail := k.Cursors()
				require.Equal(t, Mark{Clean: true, Tail: tail}, left)
				k.Submit(waiting)
			}
		})
	}
}

func TestStopWaitsForTheHandler(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			gate, entered := make(chan struct{}), make(chan struct{}, 9)
			d := attach(t, k, scsi.HandlerFunc(func(*scsi.Command) scsi.Result {
				entered <- struct{}{}
				<-gate
				return scsi.Result{}
			}), way.opts)
			var all []*tcmutest.Command
			for range 9 {
				c := &tcmutest.Command{CDB: make([]byte, 6)}
				k.Submit(c)
				all = append(all, c)
			}
			<-entered
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			left, err := d.Stop(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "still with the handler (ring ids [1")
			require.False(t, left.Clean)
			close(gate)
			left = stop(t, d)
			require.True(t, left.Clean)
			for i := range int(d.Stats().Commands) {
				k.Wait(all[i])
			}
			next := attach(t, k, good, Options{Left: left})
			for i := int(d.Stats().Commands); i < len(all); i++ {
				k.Wait(all[i])
			}
			require.EqualValues(t, len(all), d.Stats().Commands+next.Stats().Commands)
		})
	}
}

// With all slots out, the ring's thread waits for one, and Stop does not wait for more than what is out.
func TestStopWhileFull(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	gate := make(chan struct{})
	d := attach(t, k, scsi.HandlerFunc(func(*scsi.Command) scsi.Result { <-gate; return scsi.Result{} }), Options{Workers: 2, Depth: 3})
	var all []*tcmutest.Command
	for range 10 {
		c := &tcmutest.Command{CDB: make([]byte, 6)}
		k.Submit(c)
		all = append(all, c)
	}
	require.Eventually(t, func() bool { return d.Stats().Commands == 3 }, tcmutest.Patience, time.Millisecond)
	stopped := make(chan Mark)
	go func() { stopped <- stop(t, d) }()
	<-d.quit
	close(gate)
	left := <-stopped
	require.True(t, left.Clean)
	require.EqualValues(t, 3, d.Stats().Completions, "the others stay in the ring")
	attach(t, k, good, Options{Left: left, Workers: 2})
	for _, c := range all {
		k.Wait(c)
	}
}

// The best of some: where it is not woken, it never takes less than most of a nap, however idle the machine.
func TestStopWhileIdle(t *testing.T) {
	best := time.Hour
	for range 5 {
		k := tcmutest.New(t, tcmutest.Config{})
		d := attach(t, k, good, Options{Workers: 2})
		time.Sleep(2 * longestSpin)
		begin := time.Now()
		require.Equal(t, Mark{Clean: true}, stop(t, d))
		best = min(best, time.Since(begin))
		require.Equal(t, Mark{Clean: true}, stop(t, d), "twice does no harm")
	}
	require.Less(t, best, shortestNap/2, "it is woken, it does not wait for its nap to end")
}

func TestDeviceRemoved(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			d := attach(t, k, good, way.opts)
			k.Do(&tcmutest.Command{CDB: make([]byte, 6)})
			k.Remove()
			select {
			case <-d.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("the device goes on")
			}
			require.ErrorIs(t, d.Err(), ErrRemoved)
			require.False(t, stop(t, d).Clean)
		})
	}
}

// Removed while the handler works: the memory stays until it has finished.
func TestDeviceRemovedWhileACommandIsOut(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	gate, entered := make(chan struct{}), make(chan struct{})
	d := attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		close(entered)
		<-gate
		c.Reply(make([]byte, 512))
		return scsi.Result{}
	}), Options{Workers: 1})
	k.Submit(&tcmutest.Command{CDB: read10(0, 1), In: 512})
	<-entered
	k.Remove()
	require.Eventually(t, func() bool { return errors.Is(d.Err(), ErrRemoved) }, tcmutest.Patience, time.Millisecond)
	close(gate)
	<-d.Done()
	require.Zero(t, d.Stats().Panics)
	require.EqualValues(t, 1, d.Stats().Completions)
}
