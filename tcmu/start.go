package tcmu

import (
	"errors"
	"fmt"
)

// Control is what a Device needs of the device's directory in configfs.
type Control struct {
	// BlockDev writes action/block_dev: while true, the kernel answers commands with BUSY.
	BlockDev func(stop bool) error
	// ResetRing writes 1 to action/reset_ring: the kernel answers what is in the ring with BUSY, so that initiators
	// try again, and empties it.
	ResetRing func() error
	// FreeKeptBuffer writes a ring id to action/free_kept_buf. Nil: Abandon ends only what the handler does not have.
	FreeKeptBuffer func(id uint16) error
}

// Fresh is the Mark of a device that was just created, as an Added event tells. Nobody has had its ring yet, and the
// kernel would refuse to reset it before the device is enabled, which comes after the event.
var Fresh = Mark{Clean: true}

// position decides where in the ring the device begins.
//
// If the process before this one drained the ring, it begins at the tail. If not, some entries between tail and head have
// been answered and some overwritten with the answers of others, and nobody can tell which: the ring has to be emptied.
// By now that process is gone for good, or the device could not have been opened, so nothing of it still uses the
// memory that a reset gives to new commands.
func (d *Device) position() error {
	o, r := d.opts, d.ring
	switch {
	case o.Left == Mark{Clean: true, Tail: r.consumed}:
		return nil
	case o.Control != nil:
		return d.reset(*o.Control)
	case r.head.Load() != r.consumed:
		return errors.New("the ring holds commands that another process may have answered in part: reset it (Options.Control, or action/reset_ring of the device in configfs)")
	}
	return nil
}

func (d *Device) reset(c Control) (err error) {
	if err := c.BlockDev(true); err != nil {
		return fmt.Errorf("before a reset of the ring: %w", err)
	}
	defer func() { err = errors.Join(err, c.BlockDev(false)) }()
	if err := c.ResetRing(); err != nil {
		return fmt.Errorf("reset of the ring: %w", err)
	}
	if err := d.ring.restart(); err != nil {
		return err
	}
	if at := d.ring.consumed; at != 0 {
		return d.ring.broken(at, "the tail is there after a reset, which should make it 0")
	}
	return nil
}
