package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	lba6    = scsi.Bits("LOGICAL BLOCK ADDRESS", 1, 4, 21)
	length6 = scsi.Bytes("TRANSFER LENGTH", 4, 1).Zero(256)
)

// reader is the handler of a READ command whose CDB has the field fua.
func (d *Disk) reader(fua scsi.Field) func(*scsi.Command) scsi.Result {
	forced := fua.Reader()
	return func(c *scsi.Command) scsi.Result {
		e, r := d.transfer(c)
		if !r.OK() || e.n == 0 {
			return r
		}
		if r := d.settle(c, forced.Uint(c.CDB) != 0); !r.OK() {
			return r
		}
		g, locks := &d.lane(c).guard, locksOf(e)
		if !g.enter(locks, c.AtOnce) {
			return scsi.Later
		}
		defer g.unlock(locks)
		n := d.bytes(e)
		if err := d.readv(c, c.In(n, d.block), d.offset(e)); err != nil {
			return d.failedOn(c, e, err, scsi.UnrecoveredReadError)
		}
		return scsi.Result{}
	}
}

// hurried says whether c must not wait, and the store might make it.
func (d *Disk) hurried(c *scsi.Command) bool { return c.AtOnce && d.traits.Blocking }

// readv reads for c. Where c is hurried and would have to wait, the error is EAGAIN.
func (d *Disk) readv(c *scsi.Command, iov scsi.Buffer, off int64) error {
	if d.hurried(c) {
		return d.store.ReadvAtOnce(iov, off)
	}
	return d.store.Readv(iov, off)
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
	if fua && d.writeCache.Load() {
		return d.flush(c)
	}
	return scsi.Result{}
}
