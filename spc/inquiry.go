package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

var (
	// Linux sends it while it probes, until it knows the target to be none of SCSI-2: where LUN 1 comes before LUN 0.
	scsi2LUN     = scsi.Bits("LOGICAL UNIT NUMBER", 1, 7, 3).Hint("of SCSI-2; the transport has addressed the unit")
	evpd         = scsi.Bits("EVPD", 1, 0, 1)
	pageCode     = scsi.Bytes("PAGE CODE", 2, 1)
	allocInquiry = scsi.Bytes("ALLOCATION LENGTH", 3, 2)
)

func (d *Device) inquiry(c *scsi.Command) scsi.Result {
	if c.Is(evpd) {
		return d.inquireVPD(c)
	}
	if c.Uint(pageCode) != 0 { // SPC-4 6.6.1
		return scsi.InvalidFieldInCDB.At(pageCode)
	}
	id := d.cfg.Identity()
	p := [74]byte{
		0: d.cfg.Type, // PERIPHERAL QUALIFIER 000b
		2: 0x06,       // VERSION: SPC-4
		3: 0x12,       // HISUP, RESPONSE DATA FORMAT 2
		7: 0x02,       // CMDQUE
	}
	p[4] = byte(len(p) - 5) // ADDITIONAL LENGTH
	p[5], p[6] = inquiryPorts(d.PortGroups(), c.Nexus)
	if d.cfg.ThirdPartyCopy {
		p[5] |= 0x08 // 3PC
	}
	if d.cfg.Removable {
		p[1] = 0x80 // RMB
	}
	pad(p[8:16], id.Vendor)
	pad(p[16:32], id.Product)
	pad(p[32:36], id.Revision)
	for i, v := range d.cfg.Versions {
		binary.BigEndian.PutUint16(p[58+2*i:], v)
	}
	c.Reply(p[:])
	return scsi.Result{}
}
