package scsi

// Some transports do not say when an I_T nexus is lost: its initiator logs out, and the nexus stays joined for the next
// session. They can say which session there is, if asked. So a nexus notes its session when it takes what its loss would
// end, and whoever is in the way of a command because of that is asked again before the command is refused.

// Watch tells the nexus how to learn which session its initiator has with the target port; "" is none. Where known is
// false, nobody can tell, and nothing is concluded. It is asked by several goroutines, by those that carry out commands,
// and so must not wait long.
func (n *Nexus) Watch(session func() (name string, known bool)) { n.session.Store(&session) }

// Hold is called before the nexus takes what its loss ends: an SPC-2 reservation, or the right to prevent the removal of
// the medium. What it has from an earlier session is lost first.
func (n *Nexus) Hold() {
	if n == nil {
		return
	}
	n.lapse()
	if now, known := n.ask(); known {
		n.holds.Store(&now)
	}
}

// Lapse follows the loss of those I_T nexuses of which nobody has told: whose session has ended since they called Hold.
// They stay joined, as those of the next session. It returns whether there were any, so that a command which is about to
// be refused for what they held is looked at again. No lock may be held that Config.Left or Joined takes.
func (u *Unit) Lapse() bool {
	if u == nil {
		return false
	}
	lapsed := false
	for _, n := range u.Nexuses() {
		lapsed = n.lapse() || lapsed
	}
	return lapsed
}

func (n *Nexus) ask() (session string, known bool) {
	if ask := n.session.Load(); ask != nil {
		return (*ask)()
	}
	return "", false
}

// lapse is Unit.Lapse for one nexus.
func (n *Nexus) lapse() bool {
	held := n.holds.Load()
	if held == nil {
		return false
	}
	now, known := n.ask()
	if !known || now == *held || !n.holds.CompareAndSwap(held, nil) {
		return false
	}
	if n.unit.left != nil {
		n.unit.left(n)
	}
	if n.unit.joined != nil {
		n.unit.joined(n)
	}
	return true
}
