package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	lba6    = scsi.Bits("LOGICAL BLOCK ADDRESS", 1, 4, 21)
	length6 = scsi.Bytes("TRANSFER LENGTH", 4, 1).Zero(256)
)

// reader is the handler of a READ command whose CDB has the fields lba, length and fua.
func (d *Disk) reader(lba, length, fua scsi.Field) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		e, r := d.transfer(c, lba, length)
		if !r.OK() || e.n == 0 {
			return r
		}
		if c.Is(fua) && d.writeCache.Load() {
			// SBC-3 4.15: with FUA the blocks come from the medium, after what the cache holds of them is there.
			if err := d.store.Flush(); err != nil {
				return d.failed(c, err, scsi.WriteError)
			}
		}
		n := d.bytes(e)
		if err := d.store.Readv(c.In(n, d.block), d.offset(e)); err != nil {
			return d.failed(c, err, scsi.UnrecoveredReadError)
		}
		return scsi.Result{}
	}
}

// writer is the handler of a WRITE command whose CDB has the fields lba, length and fua.
func (d *Disk) writer(lba, length, fua scsi.Field) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		e, r := d.transfer(c, lba, length)
		if !r.OK() {
			return r
		}
		data, r := c.Out(d.bytes(e))
		if !r.OK() || e.n == 0 {
			return r
		}
		if err := d.store.Writev(data, d.offset(e), c.Is(fua) || d.durable()); err != nil {
			return d.failed(c, err, scsi.WriteError)
		}
		return scsi.Result{}
	}
}

// transfer is the extent that c is to move: on the medium, and no more than one command may.
func (d *Disk) transfer(c *scsi.Command, lba, length scsi.Field) (extent, scsi.Result) {
	e := extent{c.Uint(lba), c.Uint(length)}
	if r := d.checkRange(e, lba); !r.OK() {
		return e, r
	}
	if e.n > d.maxBlocks {
		return e, scsi.InvalidFieldInCDB.At(length)
	}
	return e, scsi.Result{}
}
