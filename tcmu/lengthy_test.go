package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// formats is a handler whose FORMAT UNIT ends when it is let go of, and says when it has begun.
type formats struct{ begun, release chan struct{} }

func (f formats) Do(c *scsi.Command) scsi.Result {
	if c.CDB[0] == 0x04 {
		f.begun <- struct{}{}
		<-f.release
	}
	return scsi.Result{}
}

func isFormat(cdb []byte) bool { return cdb[0] == 0x04 }

func format() *tcmutest.Command { return &tcmutest.Command{CDB: []byte{0x04, 0, 0, 0, 0, 0}} }

// What is lengthy holds up no other command of a ring whose thread runs them itself.
func TestLengthyCommandsHoldUpNobody(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}), make(chan struct{})}
	d := attach(t, k, f, Options{Lengthy: isFormat})
	var all []*tcmutest.Command
	for range lengthyWorkers {
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
	for range lengthyWorkers {
		f.release <- struct{}{}
	}
	<-f.begun
	f.release <- struct{}{}
	for _, c := range append(all, waiting) {
		k.Wait(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
	require.EqualValues(t, lengthyWorkers+1+10, d.Stats().Completions)
}

// Stop waits for them, and leaves the ring clean.
func TestStopWaitsForLengthyCommands(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}), make(chan struct{})}
	d := attach(t, k, f, Options{Lengthy: isFormat})
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
func TestMoreLengthyCommandsThanRoom(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	f := formats{make(chan struct{}, lengthyDepth), make(chan struct{})}
	d := attach(t, k, f, Options{Lengthy: isFormat})
	k.Plug()
	for range lengthyDepth + 1 {
		k.Submit(format())
	}
	k.Unplug()
	for range lengthyWorkers {
		<-f.begun
	}
	left := make(chan Mark)
	go func() { left <- stop(t, d) }()
	<-d.quit
	close(f.release)
	require.True(t, (<-left).Clean)
	require.LessOrEqual(t, d.Stats().Commands, uint64(lengthyDepth+1))
}

// Where all commands are with workers, lengthy ones are among them; in a ring that wants completions in order nothing can
// be out of turn.
func TestLengthyIsNotAskedElsewhere(t *testing.T) {
	asked := func([]byte) bool { panic("asked") }
	for _, kernel := range []tcmutest.Config{{}, {Without: tcmutest.OutOfOrder}} {
		k := tcmutest.New(t, kernel)
		attach(t, k, good, Options{Workers: map[bool]int{true: 2}[kernel.Without == 0], Lengthy: asked})
		c := format()
		k.Do(c)
		require.EqualValues(t, scsi.Good, c.Status)
	}
}
