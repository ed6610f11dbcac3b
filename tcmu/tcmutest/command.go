package tcmutest

import (
	"fmt"
	"time"
)

// Poison is what the data area holds where nobody has written.
const Poison = 0xdb

// Patience is how long Wait waits for an answer.
const Patience = 10 * time.Second

// Statuses that the kernel itself gives (SAM-5).
const (
	statusGood        = 0x00
	statusCheck       = 0x02
	statusBusy        = 0x08
	statusTaskSetFull = 0x28
)

// Command is a command as the kernel hands it over, and how it ended. It may be submitted again when it has ended; it
// then allocates nothing.
type Command struct {
	CDB []byte
	Out []byte // Data-Out; nil if there is none
	In  int    // bytes of Data-In that the initiator has room for; 0 with Data-Out

	// Set when it has ended.
	ID     uint16 // it had in the ring; 0 if it was never there
	Status byte
	Sense  [96]byte // with CHECK CONDITION
	// Data is what the kernel copied to the initiator. It may be shorter than In: after CHECK CONDITION, and when the
	// completion said how much there is.
	Data []byte

	blocks []int
	kept   bool // not a command, but what is left of one
	done   chan struct{}
	late   *time.Timer // of Wait: made once, so that a benchmark counts no allocation of the test's
}

// Submit puts c into the ring, or in the queue if there is no room. It does not wait.
func (k *Kernel) Submit(c *Command) {
	if c.done == nil {
		c.done, c.late = make(chan struct{}, 1), time.NewTimer(Patience)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c.ID, c.Data = 0, c.Data[:0]
	switch {
	case k.blocked:
		c.end(statusBusy)
	case k.broken:
		c.end(statusCheck)
	case len(k.queue) == 0 && k.enter(c):
		k.notify()
	case k.conf.RefuseWhenFull:
		c.end(statusTaskSetFull)
	default:
		k.queue = append(k.queue, c)
	}
}

// Wait waits for the end of c. It fails the test if that takes too long.
func (k *Kernel) Wait(c *Command) {
	k.t.Helper()
	select {
	case <-c.done:
		return
	default:
	}
	c.late.Reset(Patience)
	defer c.late.Stop()
	select {
	case <-c.done:
	case <-c.late.C:
		k.t.Fatalf("tcmutest: no answer to command % x (ring id %d) in %v", c.CDB, c.ID, Patience)
	}
}

// Do is Submit and Wait.
func (k *Kernel) Do(c *Command) {
	k.t.Helper()
	k.Submit(c)
	k.Wait(c)
}

// Done gives something to receive when c has ended, once; so does Wait, which has a time limit and allocates.
func (c *Command) Done() <-chan struct{} { return c.done }

// Ended says whether c has an answer that nobody has waited for.
func (c *Command) Ended() bool { return len(c.done) > 0 }

func (c *Command) end(status byte) {
	c.Status = status
	c.done <- struct{}{}
}

// receive takes the answer out of the entry: as tcmu_handle_completion does, with what it copies and what not.
func (k *Kernel) receive(c *Command, status, flags byte, length int, sense []byte) {
	n := c.In
	short := flags&flagReadLength != 0 && length != 0 && c.In > 0
	if flags&flagReadLength != 0 && k.conf.Without&ReadLength != 0 {
		k.fail("command % x answered with READ_LEN, which this kernel does not know", c.CDB)
	}
	switch {
	case short:
		n = min(length, c.In)
	case status == statusCheck:
		n = 0
	}
	if status == statusCheck {
		copy(c.Sense[:], sense)
	}
	c.Data = k.area.read(c.Data[:0], c.blocks, n)
	if flags&flagKeepBuffer == 0 {
		k.area.release(c.blocks)
	} else {
		c.blocks = nil // they are not c's any more
	}
	c.end(status)
}

func wrong(format string, args ...any) error { return fmt.Errorf("tcmutest: "+format, args...) }
