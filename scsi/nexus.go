package scsi

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Ends are the two ports that an I_T nexus joins.
type Ends struct {
	Name string // of the nexus, for people and logs
	// Initiator is the TransportID of the initiator port (SPC-4 7.6.4). Empty: nobody knows who asks, and so nothing can
	// be registered for it.
	Initiator string
	Port      uint16 // RELATIVE TARGET PORT IDENTIFIER of the target port; 0: nobody knows
	Group     uint16 // TARGET PORT GROUP that the target port belongs to
}

// Nexus is an I_T nexus as one logical unit knows it (SAM-5: an I_T_L nexus): an initiator port through a target port,
// with the unit attention conditions it has not been told of yet, and what it may not do. Unit.Join makes one.
type Nexus struct {
	Ends
	unit *Unit // immutable, as is lane
	lane uint

	bars      atomic.Uint32
	conflicts atomic.Uint64
	tasks     atomic.Pointer[Tasks]

	session atomic.Pointer[func() (name string, known bool)] // by Watch
	holds   atomic.Pointer[string]                           // the session of the last Hold; nil: nothing

	// pending is len(queue), so that a command need not take mu to learn that there is none.
	pending atomic.Int32
	mu      sync.Mutex
	queue   []Code // guarded by mu
}

// Tasks are the commands of a nexus, as its transport holds them.
type Tasks interface {
	// Abort ends those that have not begun in TASK ABORTED, and tells those that have (Command.Aborted), but for except,
	// which may be nil. It does not wait: done is closed when all that had come before the call have ended.
	Abort(except *Command) (done <-chan struct{})
}

// Carry tells the nexus of its transport's tasks. A transport that cannot abort any does without.
func (n *Nexus) Carry(t Tasks) { n.tasks.Store(&t) }

// Abort aborts the tasks of the nexus, see Tasks.
func (n *Nexus) Abort(except *Command) (done <-chan struct{}) {
	if t := n.tasks.Load(); t != nil {
		return (*t).Abort(except)
	}
	none := make(chan struct{})
	close(none)
	return none
}

// Conflicts is how many commands have ended in RESERVATION CONFLICT before they reached their handler.
func (n *Nexus) Conflicts() uint64 { return n.conflicts.Load() }

// Join makes an I_T nexus known to the unit, of which nobody knows the ends, so that it hears of unit attentions.
func (u *Unit) Join(name string) *Nexus { return u.JoinAs(Ends{Name: name}) }

// JoinAs makes an I_T nexus known to the unit. What is reserved bars it before its first command.
func (u *Unit) JoinAs(e Ends) *Nexus {
	n := &Nexus{Ends: e, unit: u}
	u.mu.Lock()
	n.lane = u.joins
	u.joins++
	u.nexuses = append(u.nexuses, n)
	u.mu.Unlock()
	if u.joined != nil {
		u.joined(n)
	}
	return n
}

// Lane is a number that tells the I_T nexuses of a unit apart, counted from 0: the commands of each come by a ring of their
// own, and those of several rings run on several processors. What a handler writes to for every command, it has one of for
// each of the first few lanes, and lets the others share them. Commands that come from nobody are in lane 0.
func (c *Command) Lane() uint {
	if c.Nexus == nil {
		return 0
	}
	return c.Nexus.lane
}

// Leave is the loss of an I_T nexus.
func (u *Unit) Leave(n *Nexus) {
	u.mu.Lock()
	u.nexuses = slices.DeleteFunc(u.nexuses, func(have *Nexus) bool { return have == n })
	u.mu.Unlock()
	if u.left != nil {
		u.left(n)
	}
}

// Nexuses are those that have joined and not left.
func (u *Unit) Nexuses() []*Nexus {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.nexuses)
}

// Stranger stands for all of whom the unit does not know: what bars an I_T nexus that has registered nothing, and comes
// through no port, bars commands that come from nobody.
func (u *Unit) Stranger() *Nexus { return &u.stranger }

// local is who c comes from as this unit knows it. Of another unit's nexus, in whose name a copy manager reads and writes,
// that is the one with the same ends.
func (u *Unit) local(n *Nexus) *Nexus {
	switch {
	case n == nil || n.unit != u && n.Initiator == "":
		return &u.stranger
	case n.unit == u:
		return n
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, have := range u.nexuses {
		if have.Initiator == n.Initiator && have.Port == n.Port {
			return have
		}
	}
	return &u.stranger
}

// Attend establishes a unit attention condition for every I_T nexus but one, which may be nil.
func (u *Unit) Attend(c Code, except *Nexus) {
	for _, n := range u.Nexuses() {
		if n != except {
			n.Attend(c)
		}
	}
}

// Reset is a logical unit reset (SAM-5 6.3.3). One that came by an I_T nexus, which may be nil, has been told of to that
// one by its transport, which has aborted its tasks; here those of all others are aborted, and they hear of it (29/03).
// It does not wait.
func (u *Unit) Reset(by *Nexus) {
	if u.reset != nil {
		u.reset()
	}
	for _, n := range u.Nexuses() {
		if n != by {
			n.Abort(nil)
			n.Attend(BusDeviceReset)
		}
	}
}
