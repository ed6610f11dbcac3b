package scsitest

import (
	"encoding/binary"
	"slices"
)

// Role is what an I_T nexus is to a persistent reservation.
type Role uint8

// Roles. Under an all registrants type each registrant is a holder.
const (
	Holder     Role = iota
	Registrant      // registered, and not the holder
	Stranger        // not registered
)

func (r Role) String() string { return [...]string{"holder", "registrant", "stranger"}[r] }

// Types are the persistent reservation types (SPC-4 table 213) by their names, in the order of their codes.
var Types = []struct {
	Code byte
	Name string
}{
	{1, "Write Exclusive"}, {3, "Exclusive Access"},
	{5, "Write Exclusive - Registrants Only"}, {6, "Exclusive Access - Registrants Only"},
	{7, "Write Exclusive - All Registrants"}, {8, "Exclusive Access - All Registrants"},
}

// allRegistrants says whether a type has every registrant as a holder, registrantsOnly whether it lets them all in.
func allRegistrants(t byte) bool  { return t == 7 || t == 8 }
func registrantsOnly(t byte) bool { return t >= 5 }

// Reserved is a command, or what of it has a line of its own in the standard's tables, and what reservations make of it.
type Reserved struct {
	Name string
	CDB  string // hexadecimal, as Hex reads it
	Out  string // its Data-Out, likewise
	In   int    // room for its Data-In, in bytes
	// Persistent has a letter, A for allowed and C for conflict, for each column of "commands that are allowed in the
	// presence of various reservations": of an I_T nexus that is not the holder, under Write Exclusive, under Exclusive
	// Access, registered under any of the other types, not registered under the Write Exclusive ones among these, and
	// under the Exclusive Access ones.
	Persistent string
	// SPC2 has one for the I_T nexus that holds a RESERVE (6) or RESERVE (10), and one for any other (SPC-2 5.5).
	SPC2 string
}

// Allowed says whether a command is carried out for an I_T nexus in that role to a persistent reservation of that type.
func (r Reserved) Allowed(typ byte, role Role) bool {
	if role == Holder || role == Registrant && allRegistrants(typ) {
		return true
	}
	column := 0
	switch {
	case !registrantsOnly(typ):
		column = slices.Index([]byte{1, 3}, typ)
	case role == Registrant:
		column = 2
	default:
		column = 4 - int(typ&1) // the odd ones exclude writes
	}
	return r.Persistent[column] == 'A'
}

// ReservedAction is a service action of PERSISTENT RESERVE OUT. Its parameter list begins with the key of the I_T nexus
// that sends it, zeros where that is not registered, and its CDB has the type that is held: see Request.
type ReservedAction struct {
	Name string
	CDB  string
	Out  string
	// Persistent has a letter for the holder, for one of the holders of an all registrants type, for a registered I_T nexus
	// that does not hold, and for one that is not registered (SPC-4 "PERSISTENT RESERVE OUT service actions that are
	// allowed in the presence of various reservations").
	Persistent string
}

// Allowed is as that of Reserved.
func (a ReservedAction) Allowed(typ byte, role Role) bool {
	column := [...]int{Holder: 0, Registrant: 2, Stranger: 3}[role]
	if allRegistrants(typ) && role != Stranger {
		column = 1
	}
	return a.Persistent[column] == 'A'
}

// Request is the CDB and the Data-Out for the type that is held, from an I_T nexus with that key.
func (a ReservedAction) Request(typ byte, key uint64) (cdb, out []byte) {
	cdb, out = Hex(a.CDB), Hex(a.Out)
	cdb[2] = typ // LU_SCOPE
	binary.BigEndian.PutUint64(out, key)
	return cdb, out
}

// ReservedActions are the rows of that table. Where they change a key it becomes 22h; the key that is preempted is CCh, of
// an I_T nexus that does not hold; the reservation is moved to the SAS port 500000000000000D through target port 1.
// REPLACE LOST RESERVATION has no row: it is for a unit that has lost what was reserved.
var ReservedActions = []ReservedAction{
	{"REGISTER", "5f 00 00 0000 00000018 00", "00*8 0000000000000022 00*8", "AAAA"},
	{"RESERVE", "5f 01 00 0000 00000018 00", "00*24", "AACC"},
	{"RELEASE", "5f 02 00 0000 00000018 00", "00*24", "AAAC"},
	{"CLEAR", "5f 03 00 0000 00000018 00", "00*24", "AAAC"},
	{"PREEMPT", "5f 04 00 0000 00000018 00", "00*8 00000000000000cc 00*8", "AAAC"},
	{"PREEMPT AND ABORT", "5f 05 00 0000 00000018 00", "00*8 00000000000000cc 00*8", "AAAC"},
	{"REGISTER AND IGNORE EXISTING KEY", "5f 06 00 0000 00000018 00", "00*8 0000000000000022 00*8", "AAAA"},
	// A reservation that all registrants hold cannot be moved (SPC-4 5.13.8).
	{"REGISTER AND MOVE", "5f 07 00 0000 00000030 00", "00*8 0000000000000022 00 00 0001 00000018 06 00*3 500000000000000d 00*12", "ACCC"},
}
