package spc

import (
	"errors"
	"fmt"

	"github.com/tcmud/tcmud/scsi"
)

// State keeps what a logical unit remembers across a loss of power, in records of bytes by name: saved mode pages,
// identifying information, a sanitize operation that has not ended. OpenState makes one of a file.
type State interface {
	// Load returns the record of that name, nil if there is none. An error says that what was kept is damaged.
	Load(name string) ([]byte, error)
	// Save keeps a record; one of no bytes is forgotten. When it returns nil, the record is durable, and after an error
	// or a loss of power meanwhile the one before it is there, or this one. It may be called from several goroutines.
	Save(name string, record []byte) error
}

// remembered is a part of the unit whose record State keeps.
type remembered struct {
	name    string
	restore func(record []byte) error
}

// Remember makes restore part of Restore: it is given the record of that name, nil if there is none, and its error says
// that the record makes no sense. It is called while the unit is built. A record must be distrusted: it was read from a
// file.
func (d *Device) Remember(name string, restore func(record []byte) error) {
	d.parts = append(d.parts, remembered{name, restore})
}

// Keeps says whether there is a State, so that a command that saves something can be carried out.
func (d *Device) Keeps() bool { return d.cfg.State != nil }

// Restore brings back what State holds, before the unit's first command. A part whose record is damaged stays as it is by
// default; the others come back all the same.
func (d *Device) Restore() error {
	if d.cfg.State == nil {
		return nil
	}
	var failed []error
	for _, part := range d.parts {
		record, err := d.cfg.State.Load(part.name)
		if err == nil {
			err = part.restore(record)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", part.name, err))
			if part.name == reservationsRecord {
				d.reserve.lose()
			}
		}
	}
	return errors.Join(failed...)
}

// Save keeps a record, or ends the command c in what the initiator hears when that fails: the record is as it was. Without
// a State there is nothing to keep, and the result is GOOD.
func (d *Device) Save(c *scsi.Command, name string, record []byte) scsi.Result {
	if d.cfg.State == nil {
		return scsi.Result{}
	}
	if err := d.cfg.State.Save(name, record); err != nil {
		if d.cfg.Report != nil {
			d.cfg.Report(c, fmt.Errorf("%s not saved: %w", name, err))
		}
		return scsi.InternalTargetFailure
	}
	return scsi.Result{}
}
