package spc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// modesRecord is what State knows the saved mode pages by: all of them, one after the other, as MODE SENSE returns them.
const modesRecord = "mode-pages"

func (d *Device) allModes() []*ModePage {
	all := make([]*ModePage, len(d.modes))
	for i := range d.modes {
		all[i] = &d.modes[i]
	}
	return all
}

// saveModes makes the current values of pages their saved ones. All pages are one record, so that none is saved without
// the others. The caller holds mu.
func (d *Device) saveModes(c *scsi.Command, pages ...*ModePage) scsi.Result {
	var record []byte
	for _, m := range d.allModes() {
		if slices.Contains(pages, m) {
			record = append(record, m.current...)
		} else {
			record = append(record, m.saved...)
		}
	}
	if r := d.Save(c, modesRecord, record); !r.OK() {
		return r
	}
	d.modesKept = true
	for _, m := range pages {
		m.saved = m.current
	}
	return scsi.Result{}
}

// restoreModes makes the saved values the current ones, as far as the pages are still what they were: bits that cannot
// be changed keep their values, and what is no page of ours is left out.
func (d *Device) restoreModes(record []byte) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.modesKept = len(record) > 0
	for len(record) > 0 {
		m, head, n := d.modeAt(record)
		if head == 0 || len(record) < n {
			return errors.New("a page is cut short")
		}
		if m != nil && n == len(m.current) {
			m.saved = m.merge(record[:n])
			if _, r := apply([]modeChange{{m, m.saved}}); !r.OK() { // nobody has seen what it was
				err = errors.Join(err, fmt.Errorf("page %q not made true: %v", m.Name, r))
			}
		}
		record = record[n:]
	}
	return err
}
