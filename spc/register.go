package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// parseInitiators reads the TransportIDs of SPEC_I_PT.
func (o *order) parseInitiators(p []byte) scsi.Result {
	const at = outHeader + 4
	if len(p) < at || uint64(binary.BigEndian.Uint32(p[outHeader:])) != uint64(len(p)-at) {
		return scsi.ParameterListLengthError
	}
	o.initiators = nil
	for rest := p[at:]; len(rest) > 0; {
		id, n := cutTransportID(rest)
		if n == 0 || slices.Contains(o.initiators, id) {
			return scsi.InvalidFieldInParameterList.AtParam(len(p) - len(rest))
		}
		o.initiators, rest = append(o.initiators, id), rest[n:]
	}
	return scsi.Result{}
}

// register is REGISTER and REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7). With ALL_TG_PT it is as if it had come through each
// target port (6.16.3): it ends in conflict where it would have through one of them. Either all are registered or none.
func (o *order) register() scsi.Result {
	registered := o.keyOf(o.from) != 0
	own := portsOf(o.from.initiator, o.targets())
	switch {
	case o.action == outRegister && o.keyOf(o.from) != o.key:
		return scsi.Conflict
	case o.specIPT && registered:
		return scsi.InvalidFieldInParameterList.AtParamBit(20, 3)
	case !registered && o.new == 0:
		return scsi.Result{}
	case o.from.initiator == "":
		return scsi.InsufficientRegistrationResources // nobody knows whose it would be
	case o.action == outRegister && slices.ContainsFunc(own, func(p port) bool { return o.keyOf(p) != o.key }):
		return scsi.Conflict
	}
	o.generation++
	o.table.aptpl = o.aptpl
	if o.new == 0 {
		_, o.news = o.remove(func(g registration) bool { return slices.Contains(own, g.port) }, o.from)
		return scsi.Result{}
	}
	for _, p := range append(own, o.unregistered()...) {
		if r := o.set(p, o.new, o.allPorts); !r.OK() {
			return r
		}
	}
	return scsi.Result{}
}

// targets are the target ports that a registration is for.
func (o *order) targets() []uint16 {
	all := []uint16{o.from.target}
	if o.allPorts {
		all = append(all, slices.DeleteFunc(slices.Clone(o.ports), func(t uint16) bool { return t == o.from.target })...)
	}
	return all
}

// unregistered are the I_T nexuses of the initiators of SPEC_I_PT. Those that are registered already are passed over.
func (o *order) unregistered() (all []port) {
	for _, initiator := range o.initiators {
		if initiator != o.from.initiator {
			all = append(all, portsOf(initiator, o.targets())...)
		}
	}
	return slices.DeleteFunc(all, func(p port) bool { return o.keyOf(p) != 0 })
}

// portsOf are the I_T nexuses of an initiator port with some target ports.
func portsOf(initiator string, targets []uint16) []port {
	var all []port
	for _, t := range targets {
		all = append(all, port{initiator, t})
	}
	return all
}
