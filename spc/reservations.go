package spc

import (
	"slices"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// reservations are those of a logical unit that keeps them itself: persistent ones (SPC-4 5.13), and that of RESERVE (SPC-2).
// A command does not ask for them. Whenever they change, what they bar each I_T nexus from is worked out anew.
type reservations struct {
	device *Device

	mu      sync.Mutex
	nexuses []*scsi.Nexus // guarded by mu: those that have joined, the stranger among them
	table                 // guarded by mu: the persistent ones; what its slices hold is never changed in place
	holder2 *scsi.Nexus   // guarded by mu: of RESERVE; nil: none
	lost    bool          // guarded by mu: what was kept of them is damaged
}

// port is an I_T nexus as registrations know it: they outlive it.
type port struct {
	initiator string // TransportID
	target    uint16 // RELATIVE TARGET PORT IDENTIFIER
}

func portOf(n *scsi.Nexus) port { return port{n.Initiator, n.Port} }

// Kind is the TYPE of a persistent reservation (SPC-4 6.15.3.4).
type Kind byte

// Types.
const (
	WriteExclusive                 Kind = 1
	ExclusiveAccess                Kind = 3
	WriteExclusiveRegistrantsOnly  Kind = 5
	ExclusiveAccessRegistrantsOnly Kind = 6
	WriteExclusiveAllRegistrants   Kind = 7
	ExclusiveAccessAllRegistrants  Kind = 8
	allKinds                            = 1<<WriteExclusive | 1<<ExclusiveAccess | 1<<WriteExclusiveRegistrantsOnly | 1<<ExclusiveAccessRegistrantsOnly | 1<<WriteExclusiveAllRegistrants | 1<<ExclusiveAccessAllRegistrants
	kindsForReaders                     = 1<<WriteExclusive | 1<<WriteExclusiveRegistrantsOnly | 1<<WriteExclusiveAllRegistrants
	kindsForAll                         = 1<<WriteExclusiveAllRegistrants | 1<<ExclusiveAccessAllRegistrants
	kindsForRegistrants                 = kindsForAll | 1<<WriteExclusiveRegistrantsOnly | 1<<ExclusiveAccessRegistrantsOnly
)

var kindNames = map[Kind]string{
	0: "none", WriteExclusive: "Write Exclusive", ExclusiveAccess: "Exclusive Access",
	WriteExclusiveRegistrantsOnly: "Write Exclusive, registrants only", ExclusiveAccessRegistrantsOnly: "Exclusive Access, registrants only",
	WriteExclusiveAllRegistrants: "Write Exclusive, all registrants", ExclusiveAccessAllRegistrants: "Exclusive Access, all registrants",
}

// String is the type in the standard's words.
func (k Kind) String() string { return kindNames[k] }

func (k Kind) in(kinds uint32) bool { return 1<<k&kinds != 0 }

// Joined is told of each I_T nexus before its first command (scsi.Config).
func (d *Device) Joined(n *scsi.Nexus) {
	if a := d.access; a != nil {
		a.joined(n)
	}
	if r := d.reserve; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nexuses = append(r.nexuses, n)
		r.bar(n)
	}
}

// Left is told of the loss of each I_T nexus. It ends what RESERVE has given it; its registration stays.
func (d *Device) Left(n *scsi.Nexus) {
	if r := d.reserve; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nexuses = slices.DeleteFunc(r.nexuses, func(have *scsi.Nexus) bool { return have == n })
		if r.holder2 == n {
			r.setHolder2(nil)
		}
	}
}

// Reset is told of a logical unit reset. It ends the reservation of RESERVE; persistent ones stay.
func (d *Device) Reset() {
	if r := d.reserve; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.setHolder2(nil)
	}
}

// setHolder2 gives a nexus the reservation of RESERVE. The caller holds mu.
func (r *reservations) setHolder2(n *scsi.Nexus) {
	r.holder2 = n
	r.barAll()
}

// barAll works out anew what nexuses may not do. The caller holds mu.
func (r *reservations) barAll() {
	for _, n := range r.nexuses {
		r.bar(n)
	}
}

func (r *reservations) bar(n *scsi.Nexus) {
	n.Bar(r.barsOf(n), scsi.ReservationBars)
}

func (r *reservations) barsOf(n *scsi.Nexus) scsi.Bars {
	if r.holder2 != nil && r.holder2 != n {
		return scsi.BarAll
	}
	return r.table.bars(portOf(n))
}

// tell establishes unit attention conditions. The caller holds mu.
func (r *reservations) tell(news []news) {
	for _, each := range news {
		for _, n := range r.nexuses {
			if portOf(n) == each.to {
				n.Attend(each.code)
			}
		}
	}
}

// ReservationStatus is what a unit tells people of its reservations.
type ReservationStatus struct {
	Generation    uint32 // PRGENERATION
	APTPL         bool   // they outlive a loss of power (PTPL_A)
	Kind          Kind   // 0: nothing is reserved
	Registrations []Registration
	// Reserved names the I_T nexus that RESERVE (SPC-2) has reserved the unit for; "" is none.
	Reserved string
}

// Registration is that of one I_T nexus.
type Registration struct {
	Initiator string // name of the initiator port, see TransportIDName
	Port      uint16 // RELATIVE TARGET PORT IDENTIFIER
	Key       uint64
	Holder    bool // of the persistent reservation
	AllPorts  bool // registered with ALL_TG_PT
}

// Reservations is what is registered and reserved; of a unit that does not keep reservations, nothing.
func (d *Device) Reservations() ReservationStatus {
	r := d.reserve
	if r == nil {
		return ReservationStatus{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	st := ReservationStatus{Generation: r.generation, APTPL: r.aptpl, Kind: r.kind}
	for _, g := range r.registrations {
		st.Registrations = append(st.Registrations, Registration{
			Initiator: TransportIDName(g.initiator), Port: g.target, Key: g.key, Holder: r.holds(g.port), AllPorts: g.allPorts,
		})
	}
	if r.holder2 != nil {
		st.Reserved = r.holder2.Name
	}
	return st
}
