package tcmu

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// longestBatch is how many commands are completed inline before the kernel is told. Each doorbell has a cost of its own;
// but the first command of a batch waits for the last.
const longestBatch = 32

// consumer is the state of the ring's thread.
type consumer struct {
	slot *slot // for the next command; nil: to be had from the workers
	owed bool  // the tail has moved and the kernel has not been told
	wait wait

	background background
}

// serve is the ring's thread. It has a thread of the operating system to itself and waits in system calls of its own: in
// the runtime's poller it could hold up all others, because the kernel's poll function waits for the lock that a
// doorbell holds while it copies data.
func (d *Device) serve() {
	d.labels()
	debug.SetPanicOnFault(true) // a page that the kernel has taken away fails one command, not the process
	for !d.stopped() {
		found, err := d.scan()
		ended := false
		if err == nil {
			ended, err = d.reap()
		}
		if err == nil && !found && !ended {
			err = d.await()
		}
		if err != nil {
			d.end(err)
		}
	}
	d.consumer.wait.count(false)
	d.sink()
	d.workers.drain()
	d.close()
}

func (d *Device) stopped() bool {
	select {
	case <-d.quit:
		return true
	default:
		return false
	}
}

// scan takes the entries that are in the ring as it begins, and says whether there were any.
func (d *Device) scan() (found bool, err error) {
	head, err := d.ring.filled()
	if err != nil || head == d.ring.consumed {
		return false, err
	}
	for n := 1; err == nil && d.ring.consumed != head && !d.stopped(); n++ {
		if err = d.step(head); err == nil && n%longestBatch == 0 {
			err = d.settle()
		}
	}
	return true, errors.Join(err, d.settle())
}

// settle begins what has been left to the background, and tells the kernel what the ring's thread has completed or stepped
// over, if anything.
func (d *Device) settle() error {
	if err := d.submit(); err != nil {
		return err
	}
	if !d.consumer.owed {
		return nil
	}
	d.consumer.owed = false
	return d.announce()
}

// announce tells the kernel of what has been completed.
func (d *Device) announce() error {
	d.ring.publish()
	switch err := d.bell.ring(); err {
	case nil:
		return nil
	case unix.EIO, unix.EINVAL, unix.EPIPE:
		return ErrRemoved
	default:
		return fmt.Errorf("doorbell: %w", err)
	}
}

// step takes the entry at consumed.
func (d *Device) step(head uint32) error {
	r := d.ring
	h, err := r.header(r.consumed, head)
	if err != nil {
		return err
	}
	switch h.op {
	case opCommand:
		return d.command(h)
	case opTMR:
		t, err := r.tmr(h)
		if err != nil {
			return err
		}
		d.manage(t)
		if d.opts.TMR != nil {
			d.opts.TMR(t)
		}
	case opPad: // a command follows, and the kernel hears of both
		return r.take(h, nil, idle)
	default:
		r.bytes(h)[entryUFlags] = flagUnknownOp
	}
	d.consumer.owed = true
	return r.take(h, nil, idle)
}

// command takes a command and runs it, or hands it to a worker.
func (d *Device) command(h header) error {
	s, err := d.slot()
	if s == nil {
		return err // or stopped; the entry stays where it is
	}
	if err := s.load(d.ring, h); err != nil {
		return err
	}
	if d.workers.limit > 0 && !d.opts.AtOnce {
		return d.handOver(h, s)
	}
	d.ring.begin(h.id)
	s.cmd.AtOnce = d.workers.limit > 0
	switch res, length := d.attempt(s); {
	case res.IsPending():
		return d.leave(h, s)
	case res.IsLater() && s.cmd.AtOnce:
		return d.handOver(h, s)
	default:
		d.consumer.owed = true
		return d.ring.finish(h, res, length)
	}
}

// attempt is answer on the ring's thread, where a command need not end.
func (d *Device) attempt(s *slot) (scsi.Result, uint32) {
	res, length := d.answer(s, d.handler)
	return d.consumer.background.accept(res), length
}

// handOver takes a command and hands it to a worker.
func (d *Device) handOver(h header, s *slot) error {
	if err := d.ring.take(h, s, waiting); err != nil {
		return err
	}
	d.dispatch(s)
	return nil
}

// slot is the slot for the next command. When all are out it waits, and commands wait in the ring; nil if the Device is
// stopped meanwhile.
func (d *Device) slot() (*slot, error) {
	c, w := &d.consumer, &d.workers
	if c.slot == nil {
		d.found(w.slot())
	}
	if c.slot != nil {
		return c.slot, nil
	}
	pause := shortestNap
	if c.background.busy() {
		pause = time.Millisecond
	}
	look := time.NewTicker(pause)
	defer look.Stop()
	for {
		_, err := d.reap()
		if err := errors.Join(err, d.settle(), d.lookAhead()); err != nil {
			return nil, err
		}
		select {
		case s := <-w.free:
			d.found(s)
			return s, nil
		case <-d.quit:
			return nil, nil
		case <-look.C:
		}
	}
}

// found makes s the slot for the next command.
func (d *Device) found(s *slot) {
	d.consumer.slot = s
	d.current.Store(s)
	if s != nil && d.workers.limit > 0 && !d.opts.NoURing {
		s.background, s.cmd.Engine = &d.consumer.background, s
	}
}
