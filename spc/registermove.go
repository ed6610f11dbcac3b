package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// parseMove reads the parameter list of REGISTER AND MOVE.
func (o *order) parseMove(p []byte) scsi.Result {
	o.unregister, o.aptpl = p[17]&0x02 != 0, p[17]&0x01 != 0
	if o.aptpl && !o.keeps {
		return scsi.InvalidFieldInParameterList.AtParamBit(17, 0)
	}
	if uint64(binary.BigEndian.Uint32(p[20:])) != uint64(len(p)-outHeader) {
		return scsi.ParameterListLengthError
	}
	id, n := cutTransportID(p[outHeader:])
	if n == 0 || n != len(p)-outHeader {
		return scsi.InvalidFieldInParameterList.AtParam(outHeader)
	}
	o.to = port{id, binary.BigEndian.Uint16(p[18:])}
	return scsi.Result{}
}

// move is REGISTER AND MOVE (SPC-4 5.13.8): the reservation moves to another I_T nexus, which is registered for it.
func (o *order) move() scsi.Result {
	switch {
	case !o.knows():
		return scsi.Conflict
	case o.kind == 0:
		return scsi.InvalidFieldInCDB.At(serviceAction)
	case o.kind.in(kindsForAll), !o.holds(o.from):
		return scsi.Conflict
	case o.new == 0:
		return scsi.InvalidFieldInParameterList.AtParam(8)
	case o.to.target != o.from.target && !slices.Contains(o.ports, o.to.target):
		return scsi.InvalidFieldInParameterList.AtParam(18)
	case o.to.initiator == o.from.initiator:
		return scsi.InvalidFieldInParameterList.AtParam(outHeader)
	}
	if r := o.set(o.to, o.new, false); !r.OK() {
		return r
	}
	o.generation++
	o.table.aptpl = o.aptpl
	o.holder = o.to
	if o.unregister {
		o.remove(func(g registration) bool { return g.port == o.from }, o.from)
	}
	return scsi.Result{}
}

var serviceAction = scsi.Bits("SERVICE ACTION", 1, 4, 5)

// replace is REPLACE LOST RESERVATION (SPC-4 5.13.11.3): where what was kept of reservations is lost, the sender begins them
// anew, as the holder of one.
func (o *order) replace() scsi.Result {
	k, r := o.reserved()
	switch {
	case !*o.lost:
		return scsi.InvalidFieldInCDB.At(serviceAction)
	case !r.OK():
		return r
	case o.key != 0:
		return scsi.InvalidFieldInParameterList.AtParam(0)
	case o.new == 0:
		return scsi.InvalidFieldInParameterList.AtParam(8)
	case o.from.initiator == "":
		return scsi.InsufficientRegistrationResources
	}
	*o.table = table{generation: o.generation + 1}
	o.set(o.from, o.new, false)
	o.kind, o.holder = k, o.from
	*o.lost = false
	return scsi.Result{}
}
