package spc

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

var (
	pf     = scsi.Bits("PF", 1, 4, 1)
	sp     = scsi.Bits("SP", 1, 0, 1)
	list6  = scsi.Bytes("PARAMETER LIST LENGTH", 4, 1)
	list10 = scsi.Bytes("PARAMETER LIST LENGTH", 7, 2)
)

// modeSelect changes mode pages: all of the parameter list is found good before anything changes.
func (d *Device) modeSelect(c *scsi.Command, h modeHeader) scsi.Result {
	length := c.Uint(list6)
	if h == header10 {
		length = c.Uint(list10)
	}
	switch {
	case c.Is(sp) && !d.Keeps():
		return scsi.InvalidFieldInCDB.At(sp)
	case length > 0 && !c.Is(pf): // the pages would be vendor specific
		return scsi.InvalidFieldInCDB.At(pf)
	case length > 0 && length < uint64(h):
		return scsi.ParameterListLengthError
	}
	list := make([]byte, length) // at most 64 KiB, and no more than the initiator sent
	c.Param(list, 0)
	d.mu.Lock()
	defer d.mu.Unlock()
	changes, r := d.selected(list, h)
	if r.OK() {
		r = d.install(changes, c.Nexus)
	}
	if !r.OK() || !c.Is(sp) {
		return r
	}
	return d.saveModes(c, d.allModes()...) // SPC-4 6.11: all pages, not those in the list alone
}

// selected is what a parameter list asks for.
func (d *Device) selected(list []byte, h modeHeader) (changes []modeChange, r scsi.Result) {
	if len(list) == 0 {
		return nil, scsi.Result{}
	}
	at, r := d.checkHeader(list, h)
	for r.OK() && at < len(list) {
		var m *ModePage
		var n int
		if m, n, r = d.selectPage(list, at); r.OK() {
			changes = append(changes, modeChange{m, m.merge(list[at : at+n])})
		}
		at += n
	}
	return changes, r
}

// checkHeader checks the mode parameter header and the block descriptor, and returns where the pages begin. MODE DATA
// LENGTH, the WP and DPOFUA bits and the medium type of MODE SENSE may come back as they were read: they are ignored.
func (d *Device) checkHeader(list []byte, h modeHeader) (int, scsi.Result) {
	long, size, at := false, int(list[3]), 3
	if h == header10 {
		long, size, at = list[4]&0x01 != 0, int(binary.BigEndian.Uint16(list[6:])), 6
	}
	if size == 0 {
		return int(h), scsi.Result{}
	}
	want := d.appendBlockDescriptor(nil, long)
	if size != len(want) {
		return 0, scsi.InvalidFieldInParameterList.AtParam(at)
	}
	if len(list) < int(h)+size {
		return 0, scsi.ParameterListLengthError
	}
	got := list[h:][:size]
	// The block length stays; the number of blocks too, which 0 and, in the short form, all ones also ask for.
	half := size / 2
	if !bytes.Equal(got[half:], want[half:]) {
		return 0, scsi.InvalidFieldInParameterList.AtParam(int(h) + half)
	}
	zero := make([]byte, half)
	if !bytes.Equal(got[:half], want[:half]) && !bytes.Equal(got[:half], zero) &&
		!bytes.Equal(got[:half], bytes.Repeat([]byte{0xff}, half)) {
		return 0, scsi.InvalidFieldInParameterList.AtParam(int(h))
	}
	return int(h) + size, scsi.Result{}
}

// selectPage checks the page that begins at list[at] and returns it with its length.
func (d *Device) selectPage(list []byte, at int) (*ModePage, int, scsi.Result) {
	page := list[at:]
	m, head, n := d.modeAt(page)
	switch {
	case head == 0:
		return nil, 0, scsi.ParameterListLengthError
	case m == nil:
		return nil, 0, scsi.InvalidFieldInParameterList.AtParamBit(at, 5)
	case n != len(m.current):
		return nil, 0, scsi.InvalidFieldInParameterList.AtParam(at + head/2) // PAGE LENGTH: byte 1, or 2 with SPF
	case len(page) < n:
		return nil, 0, scsi.ParameterListLengthError
	}
	for i := head; i < n; i++ {
		if (page[i]^m.current[i])&^m.Changeable[i] != 0 {
			return nil, 0, scsi.InvalidFieldInParameterList.AtParam(at + i)
		}
	}
	return m, n, scsi.Result{}
}

// modeAt reads the header of the page that p begins with: the page, nil if the unit has none such, the length of its
// header, 0 if p ends within it, and the length of the whole page as it says itself.
func (d *Device) modeAt(p []byte) (m *ModePage, head, n int) {
	switch {
	case len(p) >= 2 && p[0]&0x40 == 0:
		return d.mode(p[0]&0x3f, 0), 2, 2 + int(p[1])
	case len(p) >= 4: // SPF
		return d.mode(p[0]&0x3f, p[1]), 4, 4 + int(binary.BigEndian.Uint16(p[2:]))
	}
	return nil, 0, 0
}

// merge is the current page with the changeable bits of page. The header stays, whatever PS says.
func (m *ModePage) merge(page []byte) []byte {
	merged := slices.Clone(m.current)
	for i := 2; i < len(merged); i++ {
		if m.Sub != 0 && i < 4 {
			continue
		}
		merged[i] = merged[i]&^m.Changeable[i] | page[i]&m.Changeable[i]
	}
	return merged
}
