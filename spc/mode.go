package spc

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// ModePage is a mode page. Its bytes are the whole page, header included, at the offsets of the standard's table.
type ModePage struct {
	Code, Sub byte
	Name      string
	Spec      string
	// Default is the page as it is after power on. Its header (page code, subpage, length) is filled in.
	Default []byte
	// Changeable has a bit set for each bit that MODE SELECT may change; nil if there is none. What nobody acts upon is
	// not changeable.
	Changeable []byte
	// Apply makes true what the page, as it is to be, says; anything but GOOD leaves the page as it was. It is
	// called with the pages locked.
	Apply func(page []byte) scsi.Result

	current []byte
	saved   []byte // as it is after the next power on
}

// PageControl values of MODE SENSE.
const (
	currentValues = iota
	changeableValues
	defaultValues
	savedValues
)

// values are the bytes of the page for a PAGE CONTROL.
func (m *ModePage) values(control uint64) []byte {
	switch control {
	case changeableValues:
		return m.Changeable
	case defaultValues:
		return m.Default
	case savedValues:
		return m.saved
	}
	return m.current
}

// header writes page code, subpage code and length into page, and PS where pages can be saved.
func (m *ModePage) header(page []byte, saveable bool) {
	if m.Sub == 0 {
		page[0], page[1] = m.Code, byte(len(page)-2)
	} else {
		page[0], page[1] = m.Code|0x40, m.Sub // SPF
		binary.BigEndian.PutUint16(page[2:], uint16(len(page)-4))
	}
	if saveable {
		page[0] |= 0x80 // PS
	}
}

// sortModes puts the pages in the order in which they are reported, and fills in what derives from Default.
func sortModes(pages []ModePage, saveable bool) []ModePage {
	slices.SortFunc(pages, func(a, b ModePage) int {
		return int(a.Code)<<8 + int(a.Sub) - int(b.Code)<<8 - int(b.Sub)
	})
	for i := range pages {
		m := &pages[i]
		m.Default = slices.Clone(m.Default)
		m.header(m.Default, saveable)
		m.Changeable = append(m.Changeable, make([]byte, len(m.Default)-len(m.Changeable))...)
		m.header(m.Changeable, saveable)
		m.current, m.saved = m.Default, m.Default // they are replaced, not written to
	}
	return pages
}

// ModePages are the mode pages of the unit, in the order of their codes.
func (d *Device) ModePages() []ModePage { return d.modes }

// ChangeMode changes the current values of a page from within, and the saved ones if any have been saved; every I_T
// nexus is told (2A/01). A page that the unit does not have, or that stays the same, changes nothing.
func (d *Device) ChangeMode(code, sub byte, change func(page []byte)) scsi.Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.mode(code, sub)
	if m == nil {
		return scsi.Result{}
	}
	page := slices.Clone(m.current)
	change(page)
	if r := d.install([]modeChange{{m, page}}, nil); !r.OK() || !d.modesKept {
		return r
	}
	return d.saveModes(nil, m)
}

// mode finds a page, or nil.
func (d *Device) mode(code, sub byte) *ModePage {
	for i := range d.modes {
		if d.modes[i].Code == code && d.modes[i].Sub == sub {
			return &d.modes[i]
		}
	}
	return nil
}

// modeChange is a page and what its current values are to be.
type modeChange struct {
	page *ModePage
	to   []byte
}

// install makes changes and tells every nexus but from. The caller holds mu.
func (d *Device) install(changes []modeChange, from *scsi.Nexus) scsi.Result {
	changed, r := apply(changes)
	if changed {
		d.unit.Attend(scsi.ModeParametersChanged, from)
	}
	return r
}

// apply applies changes in their order and keeps them as current values. The first that cannot be applied ends it.
func apply(changes []modeChange) (changed bool, r scsi.Result) {
	for _, c := range changes {
		if bytes.Equal(c.page.current, c.to) {
			continue
		}
		if c.page.Apply != nil {
			if r = c.page.Apply(c.to); !r.OK() {
				break
			}
		}
		c.page.current, changed = c.to, true
	}
	return changed, r
}

var (
	llbaa    = scsi.Bits("LLBAA", 1, 4, 1)
	dbd      = scsi.Bits("DBD", 1, 3, 1)
	pc       = scsi.Bits("PC", 2, 7, 2)
	modePage = scsi.Bits("PAGE CODE", 2, 5, 6)
	subpage  = scsi.Bytes("SUBPAGE CODE", 3, 1)
)

// modeHeader is the form of the mode parameter header (SPC-4 clause 7.5.4), which the length of the CDB decides.
type modeHeader int

const (
	header6  modeHeader = 4
	header10 modeHeader = 8
)

// Page codes of MODE SENSE that stand for more than one page.
const (
	allPages    = 0x3f
	allSubpages = 0xff
)

func (d *Device) modeSense(c *scsi.Command, h modeHeader) scsi.Result {
	control, code, sub := c.Uint(pc), byte(c.Uint(modePage)), byte(c.Uint(subpage))
	long := h == header10 && c.Is(llbaa)
	p := make([]byte, h, 256)
	if !c.Is(dbd) {
		p = d.appendBlockDescriptor(p, long)
	}
	descriptors := len(p) - int(h)

	d.mu.Lock()
	before := len(p)
	for i := range d.modes {
		m := &d.modes[i]
		if m.named(code, sub) {
			p = append(p, m.values(control)...)
		}
	}
	d.mu.Unlock()
	switch {
	case len(p) == before && (code == allPages || d.mode(code, 0) != nil):
		return scsi.InvalidFieldInCDB.At(subpage)
	case len(p) == before:
		return scsi.InvalidFieldInCDB.At(modePage)
	case control == savedValues && !d.Keeps():
		return scsi.SavingNotSupported
	}

	special := d.cfg.DeviceSpecific
	if d.unit.Is(scsi.WriteProtect | scsi.SoftwareWriteProtect) {
		special |= 0x80 // WP
	}
	if h == header6 {
		p[0], p[2], p[3] = byte(min(len(p)-1, 0xff)), special, byte(descriptors)
	} else {
		binary.BigEndian.PutUint16(p, uint16(len(p)-2))
		p[3] = special
		if long {
			p[4] = 0x01 // LONGLBA
		}
		binary.BigEndian.PutUint16(p[6:], uint16(descriptors))
	}
	c.Reply(p)
	return scsi.Result{}
}

// named says whether a PAGE CODE and a SUBPAGE CODE of MODE SENSE stand for the page (SPC-4 6.13). All pages have no
// subpage in common but that which stands for all.
func (m *ModePage) named(code, sub byte) bool {
	if code == allPages {
		return sub == allSubpages || sub == 0 && m.Sub == 0
	}
	return code == m.Code && (sub == allSubpages || sub == m.Sub)
}

// appendBlockDescriptor appends the short or long LBA mode parameter block descriptor (SBC-3 clause 6.4.2), if the
// device type has one.
func (d *Device) appendBlockDescriptor(p []byte, long bool) []byte {
	if d.cfg.Blocks == nil {
		return p
	}
	n, size := d.cfg.Blocks()
	if long {
		p = binary.BigEndian.AppendUint64(p, n)
		return binary.BigEndian.AppendUint64(p, uint64(size))
	}
	p = binary.BigEndian.AppendUint32(p, uint32(min(n, 0xffffffff)))
	return binary.BigEndian.AppendUint32(p, size)
}
