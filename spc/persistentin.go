package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

// inOps are the rows of PERSISTENT RESERVE IN. They wait for a PERSISTENT RESERVE OUT that is just being saved.
func (d *Device) inOps() []scsi.Op {
	row := func(sa uint16, name string, do func(*reservations) []byte) scsi.Op {
		return scsi.Op{Code: 0x5e, SA: scsi.SA(sa), Name: "PERSISTENT RESERVE IN, " + name, Spec: "SPC-4 6.15", Len: 10, Absent: d.reserve == nil,
			Fields: []scsi.Field{alloc7}, Xfer: scsi.AllocationIn(alloc7), Access: scsi.Reserves, Flags: scsi.OnStandby | scsi.Lengthy,
			Do: func(c *scsi.Command) scsi.Result { return d.reserve.in(c, do) }}
	}
	return []scsi.Op{
		row(0x00, "READ KEYS", (*reservations).readKeys),
		row(0x01, "READ RESERVATION", (*reservations).readReservation),
		row(0x02, "REPORT CAPABILITIES", (*reservations).reportCapabilities),
		row(0x03, "READ FULL STATUS", (*reservations).readFullStatus),
	}
}

// in answers with what do makes of the reservations.
func (r *reservations) in(c *scsi.Command, do func(*reservations) []byte) scsi.Result {
	p := r.read(do)
	if p == nil && r.device.unit.Lapse() {
		p = r.read(do)
	}
	if p == nil {
		return scsi.Conflict // SPC-4 5.13.1.5: the unit is reserved by RESERVE, be it for the sender
	}
	c.Reply(p)
	return scsi.Result{}
}

func (r *reservations) read(do func(*reservations) []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holder2 != nil {
		return nil
	}
	return do(r)
}

// header is PRGENERATION, and ADDITIONAL LENGTH still 0.
func (r *reservations) header() []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 64), r.generation), 0, 0, 0, 0)
}

// counted is p with its ADDITIONAL LENGTH.
func counted(p []byte) []byte {
	binary.BigEndian.PutUint32(p[4:], uint32(len(p)-8))
	return p
}

func (r *reservations) readKeys() []byte {
	p := r.header()
	for _, g := range r.registrations {
		p = binary.BigEndian.AppendUint64(p, g.key)
	}
	return counted(p)
}

func (r *reservations) readReservation() []byte {
	p := r.header()
	if r.kind != 0 {
		var key uint64 // 0 for all registrants
		if !r.kind.in(kindsForAll) {
			key = r.keyOf(r.holder)
		}
		p = binary.BigEndian.AppendUint64(p, key)
		p = append(p, 0, 0, 0, 0, 0, byte(r.kind), 0, 0) // SCOPE 0h: the logical unit
	}
	return counted(p)
}

// reportCapabilities: reservations of SPC-2 (CRH), of other initiators (SIP_C) and ports (ATP_C), and if the unit keeps state
// those that outlive a loss of power (PTPL_C). TEST UNIT READY is let through (ALLOW COMMANDS 001b).
func (r *reservations) reportCapabilities() []byte {
	p := []byte{0, 8, 0x1c, 0x90, allKinds & 0xff, allKinds >> 8, 0, 0}
	if r.device.Keeps() {
		p[2] |= 0x01
	}
	if r.lost {
		p[2] |= 0x80 // RLR_C
	}
	if r.aptpl {
		p[3] |= 0x01 // PTPL_A
	}
	return p
}

func (r *reservations) readFullStatus() []byte {
	p := r.header()
	for _, g := range r.registrations {
		p = r.describe(p, g)
	}
	return counted(p)
}

// describe appends the full status descriptor of a registration. ALL_TG_PT is 0 also where the registration came with it: each
// I_T nexus has a descriptor of its own (SPC-4 6.15.5), for only one of them may hold the reservation.
func (r *reservations) describe(p []byte, g registration) []byte {
	var flags, kind byte
	if r.holds(g.port) {
		flags |= 0x01 // R_HOLDER
		kind = byte(r.kind)
	}
	p = binary.BigEndian.AppendUint64(p, g.key)
	p = append(p, 0, 0, 0, 0, flags, kind, 0, 0, 0, 0)
	p = binary.BigEndian.AppendUint16(p, g.target)
	p = binary.BigEndian.AppendUint32(p, uint32(len(g.initiator)))
	return append(p, g.initiator...)
}
