package scsi

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Nexus is an I_T nexus as one logical unit knows it (SAM-5: an I_T_L nexus): an initiator port through a target port,
// with the unit attention conditions it has not been told of yet. Unit.Join makes one.
type Nexus struct {
	Name string // for people and logs

	// pending is len(queue), so that a command need not take mu to learn that there is none.
	pending atomic.Int32
	mu      sync.Mutex
	queue   []Code // guarded by mu
}

// Attend establishes a unit attention condition. One that is pending already is not repeated (SAM-5 clause 5.14).
func (n *Nexus) Attend(c Code) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.queue, c) {
		n.queue = append(n.queue, c)
		n.pending.Store(int32(len(n.queue)))
	}
}

// TakeAttention returns the oldest pending unit attention condition as a result, and clears it; GOOD if none is.
func (n *Nexus) TakeAttention() Result {
	if n == nil || n.pending.Load() == 0 {
		return Result{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 {
		return Result{}
	}
	c := n.queue[0]
	n.queue = slices.Delete(n.queue, 0, 1)
	n.pending.Store(int32(len(n.queue)))
	return Check(UnitAttention, c)
}
