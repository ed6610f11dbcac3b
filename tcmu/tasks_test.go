package tcmu

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// soon waits for what is to be closed.
func soon(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(tcmutest.Patience):
		t.Fatal(what + " is waited for in vain")
	}
}

func isOpen(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// patient is a handler whose commands each end when they are let go of, by the gate whose number is in byte 2 of the CDB.
// Those with 1 in byte 1 end as well when they are aborted.
type patient struct {
	begun chan *scsi.Command
	gates [2]chan struct{}
	ran   atomic.Int64
}

func newPatient() *patient {
	return &patient{begun: make(chan *scsi.Command, 1000), gates: [2]chan struct{}{make(chan struct{}), make(chan struct{})}}
}

func (p *patient) Do(c *scsi.Command) scsi.Result {
	p.ran.Add(1)
	p.begun <- c
	var abort <-chan struct{}
	if c.CDB[1] == 1 {
		abort = c.Aborted
	}
	select {
	case <-p.gates[c.CDB[2]]:
		return scsi.Result{}
	case <-abort:
		return scsi.Aborted
	}
}

func stubborn() *tcmutest.Command { return &tcmutest.Command{CDB: make([]byte, 6)} }
func heedful() *tcmutest.Command  { return &tcmutest.Command{CDB: []byte{0, 1, 0, 0, 0, 0}} }

// What has not begun never does, and is answered at once.
func TestAbortOfWhatWaits(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{Workers: 1})
	first, second, third := stubborn(), stubborn(), &tcmutest.Command{CDB: read10(0, 8), In: 4096}
	k.Submit(first)
	<-p.begun
	k.Submit(second)
	k.Submit(third)
	soon(t, k.Abort(tcmutest.AbortTask, third), "ABORT TASK")
	k.Wait(third)
	require.EqualValues(t, scsi.TaskAborted, third.Status)
	require.Equal(t, make([]byte, 4096), third.Data, "what others left in the data area is nobody's")
	require.False(t, first.Ended() || second.Ended())
	close(p.gates[0])
	k.Wait(first)
	k.Wait(second)
	k.Do(stubborn()) // by the slot that was aborted, or after it
	stop(t, d)
	require.EqualValues(t, 3, p.ran.Load())
	require.EqualValues(t, 4, d.Stats().Completions)
}

// What has begun is told, and the function is answered when it has ended.
func TestAbortOfWhatRuns(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	attach(t, k, p, Options{Workers: 2, WithdrawOnReset: true})
	deaf, keen := stubborn(), heedful()
	k.Submit(deaf)
	told := (<-p.begun).Aborted
	k.Submit(keen)
	<-p.begun
	require.True(t, isOpen(told))
	answered := k.Abort(tcmutest.LUNReset, deaf, keen)
	k.Wait(keen)
	require.EqualValues(t, scsi.TaskAborted, keen.Status)
	soon(t, told, "Aborted")
	require.True(t, isOpen(answered), "one of them still works")
	p.gates[0] <- struct{}{}
	soon(t, answered, "LOGICAL UNIT RESET")
	k.Wait(deaf)
	require.EqualValues(t, scsi.Good, deaf.Status, "it was too late")
	for range 10 { // the slots are as new
		again := heedful()
		k.Submit(again)
		require.True(t, isOpen((<-p.begun).Aborted))
		p.gates[0] <- struct{}{}
		k.Wait(again)
		require.EqualValues(t, scsi.Good, again.Status)
	}
}

// Ids of commands that have been answered, and of none, are nobody's; so are those of commands twice aborted.
func TestAbortOfNobody(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{})
			d := attach(t, k, good, way.opts)
			c := stubborn()
			k.Do(c)
			require.True(t, k.TMR(1, c.ID))
			require.True(t, k.TMR(5, 0, 1, c.ID, 2, 0xffff))
			soon(t, k.Abort(tcmutest.AbortTask, c), "ABORT TASK")
			k.Do(c)
			require.EqualValues(t, scsi.Good, c.Status)
			require.EqualValues(t, 2, d.Stats().Completions)
		})
	}
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{Workers: 1})
	a, b := heedful(), stubborn()
	k.Submit(a)
	<-p.begun
	k.Submit(b)
	k.Plug()
	first, second := k.Abort(tcmutest.AbortTask, a, b), k.Abort(tcmutest.AbortTask, a, b)
	k.Unplug()
	soon(t, first, "ABORT TASK")
	soon(t, second, "the other")
	require.EqualValues(t, 2, d.Stats().Completions)
	require.EqualValues(t, 1, p.ran.Load())
}

// stamps is a store of blocks with the last write's stamp, that takes its time.
type stamps struct {
	mu   sync.Mutex
	last [1024]byte
}

func (s *stamps) Do(c *scsi.Command) scsi.Result {
	var block [512]byte
	c.Data.Read(block[:], 0)
	time.Sleep(50 * time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[int(c.CDB[4])<<8|int(c.CDB[5])] = block[0]
	return scsi.Result{}
}

// Resets among hundreds of writes: each is answered once, and one that was answered as aborted has not been made, nor is
// later: the block still holds what was there when the answer came, and so does it at the end.
func TestResetAmongHundreds(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{Blocks: 512})
	s := new(stamps)
	d := attach(t, k, s, Options{Workers: 4, WithdrawOnReset: true})
	const commands, rounds = 400, 20
	wrote, withdrew := 0, 0
	var have [commands]byte
	for round := range byte(rounds) {
		var all []*tcmutest.Command
		for lba := range commands {
			c := &tcmutest.Command{CDB: write10(lba, 1), Out: bytes.Repeat([]byte{round + 1}, 512)}
			k.Submit(c)
			all = append(all, c)
		}
		time.Sleep(time.Duration(round) * 500 * time.Microsecond)
		soon(t, k.Abort(tcmutest.LUNReset, all...), "LOGICAL UNIT RESET")
		for lba, c := range all {
			k.Wait(c)
			switch scsi.Status(c.Status) {
			case scsi.Good:
				have[lba] = round + 1
				wrote++
			case scsi.TaskAborted:
				withdrew++
			default:
				t.Fatalf("status %#x", c.Status)
			}
		}
		s.mu.Lock()
		require.Equal(t, have[:], s.last[:commands])
		s.mu.Unlock()
	}
	stop(t, d)
	require.Equal(t, have[:], s.last[:commands])
	require.NotZero(t, wrote)
	require.NotZero(t, withdrew)
	require.EqualValues(t, commands*rounds, d.Stats().Completions)
}

// Where initiators are told that commands have ended well which a reset has aborted, they end well: the reset waits.
func TestResetThatWithdrawsNothing(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	var heard atomic.Int64
	attach(t, k, p, Options{Workers: 1, TMR: func(TMR) { heard.Add(1) }})
	runs, waits := heedful(), heedful()
	k.Submit(runs)
	<-p.begun
	k.Submit(waits)
	answered := k.Abort(tcmutest.LUNReset, runs, waits)
	require.Eventually(t, func() bool { return heard.Load() == 1 }, tcmutest.Patience, time.Millisecond)
	require.False(t, runs.Ended() || waits.Ended())
	p.gates[0] <- struct{}{}
	k.Wait(runs)
	require.True(t, isOpen(answered))
	p.gates[0] <- struct{}{}
	soon(t, answered, "LOGICAL UNIT RESET")
	k.Wait(waits)
	require.EqualValues(t, scsi.Good, runs.Status|waits.Status)

	preempted := heedful()
	k.Submit(preempted)
	soon(t, k.Abort(byte(PreemptAndAbort), preempted), "PREEMPT AND ABORT, of which initiators are told TASK ABORTED")
	k.Wait(preempted)
	require.EqualValues(t, scsi.TaskAborted, preempted.Status)
}

// While all slots are out, a function behind commands that wait in the ring still reaches those that are out.
func TestFunctionBehindAFullPool(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{Workers: 2, Depth: 2, WithdrawOnReset: true})
	a, b := heedful(), heedful()
	k.Submit(a)
	k.Submit(b)
	<-p.begun
	<-p.begun
	third := heedful()
	k.Submit(third)
	answered := k.Abort(tcmutest.LUNReset, a, b, third)
	k.Wait(a)
	k.Wait(b)
	soon(t, answered, "LOGICAL UNIT RESET") // the third has a slot then, begins or not, and is aborted when its turn comes
	k.Wait(third)
	for _, c := range []*tcmutest.Command{a, b, third} {
		require.EqualValues(t, scsi.TaskAborted, c.Status)
	}
	require.EqualValues(t, 3, d.Stats().Completions)
	require.EqualValues(t, 1, d.Stats().TMRs, "it is taken once")
}

// Abort of a nexus: what waits ends, what runs is told and waited for; who asked is not, nor what came later.
func TestAbortExcept(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	var u scsi.Unit
	n := u.Join("A")
	d := attach(t, k, p, Options{Workers: 2, Nexus: n})
	own, other, waits := &tcmutest.Command{CDB: []byte{0, 0, 1, 0, 0, 0}}, stubborn(), stubborn()
	k.Submit(own)
	self := <-p.begun
	k.Submit(other)
	told := (<-p.begun).Aborted
	k.Submit(waits)
	require.Eventually(t, func() bool { return d.Stats().Commands == 3 }, tcmutest.Patience, time.Millisecond)
	done := n.Abort(self)
	k.Wait(waits)
	require.EqualValues(t, scsi.TaskAborted, waits.Status)
	soon(t, told, "Aborted")
	require.True(t, isOpen(self.Aborted) && isOpen(done))
	later := stubborn()
	k.Submit(later)
	p.gates[0] <- struct{}{}
	soon(t, done, "the end of the other")
	k.Wait(other)
	require.False(t, own.Ended() || later.Ended())
	close(p.gates[0])
	close(p.gates[1])
	k.Wait(own)
	k.Wait(later)
	soon(t, n.Abort(nil), "nothing")
}

// What the ring's thread runs itself is waited for, but cannot be told.
func TestAbortWhereTheRingsThreadRunsAll(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	p := newPatient()
	d := attach(t, k, p, Options{})
	c := stubborn()
	k.Submit(c)
	self := <-p.begun
	require.Nil(t, self.Aborted)
	soon(t, d.Abort(self), "nobody but itself")
	done := d.Abort(nil)
	require.True(t, isOpen(done))
	p.gates[0] <- struct{}{}
	soon(t, done, "its end")
	k.Wait(c)
	require.EqualValues(t, scsi.Good, c.Status)
}

// Aborts under load, by those whose commands are aborted too: every command has one answer, every abort an end.
func TestAbortsUnderLoad(t *testing.T) {
	const devices, clients, times = 2, 4, 300
	var u scsi.Unit
	var nexuses [devices]*scsi.Nexus
	for i := range nexuses {
		nexuses[i] = u.Join("")
	}
	for i := range nexuses {
		k := tcmutest.New(t, tcmutest.Config{Ring: 8192 - 128})
		sibling := nexuses[1-i]
		d := attach(t, k, scsi.HandlerFunc(func(c *scsi.Command) scsi.Result {
			if c.CDB[0] == 0xc1 {
				select {
				case <-sibling.Abort(c): // in it: one that may be aborting this
				case <-c.Aborted:
					return scsi.Aborted
				}
			}
			return scsi.Result{}
		}), Options{Workers: 3, Depth: 4 + 4*i, Nexus: nexuses[i]})
		t.Run("", func(t *testing.T) {
			t.Parallel()
			var group sync.WaitGroup
			for client := range clients {
				group.Go(func() {
					for n := range times {
						c := &tcmutest.Command{CDB: make([]byte, 10)}
						if n%3 == client%3 {
							c.CDB[0] = 0xc1
						}
						k.Do(c)
						if s := scsi.Status(c.Status); s != scsi.Good && s != scsi.TaskAborted {
							t.Errorf("status %v", s)
						}
					}
				})
			}
			group.Wait()
			require.EqualValues(t, clients*times, d.Stats().Completions)
			soon(t, nexuses[i].Abort(nil), "nothing")
		})
	}
}

// Commands that are aborted while the device stops are answered, and the ring is left clean.
func TestAbortDuringStop(t *testing.T) {
	for range 50 {
		k := tcmutest.New(t, tcmutest.Config{})
		p := newPatient()
		d := attach(t, k, p, Options{Workers: 1})
		var all []*tcmutest.Command
		for range 20 {
			c := heedful()
			k.Submit(c)
			all = append(all, c)
		}
		<-p.begun
		require.Eventually(t, func() bool { return d.Stats().Commands == 20 }, tcmutest.Patience, time.Millisecond)
		left := make(chan Mark)
		go func() { left <- stop(t, d) }()
		<-d.quit
		soon(t, d.Abort(nil), "the end of all")
		require.True(t, (<-left).Clean)
		for _, c := range all {
			k.Wait(c)
			require.EqualValues(t, scsi.TaskAborted, c.Status)
		}
		require.EqualValues(t, 1, p.ran.Load())
		soon(t, d.Abort(nil), "nothing")
	}
}

// A ring that breaks answers nobody, but who waits for the end of commands is told when the handler is done with them.
func TestAbortOnABrokenRing(t *testing.T) {
	k := tcmutest.New(t, tcmutest.Config{})
	mem, fd, err := k.Open()
	require.NoError(t, err)
	p := newPatient()
	d, err := Attach(Port{Name: "bad", Memory: mem, FD: fd}, p, Options{Workers: 1})
	require.NoError(t, err)
	k.Submit(stubborn())
	k.Submit(stubborn())
	<-p.begun
	require.Eventually(t, func() bool { return d.Stats().Commands == 2 }, tcmutest.Patience, time.Millisecond)
	word(mem, 128).Store(0) // a PAD of no bytes, where the first command was
	done := d.Abort(nil)
	require.True(t, isOpen(done))
	p.gates[0] <- struct{}{}
	soon(t, done, "the handler")
	<-d.Done()
	requireBroken(t, d.Err(), 0, "PAD of 0 bytes")
	soon(t, d.Abort(nil), "nothing")
}
