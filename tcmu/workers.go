package tcmu

import (
	"runtime/debug"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// workers are the goroutines that run commands which may wait. They, the slots and the queues are made when they are first
// needed: most devices are idle.
type workers struct {
	limit, depth int        // goroutines and slots; immutable
	work, free   chan *slot // immutable once there is a slot
	group        sync.WaitGroup

	// The ring's thread only.
	made, running int

	mu    sync.Mutex // held by those who abort
	slots []*slot    // guarded by mu: all that have been made
}

const (
	// defaultDepth is more than initiators send as a rule. A command that is with the workers can be aborted, and those
	// behind it in the ring are seen; one that is still in the ring has to wait for a slot first.
	defaultDepth = 1024
)

// init sets how many goroutines and slots there may be. Without goroutines there is one slot, the ring's thread's own.
func (w *workers) init(limit, depth int) {
	if limit <= 0 {
		limit, depth = 0, 1
	} else if depth <= 0 {
		depth = defaultDepth
	}
	w.limit, w.depth = limit, max(depth, limit)
}

// slot is one that is free; nil if all are out.
func (w *workers) slot() *slot {
	select {
	case s := <-w.free:
		return s
	default:
	}
	if w.made == w.depth {
		return nil
	}
	s := &slot{number: w.made}
	if w.made++; w.made == 1 && w.limit > 0 {
		w.work, w.free = make(chan *slot, w.depth), make(chan *slot, w.depth)
	}
	if w.limit > 0 {
		s.renew()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots = append(w.slots, s)
	return s
}

// find is the slot that a command is in; nil if there is none.
func (w *workers) find(c *scsi.Command) *slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.slots {
		if &s.cmd == c {
			return s
		}
	}
	return nil
}

// dispatch hands the loaded slot of the ring's thread to a worker, and makes one more if all have something to do. Who has a
// command that has been abandoned is none of them.
func (d *Device) dispatch(s *slot) {
	d.consumer.slot, s.cmd.Engine = nil, nil
	w := &d.workers
	if out := w.made - len(w.free); out > w.running && w.running < w.limit+d.Abandoned() {
		w.running++
		w.group.Go(d.worker)
	}
	w.work <- s // never waits: there is room for every slot
}

func (d *Device) worker() {
	d.labels()
	debug.SetPanicOnFault(true) // as in serve
	for s := range d.workers.work {
		ran, err := d.turn(s)
		d.workers.free <- s
		if err == nil && ran {
			err = d.announce()
		}
		if err != nil {
			d.end(err)
		}
	}
}

// turn runs the command of a slot whose turn it is, if it has not been aborted before it began.
func (d *Device) turn(s *slot) (ran bool, err error) {
	if !s.resumed && !s.phase.CompareAndSwap(waiting, running) {
		d.workers.renew(s)
		return false, nil
	}
	s.cmd.AtOnce = false
	res, length := d.answer(s, d.handler)
	return true, d.over(s, res, length)
}

// over completes a command that was not run at once.
func (d *Device) over(s *slot, res scsi.Result, length uint32) error {
	if !s.phase.CompareAndSwap(running, idle) {
		d.workers.renew(s)
		if !s.phase.CompareAndSwap(aborted, idle) {
			d.release(s)
			return nil
		}
	}
	return d.ring.complete(s.id, res, length)
}

// renew makes a slot that was aborted one like any other, when those who did it have let go of it.
func (w *workers) renew(s *slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.renew()
}

// drain waits until the workers have finished all they were given, and nobody aborts any of it.
func (w *workers) drain() {
	if w.work == nil {
		return
	}
	close(w.work)
	w.group.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots = nil
}
