package sbc

import (
	"errors"
	"syscall"
	"time"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
)

// faults is what the initiator hears of an error of the store, by its cause. Of a bad medium each command says itself what it
// could not do.
var faults = map[backend.Cause]scsi.Result{
	backend.NoSpace:   scsi.SpaceAllocationFailed,
	backend.Protected: scsi.WriteProtected,
	backend.Exhausted: {Status: scsi.Busy},
	backend.Broken:    scsi.InternalTargetFailure,
}

// failed reports an error of the store and says what the initiator hears of it: what suits its cause, or otherwise. That a
// command which is not to wait would have to is no error.
func (d *Disk) failed(c *scsi.Command, err error, otherwise scsi.Result) scsi.Result {
	switch {
	case err == errWithdrawn:
		return scsi.Aborted
	case c != nil && d.hurried(c) && errors.Is(err, syscall.EAGAIN):
		return scsi.Later
	}
	if d.report != nil {
		d.report(c, err)
	}
	cause := backend.CauseOf(err)
	if cause == backend.Unavailable {
		return d.Unavailable()
	}
	if r, ok := faults[cause]; ok {
		return r
	}
	return otherwise
}

// Unavailable is what commands end in that need a store that cannot be reached. The unit is "becoming ready": Linux, Windows and
// ESXi then ask again for minutes, and lose nothing if it comes back.
func (d *Disk) Unavailable() scsi.Result {
	if d.attributes.Load().FailFast {
		return scsi.LogicalUnitNotReadyManual // which nobody waits for, and which sends multipath to another path
	}
	return scsi.LogicalUnitBecomingReady
}

// SetAway says whether the store is known not to answer: as long as it does not, commands that need the medium end at once, as
// Unavailable has it.
func (d *Disk) SetAway(away bool) {
	lost := d.Unavailable() == scsi.LogicalUnitNotReadyManual
	d.Set(scsi.Lost, away && lost)
	d.Set(scsi.Away, away && !lost)
}

// failedOn is failed, where the store could not read or write e. The INFORMATION field is the address of the block that
// it was: of one among many it is not known, and initiators take those before the address as done.
func (d *Disk) failedOn(c *scsi.Command, e extent, err error, otherwise scsi.Result) scsi.Result {
	return d.failedAt(c, e, err, otherwise, nil)
}

// failedAt is failedOn for a command that has moved e in one, and by move can do so with parts of e: where the medium is bad,
// it moves e up to the first block that cannot be, which the INFORMATION field then names. What move can do after all
// ends well.
func (d *Disk) failedAt(c *scsi.Command, e extent, err error, otherwise scsi.Result, move func(extent) error) scsi.Result {
	switch {
	case err == errWithdrawn || backend.CauseOf(err) != backend.BadMedium || e.n > 1 && move == nil:
		return d.failed(c, err, otherwise)
	case e.n == 1:
		return d.failed(c, err, otherwise).WithInfo(e.lba)
	case d.hurried(c):
		return scsi.Later
	}
	r := d.failed(c, err, otherwise)
	switch good, found := locate(c, e, move); {
	case !found:
		return r
	case good == e.n:
		return scsi.Result{}
	default:
		return c.Short(r.WithInfo(e.lba+good), d.bytes(extent{n: good}))
	}
}

// locating bounds how long a bad block is looked for: a drive may take seconds to give up on it, each time.
const locating = 2 * time.Second

// locate moves e again, in parts that it halves as long as they cannot be moved, and returns how many blocks come before the
// first that cannot; found is false if that took too long, or c has been aborted.
func locate(c *scsi.Command, e extent, move func(extent) error) (good uint64, found bool) {
	began := time.Now()
	for part := (e.n + 1) / 2; good < e.n; {
		if time.Since(began) > locating || c.WasAborted() {
			return 0, false
		}
		part = min(part, e.n-good)
		switch err := move(extent{e.lba + good, part}); {
		case err == nil:
			good += part
		case part == 1:
			return good, true
		default:
			part = (part + 1) / 2
		}
	}
	return good, true
}
