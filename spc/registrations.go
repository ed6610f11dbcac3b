package spc

import (
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// table is what PERSISTENT RESERVE OUT changes. A service action works on a copy, which takes the place of the table when it
// has been saved: so nobody sees what a loss of power might undo.
type table struct {
	generation    uint32 // PRGENERATION
	aptpl         bool
	registrations []registration // in the order of registering
	kind          Kind           // of the persistent reservation; 0: none
	holder        port           // of it, unless all registrants hold it
}

// registration is that of an I_T nexus.
type registration struct {
	port
	key      uint64 // not 0
	allPorts bool   // it came with ALL_TG_PT
}

// maxRegistrations is how many there may be: their record has to be small enough to be kept.
const maxRegistrations = 1024

// news is a unit attention condition for an I_T nexus.
type news struct {
	to   port
	code scsi.Code
}

// clone is a copy that can be changed.
func (t table) clone() table {
	t.registrations = slices.Clone(t.registrations)
	return t
}

// keyOf is the reservation key of an I_T nexus; 0 where it is not registered.
func (t *table) keyOf(p port) uint64 {
	if i := t.index(p); i >= 0 {
		return t.registrations[i].key
	}
	return 0
}

func (t *table) index(p port) int {
	return slices.IndexFunc(t.registrations, func(g registration) bool { return g.port == p })
}

// holds says whether an I_T nexus holds the persistent reservation.
func (t *table) holds(p port) bool {
	switch {
	case t.kind == 0:
		return false
	case t.kind.in(kindsForAll):
		return t.index(p) >= 0
	}
	return t.holder == p
}

// bars is what the persistent reservation bars an I_T nexus from (SPC-4 5.13.3).
func (t *table) bars(p port) scsi.Bars {
	switch {
	case t.kind == 0, t.holds(p), t.kind.in(kindsForRegistrants) && t.index(p) >= 0:
		return 0
	case t.kind.in(kindsForReaders):
		return scsi.BarWrites
	}
	return scsi.BarReads | scsi.BarWrites
}

// set registers an I_T nexus, or gives it another key.
func (t *table) set(p port, key uint64, allPorts bool) scsi.Result {
	g := registration{p, key, allPorts}
	if i := t.index(p); i >= 0 {
		t.registrations[i] = g
		return scsi.Result{}
	}
	if len(t.registrations) >= maxRegistrations {
		return scsi.InsufficientRegistrationResources
	}
	t.registrations = append(t.registrations, g)
	return scsi.Result{}
}

// remove takes the registrations of some from the table, and with its last holder the reservation (SPC-4 5.13.11.2.3). Those
// who are left hear of that where the type is one of registrants, but for by.
func (t *table) remove(which func(registration) bool, by port) (removed []port, all []news) {
	t.registrations = slices.DeleteFunc(t.registrations, func(g registration) bool {
		if which(g) {
			removed = append(removed, g.port)
			return true
		}
		return false
	})
	if t.kind == 0 || t.kind.in(kindsForAll) && len(t.registrations) > 0 || !t.kind.in(kindsForAll) && t.index(t.holder) >= 0 {
		return removed, nil
	}
	all = t.release(by)
	return removed, all
}

// release ends the persistent reservation. Where its type is one of registrants they hear of it, but for by (SPC-4 5.13.11.2.2).
func (t *table) release(by port) (all []news) {
	if t.kind.in(kindsForRegistrants) {
		all = t.others(by, scsi.ReservationsReleased)
	}
	t.kind, t.holder = 0, port{}
	return all
}

// others is news for all registrants but one.
func (t *table) others(by port, code scsi.Code) (all []news) {
	for _, g := range t.registrations {
		if g.port != by {
			all = append(all, news{g.port, code})
		}
	}
	return all
}
