package sbc

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// Copy operations of a disk: how many may run, how many are remembered, and how long. A ring does not say which initiator a
// command comes from, so two of them may come to use the same list identifier. One whose outcome nobody has been told yet -
// a token, or the end of an operation in the background - is not given away before it is fetched, or is this old.
const (
	maxCopies  = 16
	maxHeld    = 64
	holdTime   = time.Second // the command itself told of the outcome: who wants to know more asks at once
	untoldTime = time.Minute // it did not
)

// operation is a third-party copy: what was asked for by one command, and what has come of it (SPC-4 5.17.4).
type operation struct {
	action  byte // service action of the command
	nexus   *scsi.Nexus
	id      uint32 // LIST IDENTIFIER
	unnamed bool   // it has none
	discard bool   // the outcome is not held
	immed   bool   // it goes on after the command has ended

	withdrawn <-chan struct{} // closed when its command is aborted, which waits for its end; nil: none does
	stop      atomic.Bool     // it is to be aborted: by COPY OPERATION ABORT, or because the disk goes

	mu      sync.Mutex
	outcome           // guarded by mu
	ended   time.Time // guarded by mu; when it ended, or somebody was first told how
	untold  bool      // guarded by mu: nobody has been told of the outcome
}

// outcome is what an operation has done so far.
type outcome struct {
	running  bool
	result   scsi.Result
	bytes    int64
	segments uint16 // processed to their end
	steps    uint16 // OPERATION COUNTER: it changes while there is progress, and wraps
	token    *token // that it has made
	aborted  bool   // it was not carried to its end because it was to be aborted
}

// advance notes progress.
func (o *operation) advance(bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes += bytes
	o.steps++
}

// processed notes the end of a segment.
func (o *operation) processed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.segments++
}

// end notes how it ended.
func (o *operation) end(r scsi.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running, o.result, o.ended = false, r, time.Now()
	o.aborted = o.stopped() && !r.OK()
	o.untold = o.immed || o.token != nil
}

// stopped says that the operation is to go no further, also because its command has been aborted. It is asked between pieces,
// for others must find nothing changed any more by what has been answered as aborted.
func (o *operation) stopped() bool {
	select {
	case <-o.withdrawn:
		return true
	default:
		return o.stop.Load()
	}
}

// tell is the outcome so far, for who has asked.
func (o *operation) tell() outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.untold {
		o.untold, o.ended = false, time.Now()
	}
	return o.outcome
}

// isRunning says that the operation has not ended.
func (o *operation) isRunning() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running
}

// busy says that its list identifier cannot be used for another operation.
func (o *operation) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.running || o.untold
}

// old says that its outcome need not be held any longer.
func (o *operation) old(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	age := now.Sub(o.ended)
	switch {
	case o.running:
		return false
	case o.untold:
		return age >= untoldTime
	}
	return o.discard || o.unnamed || age >= holdTime
}

// operations are those of a disk that run, or whose outcome is held. The zero value is ready.
type operations struct {
	mu      sync.Mutex
	all     []*operation // oldest first; guarded by mu
	closed  bool         // guarded by mu
	working sync.WaitGroup
}

// run carries out an operation by work for c. When o is immediate, it goes on after run has returned, and work gets no
// command: c is the next one's then.
func (l *operations) run(c *scsi.Command, o *operation, work func(*scsi.Command) scsi.Result) scsi.Result {
	if !o.immed {
		o.withdrawn = c.Aborted
	}
	if r := l.begin(o); !r.OK() {
		return r
	}
	if o.immed {
		go l.finish(nil, o, work)
		return scsi.Result{}
	}
	r := l.finish(c, o, work)
	if c.WasAborted() && !r.OK() {
		return scsi.Aborted
	}
	return r
}

// finish does the work of an operation that has begun.
func (l *operations) finish(c *scsi.Command, o *operation, work func(*scsi.Command) scsi.Result) scsi.Result {
	r := scsi.InternalTargetFailure // where work panics
	defer func() {
		o.end(r)
		l.working.Done()
	}()
	r = work(c)
	return r
}

// begin admits an operation. One before it of the same list identifier is forgotten.
func (l *operations) begin(o *operation) scsi.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	running := 0
	for _, have := range l.all {
		if have.isRunning() {
			running++
		}
		if have.names(o.nexus, o.id) && !o.unnamed && have.busy() {
			return scsi.OperationInProgress
		}
	}
	if l.closed || running >= maxCopies {
		return scsi.InsufficientResources
	}
	l.all = slices.DeleteFunc(l.all, func(have *operation) bool { return have.names(o.nexus, o.id) && !o.unnamed })
	if len(l.all) >= maxHeld { // the oldest that can be spared; there is one, for no more than maxCopies run
		at := slices.IndexFunc(l.all, func(have *operation) bool { return !have.isRunning() })
		l.all = slices.Delete(l.all, at, at+1)
	}
	o.running = true
	l.all = append(l.all, o)
	l.working.Add(1)
	return scsi.Result{}
}

// forget drops what need not be held. The caller holds l.mu.
func (l *operations) forget() {
	now := time.Now()
	l.all = slices.DeleteFunc(l.all, func(o *operation) bool { return o.old(now) })
}

// names says whether the operation is known by a list identifier to a nexus.
func (o *operation) names(n *scsi.Nexus, id uint32) bool {
	return !o.unnamed && o.nexus == n && o.id == id
}

// find is the operation that a nexus knows by a list identifier, nil if there is none.
func (l *operations) find(n *scsi.Nexus, id uint32) *operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	for _, o := range l.all {
		if o.names(n, id) {
			return o
		}
	}
	return nil
}

// close aborts what runs, admits nothing more, and waits until all has ended.
func (l *operations) close() {
	l.mu.Lock()
	l.closed = true
	for _, o := range l.all {
		o.stop.Store(true)
	}
	l.mu.Unlock()
	l.working.Wait()
}
