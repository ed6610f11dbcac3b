package spc

import "github.com/tcmud/tcmud/scsi"

// ownModes are the mode pages that every device type has.
func (d *Device) ownModes() []ModePage {
	return []ModePage{
		{Code: 0x02, Name: "Disconnect-Reconnect", Spec: "SPC-4 7.5",
			Default: []byte{15: 0}}, // no limit: what a bus does is the transport's
		d.controlPage(),
		{Code: 0x0a, Sub: 0x01, Name: "Control Extension", Spec: "SPC-4 7.5",
			// TCMOS: the clock is the host's, and its operator may set that; SCSIP: not once SET TIMESTAMP has.
			Default: []byte{4: 0x06, 31: 0}},
		{Code: 0x19, Name: "Protocol Specific Port", Spec: "SPC-4 7.5",
			Default: []byte{2: 0x0f, 7: 0}}, // PROTOCOL IDENTIFIER: none; nobody tells which wire a command came by
		{Code: 0x1a, Name: "Power Condition", Spec: "SPC-4 7.5",
			Default: []byte{39: 0}}, // no timer runs
		{Code: 0x1c, Name: "Informational Exceptions Control", Spec: "SPC-4 7.5",
			Default: []byte{11: 0}}, // MRIE 0: none is reported
	}
}

// Bits of the Control mode page, by byte.
const (
	dSense = 0x04 // byte 2
	gltsd  = 0x02 // byte 2
	swp    = 0x08 // byte 4
)

func (d *Device) controlPage() ModePage {
	m := ModePage{Code: 0x0a, Name: "Control", Spec: "SPC-4 7.5",
		Default: []byte{
			3:  0x10, // QUEUE ALGORITHM MODIFIER: unrestricted reordering
			5:  0x40, // TAS, as LIO does it
			8:  0xff, // BUSY TIMEOUT PERIOD: unlimited
			9:  0xff,
			11: 0,
		},
		Changeable: []byte{2: dSense, 4: swp},
		Apply: func(page []byte) scsi.Result {
			d.unit.Set(scsi.DescriptorFormat, page[2]&dSense != 0)
			d.unit.Set(scsi.SoftwareWriteProtect, page[4]&swp != 0)
			d.log.stay.Store(page[2]&gltsd != 0)
			return scsi.Result{}
		}}
	if d.Keeps() {
		m.Changeable[2] |= gltsd
	}
	if d.cfg.SelfTest != nil {
		m.Default[11] = 60 * extendedMinutes // EXTENDED SELF-TEST COMPLETION TIME, in seconds
	}
	return m
}
