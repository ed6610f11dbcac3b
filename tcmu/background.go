package tcmu

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu/uring"
)

// background is I/O on files that handlers have left to their ring's thread, by scsi.Command.Engine. It goes on while the
// thread looks after other commands, in an io_uring that is there from the first to the last of it, at most until the ring
// dozes. With direct I/O on 32 blocks of 4 KiB at once a read took 39 µs in the VM so, and 126 to 143 by workers, each of
// which has to be woken; on the machine below 19 and 38, and a third of the processor.
//
// The thread is locked meanwhile: an io_uring is a thread's own.
type background struct {
	uring   *uring.Ring // nil: none now
	refused bool        // the kernel has none for us
	asked   *slot       // whose command has queued something, and has not returned
}

// backgroundDepth is how many transfers there may be at once. What is beyond goes to workers.
const backgroundDepth = 128

// mostSegments is what the kernel takes at once (UIO_MAXIOV).
const mostSegments = 1024

// queue queues a transfer of the slot's command, which may have one at a time. It reports whether it has.
func (b *background) queue(s *slot, write bool, fd int, iov [][]byte, off int64) bool {
	if b.refused || b.asked != nil || len(iov) > mostSegments || b.uring == nil && !b.open() {
		return false
	}
	s.transfer, s.bytes = s.transfer[:0], 0
	for _, p := range iov {
		if len(p) == 0 {
			continue
		}
		v := unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		s.transfer = append(s.transfer, v)
		s.bytes += len(p)
	}
	if !b.uring.Queue(uring.Transfer{Write: write, FD: fd, Iov: s.transfer, Off: off, Tag: uint64(s.number)}) {
		return false
	}
	b.asked = s
	return true
}

// accept is for when a handler has returned: with Pending, what it has queued stands. Without, it is taken back, so that
// nothing is done for a command that is over. What is pending for nothing would be so for ever.
func (b *background) accept(res scsi.Result) scsi.Result {
	queued := b.asked != nil
	b.asked = nil
	switch pending := res.IsPending(); {
	case pending && !queued:
		return scsi.InternalTargetFailure
	case queued && !pending:
		b.uring.Retract()
	}
	return res
}

func (b *background) open() bool {
	runtime.LockOSThread()
	r, err := uring.New(backgroundDepth)
	if err != nil {
		runtime.UnlockOSThread()
		b.refused = true
		return false
	}
	b.uring = r
	return true
}

// close is for when nothing is in flight.
func (b *background) close() {
	if b.uring == nil {
		return
	}
	b.uring.Close()
	b.uring = nil
	runtime.UnlockOSThread()
}

// fd is what poll(2) is to look at, -1 if nothing is in flight.
func (b *background) fd() int32 {
	if b.busy() {
		return int32(b.uring.FD())
	}
	return -1
}

func (b *background) busy() bool  { return b.uring != nil && b.uring.InFlight() > 0 }
func (b *background) ready() bool { return b.busy() && b.uring.Ready() }

// Read implements scsi.Engine.
func (s *slot) Read(fd int, iov [][]byte, off int64) bool {
	return s.background.queue(s, false, fd, iov, off)
}

// Write implements scsi.Engine.
func (s *slot) Write(fd int, iov [][]byte, off int64) bool {
	return s.background.queue(s, true, fd, iov, off)
}

// leave takes the command of entry h, whose I/O has been queued, out of the ring.
func (d *Device) leave(h header, s *slot) error {
	s.pending = time.Now()
	d.consumer.slot = nil
	return d.ring.take(h, s, running)
}

// submit begins what is queued. If the kernel does not take it, workers do, from then on.
func (d *Device) submit() error {
	b := &d.consumer.background
	if !b.busy() {
		return nil
	}
	err := b.uring.Submit()
	if err == nil {
		return nil
	}
	b.refused = true
	d.log.Warn("io_uring fails, workers do all I/O from now on", "device", d.port.Name, "err", err)
	for err = nil; ; {
		number, ok := b.uring.Retract()
		if !ok {
			return err
		}
		err = errors.Join(err, d.resume(d.workers.slots[number], false))
	}
}

// reap goes on with those commands whose I/O has ended, and says whether there were any.
func (d *Device) reap() (ended bool, err error) {
	b := &d.consumer.background
	if !b.ready() {
		return false, nil
	}
	if err := b.uring.Collect(); err != nil {
		return false, err
	}
	for n := 1; err == nil; n++ {
		number, moved, ok := b.uring.Next()
		if !ok {
			break
		}
		ended = true
		s := d.workers.slots[number] // only this thread makes slots
		if err = d.resume(s, moved == s.bytes); err == nil && n%longestBatch == 0 {
			err = d.settle()
		}
	}
	return ended, errors.Join(err, d.settle())
}

// resume goes on with a command whose I/O has ended. If it has to be done anew, that is a worker's.
func (d *Device) resume(s *slot, whole bool) error {
	s.resumed = true
	s.cmd.Resume(whole, time.Since(s.pending))
	res, length := d.attempt(s)
	switch {
	case res.IsPending():
		s.pending = time.Now()
		return nil
	case res.IsLater():
		d.dispatch(s)
		return nil
	}
	d.consumer.owed = true
	err := d.over(s, res, length)
	d.workers.free <- s
	return err
}

// sink waits for all I/O there is.
func (d *Device) sink() {
	b := &d.consumer.background
	for b.busy() {
		err := errors.Join(d.submit(), b.uring.Wait())
		_, failed := d.reap()
		if err = errors.Join(err, failed); err != nil {
			d.end(err)
		}
	}
	b.close()
}
