package spc

import (
	"encoding/binary"
	"slices"

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

// VPD is a vital product data page.
type VPD struct {
	Code byte
	Name string
	Spec string
	// Build appends the page, from byte 4 on, to p. The header is not its business.
	Build func(p []byte, id Identity) []byte
}

func (d *Device) inquireVPD(c *scsi.Command) scsi.Result {
	code := byte(c.Uint(pageCode))
	i, found := slices.BinarySearchFunc(d.vpd, code, func(v VPD, code byte) int { return int(v.Code) - int(code) })
	if !found {
		return scsi.InvalidFieldInCDB.At(pageCode)
	}
	p := make([]byte, 4, 256)
	p[0], p[1] = d.cfg.Type, code
	p = d.vpd[i].Build(p, d.cfg.Identity())
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-4))
	c.Reply(p)
	return scsi.Result{}
}

func sortVPD(pages []VPD) []VPD {
	slices.SortFunc(pages, func(a, b VPD) int { return int(a.Code) - int(b.Code) })
	return pages
}

// VPDPages are the vital product data pages of the unit, in the order of their codes.
func (d *Device) VPDPages() []VPD { return d.vpd }

func (d *Device) ownVPD() []VPD {
	return []VPD{
		{0x00, "Supported VPD Pages", "SPC-4 7.8", d.vpdSupported},
		{0x80, "Unit Serial Number", "SPC-4 7.8", vpdSerial},
		{0x83, "Device Identification", "SPC-4 7.8", vpdIdentification},
		{0x86, "Extended INQUIRY Data", "SPC-4 7.8", d.vpdExtended},
	}
}

func (d *Device) vpdSupported(p []byte, _ Identity) []byte {
	for _, v := range d.vpd {
		p = append(p, v.Code)
	}
	return p
}

func vpdSerial(p []byte, id Identity) []byte { return append(p, id.serial()...) }

// vpdIdentification names the logical unit twice, as LIO does: by NAA, which multipath tools prefer, and by T10 vendor
// ID with product and serial number.
func vpdIdentification(p []byte, id Identity) []byte {
	naa := id.NAA()
	p = append(p, 0x01, 0x03, 0, byte(len(naa))) // binary; logical unit, NAA
	p = append(p, naa[:]...)

	var vendor [8]byte
	pad(vendor[:], id.Vendor)
	name := append(vendor[:], id.product()+":"+id.serial()...)
	p = append(p, 0x02, 0x01, 0, byte(len(name))) // ASCII; logical unit, T10 vendor ID based
	return append(p, name...)
}

// product and serial are cut to lengths that every page that holds them can state in one byte.
func (id Identity) product() string { return id.Product[:min(len(id.Product), 16)] }
func (id Identity) serial() string  { return id.Serial[:min(len(id.Serial), 200)] }

func (d *Device) vpdExtended(p []byte, _ Identity) []byte {
	page := [60]byte{
		1: 0x01, // SIMPSUP: behind TCMU nobody enforces the other task attributes
	}
	if d.cfg.VolatileCache {
		page[2] = 0x01 // V_SUP
	}
	return append(p, page[:]...)
}
