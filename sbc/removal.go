package sbc

import (
	"fmt"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// removal is who keeps the medium of a removable disk in its place.
type removal struct {
	mu       sync.Mutex
	prevents map[*scsi.Nexus]bool // guarded by mu
}

var prevent = scsi.Bits("PREVENT", 4, 1, 2)

// preventAllow is PREVENT ALLOW MEDIUM REMOVAL: as long as one I_T nexus prevents it, none can eject or load.
func (d *Disk) preventAllow(c *scsi.Command) scsi.Result {
	switch c.Uint(prevent) {
	case 0:
		d.removal.allow(c.Nexus)
	case 1:
		c.Nexus.Hold()
		d.removal.mu.Lock()
		defer d.removal.mu.Unlock()
		if d.removal.prevents == nil {
			d.removal.prevents = make(map[*scsi.Nexus]bool)
		}
		d.removal.prevents[c.Nexus] = true
	default: // of medium changers, obsolete
		return scsi.InvalidFieldInCDB.At(prevent)
	}
	return scsi.Result{}
}

func (m *removal) allow(n *scsi.Nexus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.prevents, n)
}

func (m *removal) prevented() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.prevents) > 0
}

// ejectedRecord is in the State while there is no medium.
const ejectedRecord = "ejected"

// moveMedium is START STOP UNIT with LOEJ: it loads the medium or ejects it. Where there was none, all other I_T nexuses
// are told of it (28/00).
func (d *Disk) moveMedium(c *scsi.Command) scsi.Result {
	if d.removal.prevented() && !(d.Lapse() && !d.removal.prevented()) {
		return scsi.MediumRemovalPrevented
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	if d.work != nil { // it has begun since c passed the gate
		return d.work.gate(c.Op())
	}
	load, empty := c.Is(start), d.Is(scsi.Empty)
	if load != empty {
		return scsi.Result{}
	}
	var record []byte
	if !load {
		if r := d.flushUnlessTold(c); !r.OK() {
			return r
		}
		record = []byte{1}
	}
	if r := d.primary.Save(c, ejectedRecord, record); !r.OK() {
		return r
	}
	d.Set(scsi.Empty, !load)
	if load {
		d.Attend(scsi.MediumMayHaveChanged, c.Nexus)
	}
	return scsi.Result{}
}

// restoreEjected leaves a medium outside that was ejected. One that cannot be ejected any more is in its place.
func (d *Disk) restoreEjected(record []byte) error {
	switch {
	case len(record) == 0:
	case len(record) != 1 || record[0] != 1:
		return fmt.Errorf("% x is not known", record)
	case d.removable:
		d.Set(scsi.Empty, true)
	}
	return nil
}

// lost follows the loss of an I_T nexus: with it goes what it prevented.
func (d *Disk) lost(n *scsi.Nexus) {
	d.removal.allow(n)
	d.primary.Left(n)
}

// reset is what a logical unit reset (SAM-5 6.3.3) is to the disk: nobody prevents the removal of the medium any more.
func (d *Disk) reset() {
	d.removal.mu.Lock()
	clear(d.removal.prevents)
	d.removal.mu.Unlock()
	d.primary.Reset()
}
