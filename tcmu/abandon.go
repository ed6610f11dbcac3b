package tcmu

import (
	"errors"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// Abandon ends with res, which is CHECK CONDITION, what is overdue (see Overdue), so that no initiator, and nobody in the kernel,
// waits for a handler that hangs; but for commands that spare says may take so long. It returns what it has ended. What has begun goes on: its memory stays its own until the handler lets go of it (KEEP_BUF,
// Linux 5.15), and a write may still come about. So the caller sees to it, before, that from now on nothing is written over which
// it could come, as long as Abandoned is not 0.
//
// A command that the ring's own thread runs is not ended: neither are those behind it in the ring.
func (d *Device) Abandon(limit time.Duration, res scsi.Result, spare func(cdb []byte) bool) (ended []Overdue, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // as in serve; answer recovers
	w := &d.workers
	w.mu.Lock() // up to the doorbell, as in withdraw
	defer w.mu.Unlock()
	var idlers, deserted []*slot
	ended = d.overdue(limit, func(id uint16) bool {
		if !d.ring.live.has(id) {
			return false
		}
		switch s := d.ring.slots[id]; {
		case spare(s.cmd.CDB):
			return false
		case s.phase.CompareAndSwap(waiting, aborted):
			idlers = append(idlers, s)
		case d.canKeep() && (s.phase.CompareAndSwap(running, abandoned) || s.phase.CompareAndSwap(aborted, abandoned)):
			deserted = append(deserted, s)
		default:
			return false
		}
		return true
	})
	for _, s := range idlers {
		res, length := d.answer(s, scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return res }))
		err = errors.Join(err, d.ring.complete(s.id, res, length))
	}
	d.deserted.Add(int64(len(deserted)))
	for _, s := range deserted {
		err = errors.Join(err, d.ring.abandon(s.id, res))
	}
	if err == nil && len(ended) > 0 {
		err = d.announce()
	}
	if err != nil {
		d.end(err)
	}
	return ended, err
}

// canKeep says whether commands can be completed that their handler has still.
func (d *Device) canKeep() bool {
	return d.ring.features&KeepBuffer != 0 && d.opts.Control != nil && d.opts.Control.FreeKeptBuffer != nil
}

// Abandoned is how many of the commands that Abandon has ended the handler has still.
func (d *Device) Abandoned() int { return int(d.deserted.Load()) }

// release gives back what was kept of a command that had been abandoned. Its id is free for another as soon as the kernel knows.
func (d *Device) release(s *slot) {
	d.workers.mu.Lock() // until the kernel has heard that it was abandoned
	defer d.workers.mu.Unlock()
	s.phase.Store(idle)
	d.ring.release(s.id)
	d.deserted.Add(-1)
	err := writeWord(d.bell.fd) // another may be at the doorbell for us still: after this, the kernel knows what to free
	if err == nil {
		err = d.opts.Control.FreeKeptBuffer(s.id)
	}
	if err != nil && err != unix.EIO { // of a device that is gone
		d.log.Error("the memory of a command stays taken until the device is opened anew", "device", d.port.Name, "id", s.id, "err", err)
	}
}
