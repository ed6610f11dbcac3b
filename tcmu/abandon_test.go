package tcmu

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

var away = scsi.LogicalUnitBecomingReady

func none([]byte) bool { return false }

// requireAway requires that c has ended so.
func requireAway(t *testing.T, k *tcmutest.Kernel, c *tcmutest.Command) {
	t.Helper()
	k.Wait(c)
	require.EqualValues(t, scsi.CheckCondition, c.Status)
	require.Equal(t, []byte{0x70, 0, 0x02}, c.Sense[:3])
	require.Equal(t, []byte{0x04, 0x01}, c.Sense[12:14])
	require.Empty(t, c.Data)
}

// abandonAll abandons what d has had at two looks, when it has taken so many commands.
func abandonAll(t *testing.T, d *Device, taken uint64) []Overdue {
	t.Helper()
	require.Eventually(t, func() bool { return d.Stats().Commands == taken }, tcmutest.Patience, time.Millisecond)
	d.Overdue(0)
	ended, err := d.Abandon(0, away, none)
	require.NoError(t, err)
	return ended
}

// What the handler has, and what waits for it, ends at once; the id and the memory of what it has are nobody else's until it
// lets go of them.
func TestAbandon(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{Workers: 2, Control: kernelControl(k)})
	reads := &tcmutest.Command{CDB: read10(0, 8), In: 4096}
	aborted, waits := stubborn(), stubborn()
	k.Submit(reads)
	data := (<-p.begun).Data
	k.Submit(aborted)
	<-p.begun
	k.Submit(waits)
	answered := k.Abort(tcmutest.AbortTask, aborted)
	require.Len(t, abandonAll(t, d, 3), 3)
	for _, c := range []*tcmutest.Command{reads, aborted, waits} {
		requireAway(t, k, c)
	}
	soon(t, answered, "ABORT TASK")
	require.Equal(t, 2, d.Abandoned())
	require.Equal(t, 2, k.Kept())
	require.Empty(t, abandonAll(t, d, 3), "once is enough")
	require.Len(t, d.Overdue(0), 2, "they are still with the handler")

	data[0][0] = 7 // which is late, and harms nobody
	close(p.gates[0])
	require.Eventually(t, func() bool { return d.Abandoned() == 0 }, tcmutest.Patience, time.Millisecond)
	require.Zero(t, k.Kept())
	for range 3 {
		k.Do(stubborn()) // by the same ids and slots
	}
	mark := stop(t, d)
	require.True(t, mark.Clean)
	stats := d.Stats()
	require.Equal(t, stats.Commands, stats.Completions)
}

// A kernel before 5.15 has to wait for what has begun, and so does who has no way to configfs.
func TestWhatCannotBeKeptIsNotAbandoned(t *testing.T) {
	for _, c := range []struct {
		name string
		conf tcmutest.Config
		opts func(k *tcmutest.Kernel) *Control
	}{
		{"old kernel", tcmutest.Config{Without: tcmutest.KeepBuffer}, kernelControl},
		{"no control", tcmutest.Config{}, func(*tcmutest.Kernel) *Control { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := tcmutest.New(t, c.conf)
			p := newPatient()
			d := attach(t, k, p, Options{Workers: 1, Control: c.opts(k)})
			runs, waits := stubborn(), stubborn()
			k.Submit(runs)
			<-p.begun
			k.Submit(waits)
			require.Len(t, abandonAll(t, d, 2), 1)
			requireAway(t, k, waits)
			require.False(t, runs.Ended())
			close(p.gates[0])
			k.Wait(runs)
			require.EqualValues(t, scsi.Good, runs.Status)
		})
	}
}

// What is young is left alone, and so is what the ring's thread runs itself.
func TestWhatIsNotAbandoned(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{Control: kernelControl(k)})
	c := stubborn()
	k.Submit(c)
	<-p.begun
	require.Empty(t, abandonAll(t, d, 1))
	close(p.gates[0])
	k.Wait(c)

	p = newPatient()
	d.handler = p
	other := tcmutest.New(t, tcmutest.Config{})
	d = attach(t, other, p, Options{Workers: 1, Control: kernelControl(other)})
	other.Submit(c)
	<-p.begun
	d.Overdue(0)
	ended, err := d.Abandon(time.Hour, away, none)
	require.NoError(t, err)
	require.Empty(t, ended)
	ended, err = d.Abandon(0, away, func(cdb []byte) bool { return cdb[0] == c.CDB[0] })
	require.NoError(t, err)
	require.Empty(t, ended, "it may take long")
	close(p.gates[0])
	other.Wait(c)
	require.EqualValues(t, scsi.Good, c.Status)
}

// However abandoning, aborting and ending fall together, each command ends once, and nothing stays taken.
func TestAbandonRaces(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	d := attach(t, k, scsi.HandlerFunc(func(*scsi.Command) scsi.Result {
		time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
		return scsi.Result{}
	}), Options{Workers: 4, Control: kernelControl(k), WithdrawOnReset: true})
	var over atomic.Bool
	var ended int
	var abandoner, senders sync.WaitGroup
	abandoner.Go(func() {
		for !over.Load() {
			all, err := d.Abandon(0, away, none)
			if err != nil {
				t.Error(err)
				return
			}
			ended += len(all)
		}
	})
	for range 6 {
		senders.Go(func() {
			c := stubborn()
			for i := range 300 {
				k.Submit(c)
				if i%5 == 0 {
					k.Abort(tcmutest.AbortTask, c)
				}
				k.Wait(c)
			}
		})
	}
	senders.Wait()
	over.Store(true)
	abandoner.Wait()
	require.True(t, stop(t, d).Clean)
	require.Zero(t, k.Kept())
	require.Zero(t, d.Abandoned())
	require.Positive(t, ended)
	require.Equal(t, d.Stats().Commands, d.Stats().Completions)
}
