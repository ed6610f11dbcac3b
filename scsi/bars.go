package scsi

// Bars are what an I_T nexus may not do, for what others have reserved, and for the access state of the port that it
// comes through. Whoever keeps reservations and access states works them out whenever one of them changes, so that a
// command only has to look at its nexus.
type Bars uint32

// Bars by what is reserved, and by the asymmetric access state (SPC-4 5.15.2.4).
const (
	BarReads  Bars = 1 << iota // Reads rows conflict
	BarWrites                  // Writes rows conflict
	BarAll                     // all rows conflict but those that BypassAttention and those of class Reserves: RESERVE (SPC-2)

	InStandby     // only rows with the flag OnStandby
	InUnavailable // only rows with the flag OnUnavailable
	InOffline     // the same
	InTransition  // the same

	ReservationBars = BarReads | BarWrites | BarAll // those of reservations, as a mask
	AccessBars      = InStandby | InUnavailable | InOffline | InTransition
)

// Bar makes the bars of mask what they are in b, for commands that begin from now on.
func (n *Nexus) Bar(b, mask Bars) {
	for {
		old := n.bars.Load()
		if n.bars.CompareAndSwap(old, old&^uint32(mask)|uint32(b&mask)) {
			return
		}
	}
}

// Bars are those of the nexus.
func (n *Nexus) Bars() Bars { return Bars(n.bars.Load()) }

// admit is what the bars of a nexus make of a command.
func (n *Nexus) admit(op *Op, cdb []byte) Result {
	if b := n.Bars(); b != 0 {
		return n.bar(b, op, cdb)
	}
	return Result{}
}

func (n *Nexus) bar(b Bars, op *Op, cdb []byte) Result {
	if r := b.reach(op); !r.OK() {
		return r
	}
	if b.conflict(op, cdb) && !(b&BarAll != 0 && n.unit.Lapse() && !n.Bars().conflict(op, cdb)) {
		n.conflicts.Add(1)
		return Conflict
	}
	return Result{}
}

// conflict decides, for all commands, whether what is reserved leaves them room (SPC-4 5.13.3).
func (b Bars) conflict(op *Op, cdb []byte) bool {
	if b&BarAll != 0 {
		return op.Access != Reserves && op.Flags&BypassAttention == 0
	}
	switch op.Access {
	case Reads:
		return b&BarReads != 0
	case Writes:
		return b&BarWrites != 0
	case Starts:
		return b&BarWrites != 0 && !harmlessStart(cdb)
	case Prevents:
		return b&BarWrites != 0 && cdb[4]&0x03 != 0
	}
	return false
}

// harmlessStart: START is one, and POWER CONDITION is zero.
func harmlessStart(cdb []byte) bool { return cdb[4]&0x01 != 0 && cdb[4]&0xf0 == 0 }

// reach says whether the access state lets a command through.
func (b Bars) reach(op *Op) Result {
	switch {
	case b&AccessBars == 0 || op.Flags&BypassAttention != 0:
	case b&InTransition != 0 && op.Flags&OnUnavailable == 0:
		return AccessStateTransition
	case b&InOffline != 0 && op.Flags&OnUnavailable == 0:
		return LogicalUnitOffline
	case b&InUnavailable != 0 && op.Flags&OnUnavailable == 0:
		return TargetPortUnavailable
	case b&InStandby != 0 && op.Flags&OnStandby == 0:
		return TargetPortInStandby
	}
	return Result{}
}
