package tcmu

import (
	"runtime/debug"
	"sync"
)

// workers are the goroutines that run commands which may wait. Both they and the slots are made when they are first
// needed: most devices are idle.
type workers struct {
	limit, depth int        // goroutines and slots; immutable
	work, free   chan *slot // immutable
	group        sync.WaitGroup

	// The ring's thread only.
	made, running int
}

// How many lengthy commands are run at a time, and taken from the ring: the next after them holds up what is behind it.
const (
	lengthyWorkers = 4
	lengthyDepth   = 64
)

func (w *workers) init(limit, depth int) {
	if limit <= 0 {
		return
	}
	if depth <= 0 {
		depth = 4 * limit
	}
	w.limit, w.depth = limit, max(depth, limit)
	w.work, w.free = make(chan *slot, w.depth), make(chan *slot, w.depth)
}

// slot is one that is free. When all are out it waits, and commands wait in the ring; nil if quit is closed meanwhile.
func (w *workers) slot(quit <-chan struct{}) *slot {
	select {
	case s := <-w.free:
		return s
	default:
	}
	if w.made < w.depth {
		w.made++
		return new(slot)
	}
	select {
	case s := <-w.free:
		return s
	case <-quit:
		return nil
	}
}

// dispatch hands a loaded slot to a worker of w, and makes one more if all have something to do.
func (d *Device) dispatch(w *workers, s *slot) {
	if out := w.made - len(w.free); out > w.running && w.running < w.limit {
		w.running++
		w.group.Go(func() { d.worker(w) })
	}
	w.work <- s // never waits: there is room for every slot
}

func (d *Device) worker(w *workers) {
	debug.SetPanicOnFault(true) // as in serve
	for s := range w.work {
		err := d.run(s)
		w.free <- s
		if err == nil {
			err = d.announce()
		}
		if err != nil {
			d.end(err)
		}
	}
}

// drain waits until the workers have finished all they were given.
func (w *workers) drain() {
	if w.limit > 0 {
		close(w.work)
		w.group.Wait()
	}
}
