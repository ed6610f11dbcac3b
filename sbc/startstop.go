package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	immed0         = scsi.Bits("IMMED", 1, 0, 1).Hint("the status may always come after the work")
	powerModifier  = scsi.Bits("POWER CONDITION MODIFIER", 3, 3, 4)
	powerCondition = scsi.Bits("POWER CONDITION", 4, 7, 4)
	noFlush        = scsi.Bits("NO_FLUSH", 4, 2, 1)
	loej           = scsi.Bits("LOEJ", 4, 1, 1)
	start          = scsi.Bits("START", 4, 0, 1)
)

// startStop starts or stops the unit, changes its power condition, or with LOEJ loads or ejects the medium. Stopping
// flushes the cache unless told otherwise; while stopped, commands that need the medium are NOT READY.
//
// A removable medium that is not ejected stays ready: there is nothing to stop. That is what initiators of such
// disks, and libiscsi's test suite, expect.
func (d *Disk) startStop(c *scsi.Command) scsi.Result {
	switch {
	case c.Uint(powerCondition) != 0: // START and LOEJ are ignored
		return d.changePower(c)
	case c.Uint(powerModifier) != 0:
		return scsi.InvalidFieldInCDB.At(powerModifier)
	case c.Is(loej):
		return d.moveMedium(c)
	case c.Is(start):
		d.rest(active)
		d.Set(scsi.Stopped, false)
		return scsi.Result{}
	}
	if r := d.flushUnlessTold(c); !r.OK() {
		return r
	}
	d.rest(active)
	if !d.removable && !d.Is(scsi.Stopped) {
		d.Set(scsi.Stopped, true)
		d.primary.Stopped(c)
	}
	return scsi.Result{}
}

func (d *Disk) flushUnlessTold(c *scsi.Command) scsi.Result {
	if c.Is(noFlush) {
		return scsi.Result{}
	}
	return d.flush(c)
}

// Values of POWER CONDITION (SBC-3 5.25). Of the conditions with modifiers there is the first of each: idle_a and
// standby_z. No timer brings them about.
const (
	powerActive    = 0x1
	powerIdle      = 0x2
	powerStandby   = 0x3
	powerLUControl = 0x7
)

// changePower puts the unit into a power condition. It saves nothing in idle or standby that it would spend otherwise; an
// initiator hears of it by REQUEST SENSE, and the first command for the medium ends it.
func (d *Disk) changePower(c *scsi.Command) scsi.Result {
	condition := c.Uint(powerCondition)
	known := condition <= powerStandby || condition == powerLUControl
	switch {
	case !known && d.removable:
		// libiscsi's test suite wants GOOD for all sixteen, and that the medium stays where it is.
		return scsi.Result{}
	case !known:
		return scsi.InvalidFieldInCDB.At(powerCondition)
	case c.Uint(powerModifier) != 0:
		return scsi.InvalidFieldInCDB.At(powerModifier)
	}
	if condition == powerStandby {
		if r := d.flushUnlessTold(c); !r.OK() {
			return r
		}
	}
	d.Set(scsi.Stopped, false)
	switch condition {
	case powerIdle:
		d.rest(scsi.IdleByCommand)
	case powerStandby:
		d.rest(scsi.StandbyByCommand)
	default: // the unit's own decision is to be active
		d.rest(active)
	}
	return scsi.Result{}
}

// active is the power condition that REQUEST SENSE does not speak of.
var active scsi.Result

// rest puts the unit into a power condition, named by what REQUEST SENSE says of it. A unit that is formatted or
// sanitized, or where that has failed, is in none: the gate is another's.
func (d *Disk) rest(condition scsi.Result) {
	d.changing.Lock()
	defer d.changing.Unlock()
	switch {
	case d.work != nil || d.broken != nil:
	case condition.OK():
		d.hold(nil, false)
	default:
		d.hold(d.resting(condition), true)
	}
}

// resting is the gate of a low power condition: it lets everything through, and ends with the first command that needs
// the medium running. TEST UNIT READY finds the unit ready, and leaves it as it is.
func (d *Disk) resting(condition scsi.Result) scsi.Gate {
	return func(op *scsi.Op) scsi.Result {
		switch {
		case op == nil:
			return condition
		case op.Flags&scsi.NeedsStart != 0 && op.Code != 0x00:
			d.wake()
		}
		return scsi.Result{}
	}
}

// wake ends a low power condition, if the unit is in one.
func (d *Disk) wake() {
	d.holding.Lock()
	defer d.holding.Unlock()
	if d.rests {
		d.rests = false
		d.Hold(nil)
	}
}

// hold sets the unit's gate; rests says that it is the one of a low power condition, which wake may take away.
func (d *Disk) hold(g scsi.Gate, rests bool) {
	d.holding.Lock()
	defer d.holding.Unlock()
	d.rests = rests
	d.Hold(g)
}
