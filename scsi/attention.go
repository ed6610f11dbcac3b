package scsi

import "slices"

// precedence is the order among the unit attention conditions that tell of a reset (SAM-5 clause 5.14): power on, hard
// reset, logical unit reset, loss of the I_T nexus. All others come after them.
func (c Code) precedence() int {
	switch c {
	case PowerOnOrReset, PowerOnOccurred, DeviceInternalReset:
		return 1
	case BusResetOccurred:
		return 2
	case BusDeviceReset:
		return 3
	case NexusLossOccurred:
		return 4
	}
	return 5
}

// Attend establishes a unit attention condition. One that is pending already is not repeated. Of those that tell of a
// reset only the highest is kept, for what the others tell is part of it; it is reported before all that is no reset,
// which is kept: an initiator that was told of a reset still does not know of a new capacity (SAM-5 clause 5.14).
//
// An I_T nexus begins with none. Where a transport knows it to be new since power on, it establishes PowerOnOccurred.
func (n *Nexus) Attend(c Code) {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.pending.Store(int32(len(n.queue))) }()
	switch {
	case slices.Contains(n.queue, c):
	case c.precedence() == Code(0).precedence():
		n.queue = append(n.queue, c)
	case len(n.queue) > 0 && n.queue[0].precedence() <= c.precedence():
	case len(n.queue) > 0 && n.queue[0].precedence() < Code(0).precedence():
		n.queue[0] = c
	default:
		n.queue = slices.Insert(n.queue, 0, c)
	}
}

// Heard ends a unit attention condition of which the initiator has learnt in another way.
func (n *Nexus) Heard(c Code) {
	if n == nil || n.pending.Load() == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queue = slices.DeleteFunc(n.queue, func(have Code) bool { return have == c })
	n.pending.Store(int32(len(n.queue)))
}

// TakeAttention returns the first pending unit attention condition as a result, and clears it; GOOD if none is.
func (n *Nexus) TakeAttention() Result {
	if n == nil || n.pending.Load() == 0 {
		return Result{}
	}
	return n.takeFirst()
}

func (n *Nexus) takeFirst() Result {
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

// Pending are the unit attention conditions that the initiator has not been told of, in the order in which it will be.
func (n *Nexus) Pending() []Code {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.queue)
}
