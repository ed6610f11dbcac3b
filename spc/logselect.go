package spc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tcmud/tcmud/scsi"
)

var pcr = scsi.Bits("PCR", 1, 1, 1)

// logSelect sets log parameters to what the parameter list says, all of which is found good before anything changes, or
// without a list to their defaults.
func (d *Device) logSelect(c *scsi.Command) scsi.Result {
	length := c.Uint(list10)
	switch {
	case length == 0:
		return d.resetLogs(c)
	case c.Is(pcr):
		return scsi.InvalidFieldInCDB.At(pcr)
	case c.Uint(logCode) != 0: // each page of the list has its own
		return scsi.InvalidFieldInCDB.At(logCode)
	case c.Uint(subpage) != 0:
		return scsi.InvalidFieldInCDB.At(subpage)
	}
	list := make([]byte, length) // at most 64 KiB, and no more than the initiator sent
	c.Param(list, 0)
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	var changes []logChange
	for at := 0; at < len(list); {
		change, n, r := d.selectLog(list, at)
		if !r.OK() {
			return r
		}
		if n := len(changes); n > 0 && !changes[n-1].page.before(change.page) {
			return scsi.InvalidFieldInParameterList.AtParam(at)
		}
		changes = append(changes, change)
		at += n
	}
	d.installLogs(c, changes)
	return d.keepLogs(c, changes)
}

// logChange is a page and what is to become of it: parameters to be set, or a reset.
type logChange struct {
	page  *LogPage
	to    []LogParameter
	reset bool
}

func (l *LogPage) before(other *LogPage) bool {
	return l.Code < other.Code || l.Code == other.Code && l.Sub < other.Sub
}

// installLogs makes changes, and tells every nexus but that of c. The caller holds log.mu.
func (d *Device) installLogs(c *scsi.Command, changes []logChange) {
	changed := false
	for _, change := range changes {
		before := change.page.bytes()
		switch {
		case change.reset:
			change.page.Reset()
		case len(change.to) > 0:
			change.page.Set(change.to)
		}
		if !bytes.Equal(before, change.page.bytes()) {
			changed = true
		}
	}
	if changed {
		d.unit.Attend(scsi.LogParametersChanged, c.Nexus)
	}
}

// keepLogs saves the pages that were changed, unless GLTSD leaves it to SP. The caller holds log.mu.
func (d *Device) keepLogs(c *scsi.Command, changes []logChange) (r scsi.Result) {
	if d.log.stay.Load() && !c.Is(sp) {
		return r
	}
	for _, change := range changes {
		if r = d.saveLog(c, change.page); !r.OK() {
			return r
		}
	}
	return r
}

// resetLogs is LOG SELECT without a parameter list (SPC-4 6.5): with PCR, or a PC of default values, parameters become
// what they are by default, counters only if it is about cumulative values. With SP all that can be is saved.
func (d *Device) resetLogs(c *scsi.Command) scsi.Result {
	pages, r := d.logsOf(c)
	if !r.OK() {
		return r
	}
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	all := c.Is(pcr) || c.Uint(pc) == logDefaultCumulative
	lists := all || c.Uint(pc) == logDefaultThresholds
	var changes []logChange
	for _, page := range pages {
		reset := page.Reset != nil && (all || lists && !page.counts())
		if reset || c.Is(sp) {
			changes = append(changes, logChange{page: page, reset: reset})
		}
	}
	d.installLogs(c, changes)
	return d.keepLogs(c, changes)
}

// logsOf are the pages that a CDB without a parameter list is about: 00h stands for all of them, subpage FFh for those of
// a code. Asked to save, it has to name one that can be.
func (d *Device) logsOf(c *scsi.Command) (pages []*LogPage, r scsi.Result) {
	code, sub := byte(c.Uint(logCode)), byte(c.Uint(subpage))
	if code != 0 && sub != allSubpages {
		page, r := d.logOf(code, sub)
		if r.OK() && c.Is(sp) && !page.Saved {
			return nil, scsi.InvalidFieldInCDB.At(sp)
		}
		return []*LogPage{page}, r
	}
	if code != 0 && d.logPage(code, 0) == nil {
		return nil, scsi.InvalidFieldInCDB.At(logCode)
	}
	if code == 0 && sub != 0 && sub != allSubpages {
		return nil, scsi.InvalidFieldInCDB.At(subpage)
	}
	for i := range d.log.pages {
		if code == 0 && sub == 0 || d.log.pages[i].Code == code {
			pages = append(pages, &d.log.pages[i])
		}
	}
	return pages, scsi.Result{}
}

func (l *LogPage) counts() bool {
	for _, p := range l.Parameters() {
		if p.Format == Counter {
			return true
		}
	}
	return false
}

// bytes are the page's parameters as LOG SENSE returns them.
func (l *LogPage) bytes() (p []byte) {
	for _, parameter := range l.Parameters() {
		p = parameter.appendTo(p)
	}
	return p
}

// selectLog checks the page that begins at list[at] and returns what it asks for, with its length.
func (d *Device) selectLog(list []byte, at int) (change logChange, n int, r scsi.Result) {
	p := list[at:]
	if len(p) < 4 {
		return change, 0, scsi.ParameterListLengthError
	}
	if spf := p[0]&0x40 != 0; spf != (p[1] != 0) {
		return change, 0, scsi.InvalidFieldInParameterList.AtParamBit(at, 6)
	}
	n = 4 + int(binary.BigEndian.Uint16(p[2:]))
	if change.page = d.logPage(p[0]&0x3f, p[1]); change.page == nil {
		return change, 0, scsi.InvalidFieldInParameterList.AtParamBit(at, 5)
	}
	if len(p) < n {
		return change, 0, scsi.ParameterListLengthError
	}
	have := change.page.Parameters()
	for off := 4; off < n; {
		l, r := selectParameter(have, p[off:n], at+off)
		if !r.OK() {
			return change, 0, r
		}
		if k := len(change.to); k > 0 && change.to[k-1].Code >= l.Code {
			return change, 0, scsi.InvalidFieldInParameterList.AtParam(at + off)
		}
		change.to = append(change.to, l)
		off += 4 + len(l.Value)
	}
	return change, n, scsi.Result{}
}

// selectParameter checks the parameter that p, the rest of a page at byte at of the list, begins with against those that
// the page has. The DU and TSD bits mean nothing for lists (SPC-4 clause 7.3.2.2.2.5), and only lists can be set.
func selectParameter(have []LogParameter, p []byte, at int) (LogParameter, scsi.Result) {
	if len(p) < 4 {
		return LogParameter{}, scsi.InvalidFieldInParameterList.AtParam(at)
	}
	code := binary.BigEndian.Uint16(p)
	for _, l := range have {
		switch {
		case l.Code != code:
			continue
		case !l.Changeable:
			return l, scsi.InvalidFieldInParameterList.AtParam(at)
		case p[2]&^0xa0 != byte(l.Format):
			return l, scsi.InvalidFieldInParameterList.AtParam(at + 2)
		case int(p[3]) != len(l.Value):
			return l, scsi.InvalidFieldInParameterList.AtParam(at + 3)
		case len(p) < 4+len(l.Value):
			return l, scsi.InvalidFieldInParameterList.AtParam(at + 3)
		}
		l.Value = p[4:][:len(l.Value)]
		return l, scsi.Result{}
	}
	return LogParameter{}, scsi.InvalidFieldInParameterList.AtParam(at)
}

// saveLog makes the parameters of a page durable, if they can be. The caller holds log.mu.
func (d *Device) saveLog(c *scsi.Command, page *LogPage) scsi.Result {
	if !page.Saved {
		return scsi.Result{}
	}
	return d.Save(c, page.record(), page.bytes())
}

// record is the name that State knows the page by.
func (l *LogPage) record() string { return fmt.Sprintf("log-page-%02x-%02x", l.Code, l.Sub) }

// restoreLog sets the parameters of a page to what was saved of them.
func (d *Device) restoreLog(page *LogPage, record []byte) error {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	length := map[uint16]int{}
	for _, l := range page.Parameters() {
		length[l.Code] = len(l.Value)
	}
	var saved []LogParameter
	for len(record) > 0 {
		if len(record) < 4 || len(record) < 4+int(record[3]) {
			return errors.New("the page ends within a parameter")
		}
		l := LogParameter{Code: binary.BigEndian.Uint16(record), Value: record[4:][:record[3]]}
		if n, ours := length[l.Code]; ours && n == len(l.Value) {
			saved = append(saved, l)
		}
		record = record[4+len(l.Value):]
	}
	page.Set(saved)
	return nil
}
