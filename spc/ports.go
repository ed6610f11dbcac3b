package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// PortGroup is a target port group with its ports. To Config.Ports of a unit that keeps access states itself, the ID is all
// there is to the group.
type PortGroup struct {
	AccessGroup
	Ports []Port
}

// Port is a target port through which the unit is reached.
type Port struct {
	Relative uint16 // RELATIVE TARGET PORT IDENTIFIER, from 1 on
	Protocol byte   // PROTOCOL IDENTIFIER (SPC-4 7.6.1): 5h iSCSI, 6h SAS
	Name     string // of the port, as a SCSI name string; empty: nobody knows it yet
	Device   string // of the target device that it belongs to, the same
}

// PortGroups are the ports there are now, in their groups as these are now.
func (d *Device) PortGroups() []PortGroup {
	if d.cfg.Ports == nil {
		return nil
	}
	groups := d.cfg.Ports()
	if d.access == nil {
		return groups
	}
	groups = slices.Clone(groups)
	for i, g := range groups {
		groups[i].AccessGroup = d.access.group(g.ID)
	}
	return groups
}

// targetPorts are the relative target port identifiers of all ports there are now.
func (d *Device) targetPorts() (all []uint16) {
	for _, g := range d.PortGroups() {
		for _, p := range g.Ports {
			all = append(all, p.Relative)
		}
	}
	return all
}

// thePort is the port that a nexus comes through. Where the nexus does not tell, it is the only one: with several, whatever
// is said of "this port" would be a guess.
func thePort(groups []PortGroup, n *scsi.Nexus) (PortGroup, Port, bool) {
	told := n != nil && n.Port != 0
	if !told && countPorts(groups) != 1 {
		return PortGroup{}, Port{}, false
	}
	for _, g := range groups {
		for _, p := range g.Ports {
			if !told || p.Relative == n.Port {
				return g, p, true
			}
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

// TPGS of standard INQUIRY data.
const (
	tpgsImplicit = 0x01
	tpgsExplicit = 0x02
)

func (g AccessGroup) tpgs() byte {
	var b byte
	if g.Implicit {
		b |= tpgsImplicit
	}
	if g.Explicit {
		b |= tpgsExplicit
	}
	return b
}

// inquiryPorts is what standard INQUIRY data says of ports to a nexus: TPGS in byte 5, MULTIP in byte 6. Initiators that
// find TPGS look for their port in VPD page 83h, so it is there when the port is.
func inquiryPorts(groups []PortGroup, to *scsi.Nexus) (byte5, byte6 byte) {
	if g, _, ok := thePort(groups, to); ok {
		byte5 = g.tpgs() << 4
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

// name appends a SCSI name string designator (SPC-4 7.8.6.11): zero-terminated, and padded to a multiple of four bytes; none
// where there is no name.
func (p Port) name(dst []byte, association byte, name string) []byte {
	if name == "" {
		return dst
	}
	name = name[:min(len(name), 247)] // so that the length fits
	n := (len(name) + 4) &^ 3
	dst = append(dst, p.Protocol<<4|0x03, 0x80|association|0x08, 0, byte(n)) // UTF-8; PIV
	dst = append(dst, name...)
	return append(dst, make([]byte, n-len(name))...)
}

// vpdPorts is page 88h: all ports, and the name of each. What the initiators' ports are called it need not say.
func (d *Device) vpdPorts(p []byte, _ *scsi.Nexus) []byte {
	for _, g := range d.PortGroups() {
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
	groups := d.PortGroups()
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

// pref is PREF, in the byte of the ASYMMETRIC ACCESS STATE.
const pref = 0x80

// describe appends the target port group descriptor.
func (g PortGroup) describe(p []byte) []byte {
	state := byte(g.State) & 0x0f
	if g.Preferred {
		state |= pref
	}
	p = binary.BigEndian.AppendUint16(append(p, state, g.Supported), g.ID)
	count := min(len(g.Ports), 255)
	p = append(p, 0, g.Status, 0, byte(count))
	for _, port := range g.Ports[:count] {
		p = binary.BigEndian.AppendUint16(append(p, 0, 0), port.Relative)
	}
	return p
}
