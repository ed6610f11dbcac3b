package sbc

import (
	"errors"
	"syscall"

	"github.com/tcmud/tcmud/scsi"
)

var (
	lba6    = scsi.Bits("LOGICAL BLOCK ADDRESS", 1, 4, 21)
	length6 = scsi.Bytes("TRANSFER LENGTH", 4, 1).Zero(256)
)

// reader is the handler of a READ command whose CDB has the field fua.
func (d *Disk) reader(fua scsi.Field) func(*scsi.Command) scsi.Result {
	forced := fua.Reader()
	return func(c *scsi.Command) (r scsi.Result) {
		e, r := d.transfer(c)
		if !r.OK() || e.n == 0 {
			return r
		}
		if r := d.settle(c, forced.Uint(c.CDB) != 0); !r.OK() {
			return r
		}
		locks := locksOf(e)
		if !d.enter(c, locks) {
			return scsi.Later
		}
		defer func() { d.leave(c, locks, r) }()
		data := c.In(d.bytes(e), d.block)
		switch err := d.readv(c, data, d.offset(e)); err {
		case nil:
			return scsi.Result{}
		case errPending:
			return scsi.Pending
		default:
			e := extent{e.lba, min(e.n, uint64(data.Len()/d.block))} // what the initiator has room for
			return d.failedAt(c, e, err, scsi.UnrecoveredReadError, func(part extent) error {
				return d.store.Readv(d.part(data, e, part), d.offset(part))
			})
		}
	}
}

// enter has c share the extent with those locks, if it need not wait for that, or may; who is resumed still does.
func (d *Disk) enter(c *scsi.Command, locks uint64) bool {
	_, resumed := c.Resumed()
	return resumed || d.lane(c).guard.enter(locks, c.AtOnce)
}

// leave undoes enter, unless r says that c is to be resumed.
func (d *Disk) leave(c *scsi.Command, locks uint64, r scsi.Result) {
	_, resumed := c.Resumed()
	if r.IsPending() || resumed && r.IsLater() {
		return
	}
	d.lane(c).guard.unlock(locks)
}

// errPending is the error of I/O that an Engine has begun.
var errPending = errors.New("it is pending")

// part is what of the data of e is that of a part of e.
func (d *Disk) part(data scsi.Buffer, e, part extent) scsi.Buffer {
	return data.Slice(d.bytes(extent{n: part.lba - e.lba}), d.bytes(part))
}

// hurried says whether c must not wait, and the store might make it.
func (d *Disk) hurried(c *scsi.Command) bool { return c.AtOnce && d.traits.Blocking }

// readv reads for c. Where c is hurried and would have to wait, an Engine reads, and the error is errPending; or EAGAIN.
func (d *Disk) readv(c *scsi.Command, iov scsi.Buffer, off int64) error {
	whole, resumed := c.Resumed()
	if resumed && c.AtOnce {
		d.store.ReadvByEnded(iov, off)
	}
	switch {
	case whole:
		return nil
	case !d.hurried(c):
		return d.store.Readv(iov, off)
	case resumed:
		return syscall.EAGAIN
	}
	err := d.store.ReadvAtOnce(iov, off)
	if errors.Is(err, syscall.EAGAIN) && d.store.ReadvBy(c.Engine, iov, off) {
		return errPending
	}
	return err
}

// transfer is the extent that c is to move, no more than one command may.
func (d *Disk) transfer(c *scsi.Command) (extent, scsi.Result) {
	e := extentOf(c)
	if e.n > d.maxBlocks {
		return e, tooMany(c)
	}
	return e, scsi.Result{}
}

func tooMany(c *scsi.Command) scsi.Result { return scsi.InvalidFieldInCDB.At(c.Op().Extent.Blocks) }

// settle is for a command that reads: with FUA the blocks come from the medium, after what the cache holds of them is
// there (SBC-3 4.15).
func (d *Disk) settle(c *scsi.Command, fua bool) scsi.Result {
	if _, resumed := c.Resumed(); fua && d.writeCache.Load() && !resumed {
		return d.flush(c)
	}
	return scsi.Result{}
}
