package spc

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/scsi"
)

// LogPage is a log page. LOG SENSE, LOG SELECT, the lists of supported pages and docs/commands.md derive from it.
type LogPage struct {
	Code, Sub byte
	Name      string
	Spec      string
	// Parameters are the parameters as they are now, in ascending order of their codes. Like Set and Reset it is called
	// with the pages locked.
	Parameters func() []LogParameter
	// Set gives parameters new values of the length they have, by LOG SELECT or because they were saved. Nil: none can
	// be set.
	Set func([]LogParameter)
	// Reset sets to their defaults the parameters that LOG SELECT may reset. Nil: none may be.
	Reset func()
	// Saved: Set brings back parameters after a loss of power.
	Saved bool
}

// LogParameter is a parameter of a log page.
type LogParameter struct {
	Code   uint16
	Format LogFormat
	// Changeable: LOG SELECT may set the value.
	Changeable bool
	Value      []byte // at most 255 bytes
}

// LogFormat is the FORMAT AND LINKING field of the parameter control byte, all other bits of which are zero here (SPC-4
// clause 7.3.2.2.2).
type LogFormat byte

// Formats of log parameters.
const (
	ASCIIList  LogFormat = 0x01
	Counter    LogFormat = 0x02 // unbounded data counter: it has no threshold
	BinaryList LogFormat = 0x03
)

// appendTo appends the parameter as LOG SENSE returns it.
func (l LogParameter) appendTo(p []byte) []byte {
	p = binary.BigEndian.AppendUint16(p, l.Code)
	p = append(p, byte(l.Format), byte(len(l.Value)))
	return append(p, l.Value...)
}

// logbook is the log pages of a unit, and what those tell of that are the same for all device types.
type logbook struct {
	pages []LogPage   // sorted by Code and Sub
	stay  atomic.Bool // GLTSD: parameters are saved only when LOG SELECT or LOG SENSE says so
	mu    sync.Mutex  // held while a page is read or changed

	application application
	cycles      cycles
}

// openLog brings the pages together.
func (d *Device) openLog() {
	d.log.pages = sortLogs(append(d.ownLogs(), d.cfg.Logs...))
	for i := range d.log.pages {
		if page := &d.log.pages[i]; page.Saved {
			d.Remember(page.record(), func(record []byte) error { return d.restoreLog(page, record) })
		}
	}
}

// saving is the SP field of the log commands, which is reserved where nothing can be saved.
func (d *Device) saving() []scsi.Field {
	if d.Keeps() {
		return []scsi.Field{sp}
	}
	return nil
}

// LogPages are the log pages of the unit, but for those that list pages, in the order of their codes.
func (d *Device) LogPages() []LogPage { return d.log.pages }

func sortLogs(pages []LogPage) []LogPage {
	slices.SortFunc(pages, func(a, b LogPage) int { return int(a.Code)<<8 + int(a.Sub) - int(b.Code)<<8 - int(b.Sub) })
	return pages
}

// logPage finds a page, or nil.
func (d *Device) logPage(code, sub byte) *LogPage {
	for i := range d.log.pages {
		if d.log.pages[i].Code == code && d.log.pages[i].Sub == sub {
			return &d.log.pages[i]
		}
	}
	return nil
}

var (
	logCode    = scsi.Bits("PAGE CODE", 2, 5, 6)
	logPointer = scsi.Bytes("PARAMETER POINTER", 5, 2)
)

// Values of the PC field in log commands. They are about counters, and ignored for parameters that are lists.
const (
	logThresholds = iota
	logCumulative
	logDefaultThresholds
	logDefaultCumulative
)

func (d *Device) logSense(c *scsi.Command) scsi.Result {
	code, sub := byte(c.Uint(logCode)), byte(c.Uint(subpage))
	if code == 0 && sub == 0 || sub == allSubpages {
		return d.listLogs(c, code, sub)
	}
	page, r := d.logOf(code, sub)
	if !r.OK() {
		return r
	}
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	all := page.Parameters()
	if from := c.Uint(logPointer); from > 0 && (len(all) == 0 || from > uint64(all[len(all)-1].Code)) {
		return scsi.InvalidFieldInCDB.At(logPointer)
	}
	p := page.header(d.Keeps())
	for _, l := range all {
		if uint64(l.Code) < c.Uint(logPointer) {
			continue
		}
		if l.Format == Counter {
			switch c.Uint(pc) {
			case logThresholds, logDefaultThresholds:
				return scsi.InvalidFieldInCDB.At(pc)
			case logDefaultCumulative:
				l.Value = make([]byte, len(l.Value))
			}
		}
		p = l.appendTo(p)
	}
	if c.Is(sp) {
		if r := d.saveLog(c, page); !r.OK() {
			return r
		}
	}
	replyLog(c, p)
	return scsi.Result{}
}

// logOf is the page that a CDB names.
func (d *Device) logOf(code, sub byte) (*LogPage, scsi.Result) {
	if page := d.logPage(code, sub); page != nil {
		return page, scsi.Result{}
	}
	if d.logPage(code, 0) != nil {
		return nil, scsi.InvalidFieldInCDB.At(subpage)
	}
	return nil, scsi.InvalidFieldInCDB.At(logCode)
}

// header is the page's header, its length still zero. DS says that the parameters cannot be saved.
func (l *LogPage) header(saveable bool) []byte {
	p := make([]byte, 4, 256)
	p[0], p[1] = l.Code, l.Sub
	if l.Sub != 0 {
		p[0] |= 0x40 // SPF
	}
	if !l.Saved || !saveable {
		p[0] |= 0x80 // DS
	}
	return p
}

func replyLog(c *scsi.Command, p []byte) {
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-4))
	c.Reply(p)
}

// listLogs is one of the pages that list pages: 00h those without subpages, 00h/FFh all, and any other with subpage FFh
// those of its code. A list has no parameters to begin at.
func (d *Device) listLogs(c *scsi.Command, code, sub byte) scsi.Result {
	if code != 0 && d.logPage(code, 0) == nil {
		return scsi.InvalidFieldInCDB.At(logCode)
	}
	if c.Uint(logPointer) != 0 {
		return scsi.InvalidFieldInCDB.At(logPointer)
	}
	if sub == 0 {
		p := []byte{0x00, 0, 0, 0, 0x00}
		for _, l := range d.log.pages {
			if l.Sub == 0 {
				p = append(p, l.Code)
			}
		}
		replyLog(c, p)
		return scsi.Result{}
	}
	p := []byte{code | 0x40, sub, 0, 0}
	if code == 0 {
		p = append(p, 0, 0, 0, allSubpages)
	}
	for i, l := range d.log.pages {
		if code != 0 && l.Code != code {
			continue
		}
		p = append(p, l.Code, l.Sub)
		if last := i+1 == len(d.log.pages) || d.log.pages[i+1].Code != l.Code; last {
			p = append(p, l.Code, allSubpages)
		}
	}
	replyLog(c, p)
	return scsi.Result{}
}
