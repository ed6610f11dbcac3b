package sbc_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// registered are hosts A, B, C ... with the keys 1, 2, 3 ...
func registered(t *testing.T, n int) []*scsitest.Host {
	h := hosts(t, newDisk(t, newRecorder(1<<20)), n)
	for i := range h {
		out(h[i], 0, 0, registering(0, uint64(i+1))).Good()
	}
	return h
}

// nothingPending: none of them is to be told of anything.
func nothingPending(hosts ...*scsitest.Host) {
	for _, h := range hosts {
		h.Send(ready).Good()
	}
}

// Whose key is preempted while he holds nothing is no longer registered, and hears so; nobody else does, and SCOPE and TYPE do
// not matter (SPC-4 5.13.11.2.5).
func TestPreemptARegistration(t *testing.T) {
	h := registered(t, 3)
	a, b, c := h[0], h[1], h[2]
	out(a, 4, 0, registering(1, 2)).Good()
	b.Send(ready).Sense("06 2a 05")
	nothingPending(a, b, c)
	out(a, 1, 5, registering(1, 0)).Good()
	out(a, 4, 0x1f, registering(1, 3)).Good()
	c.Send(ready).Sense("06 2a 05")
	nothingPending(a, b, c)
	in(a, 1).Good("00000005 00000010 0000000000000001 00000000 00 05 0000")
	in(a, 0).Good("00000005 00000008 0000000000000001")
	b.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Conflict()

	// One's own key, while somebody else holds: one is no longer registered either, which is no news.
	out(b, 0, 0, registering(0, 2)).Good()
	out(b, 5, 5, registering(2, 2)).Good()
	nothingPending(a, b, c)
	in(a, 0).Good("00000007 00000008 0000000000000001")
}

// Who preempts the holder's key holds what the CDB says; who has that key too loses his registration, and all others hear of it
// where the type has changed.
func TestPreemptAReservation(t *testing.T) {
	for _, now := range []struct {
		typ       int
		news      string
		key, kind string
	}{
		{5, "", "0000000000000003", "05"},
		{1, "06 2a 04", "0000000000000003", "01"},
		{8, "06 2a 04", "0000000000000000", "08"},
	} {
		h := registered(t, 4)
		a, b, c, d := h[0], h[1], h[2], h[3]
		out(b, 0, 0, registering(2, 1)).Good() // the key of A
		out(a, 1, 5, registering(1, 0)).Good()
		out(c, 4, now.typ, registering(3, 1)).Good()
		a.Send(ready).Sense("06 2a 05")
		b.Send(ready).Sense("06 2a 05")
		if now.news != "" {
			d.Send(ready).Sense(now.news)
		}
		nothingPending(a, b, c, d)
		in(c, 1).Good("00000006 00000010", now.key, "00000000 00", now.kind, "0000")
		in(c, 0).Good("00000006 00000010 0000000000000003 0000000000000004")
	}
}

// With a type of all registrants the key 0 preempts all of them; any other key takes registrations, and the reservation stays.
func TestPreemptAllRegistrants(t *testing.T) {
	h := registered(t, 3)
	a, b, c := h[0], h[1], h[2]
	out(a, 1, 7, registering(1, 0)).Good()
	out(b, 4, 7, registering(2, 1)).Good()
	a.Send(ready).Sense("06 2a 05")
	nothingPending(a, b, c)
	in(b, 1).Good("00000004 00000010 0000000000000000 00000000 00 07 0000")
	out(b, 4, 7, registering(2, 2)).Good() // its own: there is nobody else
	in(b, 0).Good("00000005 00000010 0000000000000002 0000000000000003")
	out(c, 5, 3, registering(3, 0)).Good()
	b.Send(ready).Sense("06 2a 05")
	nothingPending(a, b, c)
	in(c, 1).Good("00000006 00000010 0000000000000003 00000000 00 03 0000")
	in(c, 0).Good("00000006 00000008 0000000000000003")
}

// Who hears that a reservation has ended (SPC-4 5.13.11.2.2, 5.13.11.2.3, 5.13.11.2.6): never who has ended it.
func TestWhoHearsOfARelease(t *testing.T) {
	for _, typ := range []int{1, 3, 5, 6, 7, 8} {
		h := registered(t, 4)
		a, b, c := h[0], h[1], h[2]
		others := []*scsitest.Host{b, c, h[3]}
		hear := func(news string) {
			t.Helper()
			for _, o := range others {
				if news != "" {
					o.Send(ready).Sense(news)
				}
			}
			nothingPending(append(others, a)...)
		}
		released := "06 2a 04"
		if typ < 5 {
			released = ""
		}
		out(a, 1, typ, registering(1, 0)).Good()
		hear("")
		out(a, 2, typ, registering(1, 0)).Good()
		hear(released)
		out(a, 1, typ, registering(1, 0)).Good()
		out(a, 0, 0, registering(1, 0)).Good() // no longer registered
		if typ > 6 {
			released = "" // the others hold it still
			in(a, 1).Good("00000005 00000010 0000000000000000 00000000 00", []string{"07", "08"}[typ-7], "0000")
		} else {
			in(a, 1).Good("00000005 00000000")
		}
		hear(released)
		out(b, 3, 0, registering(2, 0)).Good()
		in(a, 0).Good("00000006 00000000")
		c.Send(ready).Sense("06 2a 03")
		h[3].Send(ready).Sense("06 2a 03")
		nothingPending(h...)
	}
}

// stubborn is a transport's tasks that end when they are told to.
type stubborn struct {
	asked chan struct{}
	done  chan struct{}
}

func (s stubborn) Abort(*scsi.Command) <-chan struct{} {
	close(s.asked)
	return s.done
}

// PREEMPT AND ABORT is answered when the tasks of those preempted have ended, or when it is aborted itself.
func TestPreemptAndAbortWaits(t *testing.T) {
	for _, aborted := range []bool{false, true} {
		d := newDisk(t, newRecorder(1<<20))
		h := hosts(t, d, 2)
		a, b := h[0], h[1]
		tasks := stubborn{make(chan struct{}), make(chan struct{})}
		b.Nexus().Carry(tasks)
		out(a, 0, 0, registering(0, 1)).Good()
		out(b, 0, 0, registering(0, 2)).Good()
		abort := make(chan struct{})
		c := &scsi.Command{CDB: scsitest.Hex("5f 05 01 0000 00000018 00"), Data: scsi.Buffer{registering(1, 2)}, Nexus: a.Nexus(), Aborted: abort}
		ended := make(chan scsi.Result, 1)
		go func() { ended <- d.Do(c) }()
		<-tasks.asked
		in(a, 0).Good("00000003 00000008 0000000000000001") // the registration has gone already
		require.Empty(t, ended)
		if aborted {
			close(abort)
			require.Equal(t, scsi.Aborted, <-ended)
		} else {
			close(tasks.done)
			require.True(t, (<-ended).OK())
		}
		b.Send(ready).Sense("06 2a 05")
	}
}

// lone is a transport that carries one command of a nexus at a time.
type lone struct {
	mu      sync.Mutex
	running *scsi.Command // guarded by mu; nil: none
	aborted chan struct{} // guarded by mu; closed when running has been aborted
	ended   chan struct{} // guarded by mu; closed when running has ended
}

// do carries out a command that has not been aborted before it begins.
func (l *lone) do(d *sbc.Disk, n *scsi.Nexus, cdb string, list []byte) scsi.Result {
	aborted, ended := make(chan struct{}), make(chan struct{})
	c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{list}, Nexus: n, Aborted: aborted}
	l.mu.Lock()
	l.running, l.aborted, l.ended = c, aborted, ended
	l.mu.Unlock()
	r := d.Do(c)
	l.mu.Lock()
	l.running = nil
	close(ended)
	l.mu.Unlock()
	return r
}

func (l *lone) Abort(except *scsi.Command) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == nil || l.running == except {
		none := make(chan struct{})
		close(none)
		return none
	}
	select {
	case <-l.aborted:
	default:
		close(l.aborted)
	}
	return l.ended
}

// Of two that preempt each other at once one wins, and neither waits for the other forever.
func TestPreemptEachOther(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	h := hosts(t, d, 2)
	var carries [2]lone
	for i := range h {
		h[i].Nexus().Carry(&carries[i])
	}
	for range 200 {
		for i := range h {
			for !h[i].Nexus().TakeAttention().OK() {
			}
			out(h[i], 6, 0, registering(0, uint64(i+1))).Good()
		}
		var ends [2]scsi.Result
		var both sync.WaitGroup
		for i := range h {
			both.Go(func() {
				ends[i] = carries[i].do(d, h[i].Nexus(), "5f 05 05 0000 00000018 00", registering(uint64(i+1), uint64(2-i)))
			})
		}
		both.Wait()
		winner := slices.Index(ends[:], scsi.Result{})
		require.GreaterOrEqual(t, winner, 0, "%v", ends)
		loser := ends[1-winner]
		require.True(t, loser == scsi.Conflict || loser == scsi.Check(scsi.UnitAttention, scsi.RegistrationsPreempted), "%v", loser)
		in(h[winner], 0).Data()
		require.Equal(t, []spc.Registration{{Initiator: fmt.Sprintf("naa.500000000000000%x", 0xa+winner), Port: 1, Key: uint64(winner + 1)}},
			d.Primary().Reservations().Registrations)
	}
}
