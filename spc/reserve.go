package spc

import "github.com/tcmud/tcmud/scsi"

// reserveOps are the rows of RESERVE and RELEASE (SPC-2 7.16 to 7.22), which persistent reservations take the place of, and
// which old initiators send. SPC-4 has neither; CRH of PERSISTENT RESERVE IN says how they get on with the others.
func (d *Device) reserveOps() []scsi.Op {
	row := func(code scsi.Opcode, length int, name, spec string, do func(*scsi.Command) scsi.Result) scsi.Op {
		return scsi.Op{Code: code, Name: name, Spec: spec, Len: length, Absent: d.reserve == nil, Access: scsi.Reserves, Flags: scsi.Lengthy, Do: do}
	}
	return []scsi.Op{
		row(0x16, 6, "RESERVE (6)", "SPC-2 7.22", d.reserve2), row(0x17, 6, "RELEASE (6)", "SPC-2 7.18", d.release2),
		row(0x56, 10, "RESERVE (10)", "SPC-2 7.21", d.reserve2), row(0x57, 10, "RELEASE (10)", "SPC-2 7.17", d.release2),
	}
}

// reserve2 is RESERVE, of either length.
func (d *Device) reserve2(c *scsi.Command) scsi.Result {
	c.Nexus.Hold() // its session, whose end would end the reservation too
	res := d.reserve.take(c.Nexus)
	if res == scsi.Conflict && d.unit.Lapse() {
		res = d.reserve.take(c.Nexus)
	}
	return res
}

func (r *reservations) take(n *scsi.Nexus) scsi.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.kind != 0 || len(r.registrations) > 0:
		return r.compatible(n)
	case n == nil || n.Initiator == "": // nobody knows whose it would be, and it may be several
		return scsi.Conflict
	case r.holder2 != nil && r.holder2 != n:
		return scsi.Conflict
	}
	r.setHolder2(n)
	return scsi.Result{}
}

// release2 is RELEASE, of either length. Of whom holds nothing it changes nothing.
func (d *Device) release2(c *scsi.Command) scsi.Result {
	r := d.reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.kind != 0 || len(r.registrations) > 0:
		return r.compatible(c.Nexus)
	case r.holder2 == c.Nexus:
		r.setHolder2(nil)
	}
	return scsi.Result{}
}

// compatible is how RESERVE and RELEASE end while there are registrations (SPC-4 5.13.3, CRH): nothing is done, and those
// whom the persistent reservation leaves room are told that all is well.
func (r *reservations) compatible(n *scsi.Nexus) scsi.Result {
	if n != nil {
		p := portOf(n)
		if r.holds(p) || r.kind.in(kindsForRegistrants) && r.index(p) >= 0 {
			return scsi.Result{}
		}
	}
	return scsi.Conflict
}
