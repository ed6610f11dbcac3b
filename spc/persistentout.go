package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

var (
	outScope = scsi.Bits("SCOPE", 2, 7, 4)
	outType  = scsi.Bits("TYPE", 2, 3, 4)
	outList  = scsi.Bytes("PARAMETER LIST LENGTH", 5, 4)
)

const unevaluated = "only for service actions that reserve or release"

// outOps are the rows of PERSISTENT RESERVE OUT.
func (d *Device) outOps() []scsi.Op {
	row := func(sa uint16, name string, ignored bool, do func(*order) scsi.Result) scsi.Op {
		fields := []scsi.Field{outScope, outType, outList}
		if ignored {
			fields = []scsi.Field{outScope.Hint(unevaluated), outType.Hint(unevaluated), outList}
		}
		return scsi.Op{Code: 0x5f, SA: scsi.SA(sa), Name: "PERSISTENT RESERVE OUT, " + name, Spec: "SPC-4 6.16", Len: 10, Absent: d.reserve == nil,
			Fields: fields, Xfer: scsi.ParametersOut(outList), Access: scsi.Reserves, Flags: scsi.Lengthy | scsi.OnStandby,
			Do: func(c *scsi.Command) scsi.Result { return d.reserve.out(c, byte(sa), do) }}
	}
	return []scsi.Op{
		row(0x00, "REGISTER", true, (*order).register),
		row(0x01, "RESERVE", false, (*order).reserve),
		row(0x02, "RELEASE", false, (*order).release),
		row(0x03, "CLEAR", true, (*order).clear),
		row(0x04, "PREEMPT", false, (*order).preempt),
		row(0x05, "PREEMPT AND ABORT", false, (*order).preempt),
		row(0x06, "REGISTER AND IGNORE EXISTING KEY", true, (*order).register),
		row(0x07, "REGISTER AND MOVE", true, (*order).move),
		row(0x08, "REPLACE LOST RESERVATION", false, (*order).replace),
	}
}

// Service actions that are told apart below.
const (
	outRegister          = 0x00
	outPreemptAndAbort   = 0x05
	outRegisterAndIgnore = 0x06
	outMove              = 0x07
)

// order is one PERSISTENT RESERVE OUT: what it says, and what it makes of a copy of the table.
type order struct {
	*table // a copy
	c      *scsi.Command
	from   port
	action byte
	key    uint64 // RESERVATION KEY
	new    uint64 // SERVICE ACTION RESERVATION KEY

	specIPT, allPorts, aptpl bool
	initiators               []string // TransportIDs of SPEC_I_PT
	to                       port     // of REGISTER AND MOVE
	unregister               bool     // UNREG
	ports                    []uint16 // target ports by which the unit is reached
	keeps                    bool     // the unit keeps state, so that APTPL can be honoured
	lost                     *bool    // what was kept of reservations is lost

	news    []news
	removed []port // whose registrations were preempted
}

// out carries out a service action on a copy of the table, saves that, and puts it in place of the table.
func (r *reservations) out(c *scsi.Command, action byte, do func(*order) scsi.Result) scsi.Result {
	o := &order{c: c, action: action, keeps: r.device.Keeps(), ports: r.device.targetPorts()}
	if c.Nexus != nil {
		o.from = portOf(c.Nexus)
	}
	res := r.change(o, do)
	if res == scsi.Conflict && r.device.unit.Lapse() {
		res = r.change(o, do)
	}
	if res.OK() && action == outPreemptAndAbort {
		return r.abort(o)
	}
	return res
}

// change is out under the lock.
func (r *reservations) change(o *order, do func(*order) scsi.Result) scsi.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder2 != nil {
		return scsi.Conflict // SPC-4 5.13.1.5: of RESERVE, also for its holder, and whatever the parameter list says
	}
	if res := o.parse(); !res.OK() {
		return res
	}
	next, lost := r.table.clone(), r.lost
	o.table, o.lost = &next, &lost
	o.news, o.removed = nil, nil
	for _, n := range r.nexuses {
		if n.Port != 0 && !slices.Contains(o.ports, n.Port) {
			o.ports = append(o.ports, n.Port)
		}
	}
	if res := do(o); !res.OK() {
		return res
	}
	if res := r.keep(o.c, next); !res.OK() {
		return res
	}
	r.table, r.lost = next, lost
	r.barAll()
	r.tell(o.news)
	return scsi.Result{}
}

// abort ends the tasks of the I_T nexuses whose registrations were preempted. It waits for those that had begun: when this
// command is answered, none of them writes any more.
func (r *reservations) abort(o *order) scsi.Result {
	var ended []<-chan struct{}
	for _, n := range r.joinedAs(o.removed) {
		if n != o.c.Nexus {
			ended = append(ended, n.Abort(o.c))
		}
	}
	for _, done := range ended {
		select {
		case <-done:
		case <-o.c.Aborted:
			return scsi.Aborted
		}
	}
	return scsi.Result{}
}

// joinedAs are the I_T nexuses there are now with one of these ends.
func (r *reservations) joinedAs(ports []port) (all []*scsi.Nexus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nexuses {
		if slices.Contains(ports, portOf(n)) {
			all = append(all, n)
		}
	}
	return all
}

// outHeader is the length of the parameter list that most service actions have, maxOutList the longest that is read.
const (
	outHeader  = 24
	maxOutList = 64 << 10
)

// parse reads the parameter list.
func (o *order) parse() scsi.Result {
	n := int64(o.c.Uint(outList))
	if n < outHeader || n > maxOutList {
		return scsi.ParameterListLengthError
	}
	p := make([]byte, n)
	o.c.Param(p, 0)
	o.key, o.new = binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])
	if o.action == outMove {
		return o.parseMove(p)
	}
	registers := o.action == outRegister || o.action == outRegisterAndIgnore
	o.specIPT = p[20]&0x08 != 0
	o.allPorts = registers && p[20]&0x04 != 0
	o.aptpl = p[20]&0x01 != 0
	switch {
	case o.specIPT && o.action != outRegister:
		return scsi.InvalidFieldInParameterList.AtParamBit(20, 3)
	case !o.specIPT && n != outHeader:
		return scsi.ParameterListLengthError
	case registers && o.aptpl && !o.keeps:
		return scsi.InvalidFieldInParameterList.AtParamBit(20, 0)
	case o.specIPT:
		return o.parseInitiators(p)
	}
	return scsi.Result{}
}

// knows says whether the sender is registered, with the key that it gives.
func (o *order) knows() bool { return o.keyOf(o.from) != 0 && o.keyOf(o.from) == o.key }

// reserved reads scope and type of the CDB.
func (o *order) reserved() (Kind, scsi.Result) {
	k := Kind(o.c.Uint(outType))
	switch {
	case o.c.Uint(outScope) != 0: // LU_SCOPE
		return 0, scsi.InvalidFieldInCDB.At(outScope)
	case !k.in(allKinds):
		return 0, scsi.InvalidFieldInCDB.At(outType)
	}
	return k, scsi.Result{}
}

// reserve is RESERVE (SPC-4 5.13.9).
func (o *order) reserve() scsi.Result {
	k, r := o.reserved()
	switch {
	case !r.OK():
		return r
	case !o.knows(), o.kind != 0 && !(o.holds(o.from) && o.kind == k):
		return scsi.Conflict
	case o.kind == 0:
		o.kind, o.holder = k, o.from
	}
	return scsi.Result{}
}

// release is RELEASE (SPC-4 5.13.11.2.2).
func (o *order) release() scsi.Result {
	switch {
	case !o.knows():
		return scsi.Conflict
	case !o.holds(o.from):
		return scsi.Result{}
	case o.c.Uint(outScope) != 0 || Kind(o.c.Uint(outType)) != o.kind:
		return scsi.InvalidRelease
	}
	o.news = o.table.release(o.from)
	return scsi.Result{}
}

// clear is CLEAR (SPC-4 5.13.11.2.6).
func (o *order) clear() scsi.Result {
	if !o.knows() {
		return scsi.Conflict
	}
	o.generation++
	o.news = o.others(o.from, scsi.ReservationsPreempted)
	o.registrations, o.kind, o.holder = nil, 0, port{}
	return scsi.Result{}
}
