package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

// PortGroup is a target port group: ports by which the unit is reached in one and the same access state (SPC-4 5.15).
type PortGroup struct {
	ID        uint16 // TARGET PORT GROUP
	State     byte   // ASYMMETRIC ACCESS STATE
	Supported byte   // the states there may be: T_SUP, O_SUP, LBD_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP
	Preferred bool   // PREF
	Status    byte   // STATUS CODE: why it is in this state
	// Implicit: the target changes the state by itself, so that initiators had better look at it (TPGS).
	Implicit       bool
	TransitionTime byte // IMPLICIT TRANSITION TIME in seconds; 0: nobody knows
	Ports          []Port
}

// Port is a target port through which the unit is reached.
type Port struct {
	Relative uint16 // RELATIVE TARGET PORT IDENTIFIER, from 1 on
	Protocol byte   // PROTOCOL IDENTIFIER (SPC-4 7.6.1): 5h iSCSI, 6h SAS
	Name     string // of the port, as a SCSI name string
	Device   string // of the target device that it belongs to, as a SCSI name string
}

// portGroups are the ports there are now.
func (d *Device) portGroups() []PortGroup {
	if d.cfg.Ports == nil {
		return nil
	}
	return d.cfg.Ports()
}

// thePort is the port that every command comes through, if there is but one. With several nobody can say which one it
// was: a command does not tell, and whatever is said of "this port" would be a guess.
func thePort(groups []PortGroup) (PortGroup, Port, bool) {
	if countPorts(groups) != 1 {
		return PortGroup{}, Port{}, false
	}
	for _, g := range groups {
		if len(g.Ports) == 1 {
			return g, g.Ports[0], true
		}
	}
	return PortGroup{}, Port{}, false
}

func countPorts(groups []PortGroup) int {
	n := 0
	for _, g := range groups {
		n += len(g.Ports)
	}
	return n
}

// inquiryPorts is what standard INQUIRY data says of ports: TPGS in byte 5, MULTIP in byte 6. Initiators that find TPGS
// look for their port in VPD page 83h, so it is there when the port is.
func inquiryPorts(groups []PortGroup) (byte5, byte6 byte) {
	if g, _, ok := thePort(groups); ok && g.Implicit {
		byte5 = 0x10 // implicit asymmetric access; there is no SET TARGET PORT GROUPS
	}
	if countPorts(groups) > 1 {
		byte6 = 0x10
	}
	return byte5, byte6
}

// Associations of a designator.
const (
	ofUnit   = 0x00
	ofPort   = 0x10
	ofDevice = 0x20
)

// name appends a SCSI name string designator (SPC-4 7.8.6.11): zero-terminated, and padded to a multiple of four bytes.
func (p Port) name(dst []byte, association byte, name string) []byte {
	name = name[:min(len(name), 247)] // so that the length fits
	n := (len(name) + 4) &^ 3
	dst = append(dst, p.Protocol<<4|0x03, 0x80|association|0x08, 0, byte(n)) // UTF-8; PIV
	dst = append(dst, name...)
	return append(dst, make([]byte, n-len(name))...)
}

// vpdPorts is page 88h: all ports, and the name of each. What the initiators' ports are called it need not say.
func (d *Device) vpdPorts(p []byte, _ Identity) []byte {
	for _, g := range d.portGroups() {
		for _, port := range g.Ports {
			p = binary.BigEndian.AppendUint16(append(p, 0, 0), port.Relative)
			p = append(p, 0, 0, 0, 0) // INITIATOR PORT TRANSPORTID LENGTH
			name := port.name(nil, ofPort, port.Name)
			p = binary.BigEndian.AppendUint16(append(p, 0, 0), uint16(len(name)))
			p = append(p, name...)
		}
	}
	return p
}

var parameterFormat = scsi.Bits("PARAMETER DATA FORMAT", 1, 7, 3)

// reportGroups is REPORT TARGET PORT GROUPS. It tells of all ports, and so it does not matter by which it came.
func (d *Device) reportGroups(c *scsi.Command) scsi.Result {
	p := make([]byte, 4, 64)
	groups := d.portGroups()
	switch c.Uint(parameterFormat) {
	case 0:
	case 1: // extended header
		var seconds byte
		for _, g := range groups {
			seconds = max(seconds, g.TransitionTime)
		}
		p = append(p, 0x10, seconds, 0, 0)
	default:
		return scsi.InvalidFieldInCDB.At(parameterFormat)
	}
	for _, g := range groups {
		p = g.describe(p)
	}
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	c.Reply(p)
	return scsi.Result{}
}

// describe appends the target port group descriptor.
func (g PortGroup) describe(p []byte) []byte {
	state := g.State & 0x0f
	if g.Preferred {
		state |= 0x80 // PREF
	}
	p = binary.BigEndian.AppendUint16(append(p, state, g.Supported), g.ID)
	count := min(len(g.Ports), 255)
	p = append(p, 0, g.Status, 0, byte(count))
	for _, port := range g.Ports[:count] {
		p = binary.BigEndian.AppendUint16(append(p, 0, 0), port.Relative)
	}
	return p
}
