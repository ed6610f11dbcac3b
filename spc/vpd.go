package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// VPD is a vital product data page.
type VPD struct {
	Code byte
	Name string
	Spec string
	// Build appends the page, from byte 4 on, to p. The header is not its business. A page may differ by who asks for it; nil
	// is nobody knows who.
	Build func(p []byte, to *scsi.Nexus) []byte
}

func (d *Device) inquireVPD(c *scsi.Command) scsi.Result {
	code := byte(c.Uint(pageCode))
	i, found := slices.BinarySearchFunc(d.vpd, code, func(v VPD, code byte) int { return int(v.Code) - int(code) })
	if !found {
		return scsi.InvalidFieldInCDB.At(pageCode)
	}
	p := make([]byte, 4, 256)
	p[0], p[1] = d.cfg.Type, code
	p = d.vpd[i].Build(p, c.Nexus)
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
	pages := []VPD{
		{0x00, "Supported VPD Pages", "SPC-4 7.8", d.vpdSupported},
		{0x80, "Unit Serial Number", "SPC-4 7.8", d.vpdSerial},
		{0x83, "Device Identification", "SPC-4 7.8", d.vpdIdentification},
		{0x85, "Management Network Addresses", "SPC-4 7.8", vpdManagement},
		{0x86, "Extended INQUIRY Data", "SPC-4 7.8", d.vpdExtended},
		{0x87, "Mode Page Policy", "SPC-4 7.8", d.vpdModePolicy},
	}
	if d.cfg.Ports != nil {
		pages = append(pages, VPD{0x88, "SCSI Ports", "SPC-4 7.8", d.vpdPorts})
	}
	return pages
}

func (d *Device) vpdSupported(p []byte, _ *scsi.Nexus) []byte {
	for _, v := range d.vpd {
		p = append(p, v.Code)
	}
	return p
}

func (d *Device) vpdSerial(p []byte, _ *scsi.Nexus) []byte {
	return append(p, d.cfg.Identity().serial()...)
}

// vpdIdentification names the logical unit twice, as LIO does: by NAA, which multipath tools prefer, and by T10 vendor
// ID with product and serial number. And it names the port that was asked, its group and its device, where that is known.
func (d *Device) vpdIdentification(p []byte, to *scsi.Nexus) []byte {
	id := d.cfg.Identity()
	naa := id.NAA()
	p = append(p, 0x01, ofUnit|0x03, 0, byte(len(naa))) // binary; NAA
	p = append(p, naa[:]...)

	var vendor [8]byte
	pad(vendor[:], id.Vendor)
	name := append(vendor[:], id.product()+":"+id.serial()...)
	p = append(p, 0x02, ofUnit|0x01, 0, byte(len(name))) // ASCII; T10 vendor ID based
	p = append(p, name...)

	group, port, ok := thePort(d.PortGroups(), to)
	if !ok {
		return p
	}
	binaryOf := port.Protocol<<4 | 0x01
	p = append(p, binaryOf, 0x80|ofPort|0x04, 0, 4, 0, 0) // PIV; relative target port identifier
	p = binary.BigEndian.AppendUint16(p, port.Relative)
	p = append(p, binaryOf, 0x80|ofPort|0x05, 0, 4, 0, 0) // PIV; target port group
	p = binary.BigEndian.AppendUint16(p, group.ID)
	p = port.name(p, ofPort, port.Name)
	return port.name(p, ofDevice, port.Device)
}

// product and serial are cut to lengths that every page that holds them can state in one byte.
func (id Identity) product() string { return id.Product[:min(len(id.Product), 16)] }
func (id Identity) serial() string  { return id.Serial[:min(len(id.Serial), 200)] }

// vpdManagement lists no address: a disk has none, and its host is managed by other means.
func vpdManagement(p []byte, _ *scsi.Nexus) []byte { return p }

// vpdExtended says what of SPC-4's options there is. All that is not set is not there: microcode to load (bytes 4, 9 and
// 12), protection information (4, 7), groups of commands, priorities (5), capability-based security (8).
func (d *Device) vpdExtended(p []byte, _ *scsi.Nexus) []byte {
	page := [60]byte{
		1: 0x01,           // SIMPSUP: behind TCMU nobody enforces the other task attributes
		9: scsi.SenseSize, // MAXIMUM SUPPORTED SENSE DATA LENGTH
	}
	if d.cfg.VolatileCache {
		page[2] = 0x01 // V_SUP
	}
	if d.cfg.Referrals {
		page[4] = 0x10 // R_SUP
	}
	if d.cfg.SelfTest != nil {
		page[7] = extendedMinutes // EXTENDED SELF-TEST COMPLETION MINUTES
	}
	return append(p, page[:]...)
}

// vpdModePolicy says of each mode page that all nexuses and ports share it.
func (d *Device) vpdModePolicy(p []byte, _ *scsi.Nexus) []byte {
	for _, m := range d.modes {
		p = append(p, m.Code, m.Sub, 0, 0)
	}
	return p
}
