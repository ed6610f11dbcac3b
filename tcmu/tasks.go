package tcmu

import (
	"errors"
	"runtime/debug"

	"github.com/tcmud/tcmud/scsi"
)

// phase is how far a command that was given to workers has come. The ring's thread makes it waiting, the worker that comes
// to it running, and idle again; whoever aborts it makes it aborted, or abandoned. Each but the first is a compare-and-swap, so
// that a command runs or is withdrawn, and is completed by one of them.
type phase = uint32

const (
	idle      phase = iota // no command
	waiting                // for a worker; nothing of it has been done
	running                // the handler has it
	aborted                // completed without having run, or told so while it runs
	abandoned              // completed while it runs
)

// withdrawn is the handler of commands that have been aborted before they began.
var withdrawn = scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return scsi.Aborted })

// renew gives the slot something new to be told by: what was there has been closed, or may have been.
func (s *slot) renew() {
	s.abort = make(chan struct{})
	s.cmd.Aborted = s.abort
}

// Abort implements scsi.Tasks, for the commands of the ring. What the ring's thread runs itself cannot be told; what is in
// the ring and has not been taken yet did not come before the call.
func (d *Device) Abort(except *scsi.Command) (done <-chan struct{}) {
	done = d.ring.await(d.idOf(except))
	d.abort(func(s *slot) bool { return &s.cmd != except })
	return done
}

// idOf is the ring id of a command that its handler has, or -1 if it is not of this ring.
func (d *Device) idOf(c *scsi.Command) int {
	if s := d.workers.find(c); s != nil {
		return int(s.id)
	}
	return -1
}

// abort withdraws those slots' commands that wait, and tells those that run. It does not wait for them.
func (d *Device) abort(which func(*slot) bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // as in serve; answer recovers
	if err := d.withdraw(which); err != nil {
		d.end(err)
	}
}

// withdraw is abort, but for errors. The lock is held up to the doorbell, so that nobody uses a slot, or closes the ring,
// before this is done with it.
func (d *Device) withdraw(which func(*slot) bool) (err error) {
	w := &d.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	completed := false
	for _, s := range w.slots {
		switch {
		case !which(s):
		case s.phase.CompareAndSwap(waiting, aborted):
			completed = true
			res, length := d.answer(s, withdrawn)
			err = errors.Join(err, d.ring.complete(s.id, res, length))
		case s.phase.CompareAndSwap(running, aborted):
			close(s.abort)
		}
	}
	if completed && err == nil {
		err = d.announce()
	}
	return err
}

// manage follows a task management function: the kernel answers it when all the commands it names have been completed. Its
// ids are those of commands in flight when it was written; who has been completed since is idle, and not meant. It is for the
// ring's thread, which alone gives slots new ids.
//
// What a LOGICAL UNIT RESET names may have to be carried out all the same. LIO gives no status to commands of the I_T nexus
// that the reset came by, as SAM-5 has it; but of loopback and vhost the initiator then gets the status that was never set,
// GOOD (tcm_loop_release_cmd and vhost_scsi_release_cmd of Linux 6.1; an ABORT TASK comes to them only when the initiator
// has given up). A write that was withdrawn would be lost without a word. So the reset waits: nobody can tell whether
// commands have ended just before it.
func (d *Device) manage(t TMR) {
	if t.Function == LogicalUnitReset && !d.opts.WithdrawOnReset {
		return
	}
	var named idSet
	for _, id := range t.IDs {
		named.add(id)
	}
	d.abort(func(s *slot) bool { return named.has(s.id) })
}

// lookAhead follows the task management functions between consumed and head, without taking them: while all slots are out,
// what frees one may be behind in the ring. Of the commands that they name, those that have not been taken come first in
// the ring, and are aborted when the function is taken after them: that waits for a slot. No id in it can have come to
// stand for another command by then, for that one would be behind the function.
func (d *Device) lookAhead() error {
	r := d.ring
	head, err := r.filled()
	for at := r.consumed; err == nil && at != head; {
		var h header
		if h, err = r.header(at, head); err != nil {
			break
		}
		if h.op == opTMR {
			var t TMR
			if t, err = r.tmr(h); err == nil {
				d.manage(t)
			}
		}
		at = r.next(h)
	}
	return err
}
