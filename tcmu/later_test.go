package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// formats is a handler whose FORMAT UNIT is for later, ends when it is let go of, and says when it has begun.
type formats struct{ begun, release chan struct{} }

func (f formats) Do(c *scsi.Command) scsi.Result {
	if c.CDB[0] != 0x04 {
		return scsi.Result{}
	}
	if c.AtOnce {
		return scsi.Later
	}
	f.begun <- struct{}{}
	<-f.release
	return scsi.Result{}
}

func format() *tcmutest.Command { return &tcmutest.Command{CDB: []byte{0x04, 0, 0, 0, 0, 0}} }

// few is a pool that is soon full.
var few = Options{Workers: 4, Depth: 20, AtOnce: true}

// What is for later holds up no other command.
func TestLaterHoldsUpNobody(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}), make(chan struct{})}
	d := attach(t, k, f, few)
	var all []*tcmutest.Command
	for range few.Workers {
		c := format()
		k.Submit(c)
		<-f.begun
		all = append(all, c)
	}
	waiting := format() // for a worker
	k.Submit(waiting)
	for range 10 {
		k.Do(&tcmutest.Command{CDB: read10(0, 8), In: 4096})
	}
	for _, c := range all {
		require.False(t, c.Ended())
	}
	for range few.Workers {
		f.release <- struct{}{}
	}
	<-f.begun
	f.release <- struct{}{}
	for _, c := range append(all, waiting) {
		k.Wait(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
	require.EqualValues(t, few.Workers+1+10, d.Stats().Completions)
}

// Stop waits for it, and leaves the ring clean.
func TestStopWaitsForWhatIsLater(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}), make(chan struct{})}
	d := attach(t, k, f, few)
	c := format()
	k.Submit(c)
	<-f.begun
	left := make(chan Mark)
	go func() { left <- stop(t, d) }()
	<-d.quit
	f.release <- struct{}{}
	require.True(t, (<-left).Clean)
	k.Wait(c)
}

// With as many as there is room for, the next waits in the ring, and does not keep the device from being stopped.
func TestMoreForLaterThanRoom(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}, few.Depth), make(chan struct{})}
	d := attach(t, k, f, few)
	k.Plug()
	for range few.Depth + 1 {
		k.Submit(format())
	}
	k.Unplug()
	for range few.Workers {
		<-f.begun
	}
	left := make(chan Mark)
	go func() { left <- stop(t, d) }()
	<-d.quit
	close(f.release)
	require.True(t, (<-left).Clean)
	require.LessOrEqual(t, d.Stats().Commands, uint64(few.Depth+1))
}

// What is for later can be aborted as long as it waits for a worker, and then never runs.
func TestAbortOfWhatIsLater(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}, few.Depth), make(chan struct{})}
	attach(t, k, f, Options{Workers: 1, AtOnce: true})
	first, second := format(), format()
	k.Submit(first)
	<-f.begun
	k.Submit(second)
	soon(t, k.Abort(tcmutest.AbortTask, second), "ABORT TASK")
	k.Wait(second)
	require.EqualValues(t, scsi.TaskAborted, second.Status)
	close(f.release)
	k.Wait(first)
	k.Do(format())
	require.Len(t, f.begun, 1, "the third; the second never began")
}

// A handler that has to wait is not asked to hurry where nobody else could run its command: without workers, on a ring
// that wants completions in order, and on a worker. Who says Later all the same is taken at his word: BUSY.
func TestLaterIsNotAskedElsewhere(t *testing.T) {
	impatient := scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
		if c.AtOnce {
			panic("asked")
		}
		return scsi.Later
	})
	for name, on := range map[string]struct {
		kernel tcmutest.Config
		opts   Options
	}{
		"no workers":          {opts: Options{AtOnce: true}},
		"completion in order": {tcmutest.Config{Without: tcmutest.OutOfOrder}, Options{Workers: 2, AtOnce: true}},
		"workers":             {opts: Options{Workers: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			k := tcmutest.New(t, on.kernel)
			attach(t, k, impatient, on.opts)
			c := format()
			k.Do(c)
			require.EqualValues(t, scsi.Busy, c.Status)
		})
	}
}
