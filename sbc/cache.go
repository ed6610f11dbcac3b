package sbc

import (
	"errors"
	"syscall"

	"github.com/tcmud/tcmud/scsi"
)

// applyCaching turns the write cache on or off. What it holds is durable before it is off: from then on each GOOD says
// so.
func (d *Disk) applyCaching(page []byte) scsi.Result {
	on := page[2]&wce != 0
	d.writeCache.Store(on)
	if on {
		return scsi.Result{}
	}
	if err := d.store.Flush(); err != nil {
		d.writeCache.Store(true)
		return d.failed(nil, err, scsi.WriteError)
	}
	return scsi.Result{}
}

// durable says that a write has to be on stable storage before it is answered.
func (d *Disk) durable() bool { return d.traits.Volatile && !d.writeCache.Load() }

var (
	immed1 = scsi.Bits("IMMED", 1, 1, 1).Hint("the status may always come after the work")
	// Of SBC-3, and what libiscsi sends.
	syncNV = scsi.Bits("SYNC_NV", 1, 2, 1).Hint("there is no non-volatile cache, which would do")
)

// synchronize is the handler of the SYNCHRONIZE CACHE commands. The whole store is flushed: no store knows which of its
// blocks are dirty.
func (d *Disk) synchronize(c *scsi.Command) scsi.Result { return d.flush(c) }

func (d *Disk) flush(c *scsi.Command) scsi.Result {
	if d.hurried(c) {
		return scsi.Later
	}
	if err := d.store.Flush(); err != nil {
		return d.failed(c, err, scsi.WriteError)
	}
	return scsi.Result{}
}

// failed reports an error of the store and says what the initiator hears of it: the sense that suits the error, or
// otherwise. That a command which is not to wait would have to is no error.
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
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return scsi.SpaceAllocationFailed
	case errors.Is(err, syscall.EROFS):
		return scsi.WriteProtected
	}
	return otherwise
}

// failedOn is failed, where the store could not read or write e. The INFORMATION field is the address of the block that
// it was: of one among many it is not known, and initiators take those before the address as done.
func (d *Disk) failedOn(c *scsi.Command, e extent, err error, otherwise scsi.Result) scsi.Result {
	r := d.failed(c, err, otherwise)
	if r.Key == scsi.MediumError && e.n == 1 {
		return r.WithInfo(e.lba)
	}
	return r
}
