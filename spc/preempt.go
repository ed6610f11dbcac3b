package spc

import (
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// preempt is PREEMPT, and the part of PREEMPT AND ABORT that is about registrations (SPC-4 5.13.11.2.4): those with the
// SERVICE ACTION RESERVATION KEY are removed. Where they include that of the holder, or the key is 0 and all registrants hold
// the reservation, the sender takes its place.
func (o *order) preempt() scsi.Result {
	switch {
	case !o.knows():
		return scsi.Conflict
	case o.new == 0 && !o.kind.in(kindsForAll):
		return scsi.InvalidFieldInParameterList.AtParam(8)
	case o.new != 0 && !slices.ContainsFunc(o.registrations, func(g registration) bool { return g.key == o.new }):
		return scsi.Conflict
	}
	if o.new == 0 || o.kind != 0 && !o.kind.in(kindsForAll) && o.keyOf(o.holder) == o.new {
		k, r := o.reserved()
		if r.OK() {
			o.generation++
			o.takeOver(k)
		}
		return r
	}
	o.generation++ // SCOPE and TYPE are ignored
	// The sender loses its own too where it has this key, unless the reservation is his as all registrants'.
	spared := o.kind.in(kindsForAll)
	o.removed, o.news = o.remove(func(g registration) bool { return g.key == o.new && !(spared && g.port == o.from) }, o.from)
	o.tellRemoved()
	return scsi.Result{}
}

// takeOver makes the sender the holder of a reservation of its type, in the place of those preempted.
func (o *order) takeOver(k Kind) {
	changed := o.kind != k
	o.kind = 0 // so that nobody hears that it was released
	o.removed, _ = o.remove(func(g registration) bool { return g.port != o.from && (o.new == 0 || g.key == o.new) }, o.from)
	o.kind, o.holder = k, o.from
	if changed {
		o.news = o.others(o.from, scsi.ReservationsReleased)
	}
	o.tellRemoved()
}

// tellRemoved is news for those whose registrations were preempted.
func (o *order) tellRemoved() {
	for _, p := range o.removed {
		if p != o.from {
			o.news = append(o.news, news{p, scsi.RegistrationsPreempted})
		}
	}
}
