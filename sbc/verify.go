package sbc

import "github.com/tcmud/tcmud/scsi"

var bytchk = scsi.Bits("BYTCHK", 1, 2, 2)

// BYTCHK values (SBC-3 5.29).
const (
	checkMedium  = 0 // the blocks can be read; no Data-Out
	compareAll   = 1 // they equal the Data-Out
	compareBlock = 3 // each of them equals the one block of Data-Out
)

// verify is the handler of the VERIFY commands.
func (d *Disk) verify(c *scsi.Command) scsi.Result {
	e, r := d.transfer(c)
	if !r.OK() {
		return r
	}
	var want scsi.Buffer
	switch c.Uint(bytchk) {
	case checkMedium:
		_, r = c.Out(0)
	case compareAll:
		want, r = c.Out(d.bytes(e))
	case compareBlock:
		want, r = c.Out(d.bytes(extent{e.lba, min(e.n, 1)}))
	default:
		r = scsi.InvalidFieldInCDB.At(bytchk)
	}
	if !r.OK() || e.n == 0 {
		return r
	}
	if d.writeCache.Load() { // SBC-3 5.29: it is the medium that is verified, so the cache goes there first
		if r := d.flush(c); !r.OK() {
			return r
		}
	}
	d.share(c, e)
	defer d.unshare(c, e)
	return d.compare(c, e, want)
}

// compare reads e and compares it with want, as difference does. The INFORMATION field is the address of the first block
// that differs (SBC-4 4.18).
func (d *Disk) compare(c *scsi.Command, e extent, want scsi.Buffer) scsi.Result {
	at, err := d.difference(c, e, want)
	switch {
	case err != nil && want == nil:
		return d.failedAt(c, e, err, scsi.UnrecoveredReadError, func(part extent) error {
			_, err := d.difference(c, part, nil)
			return err
		})
	case err != nil: // what comes before a block that cannot be read may differ
		return d.failedOn(c, e, err, scsi.UnrecoveredReadError)
	case at >= 0:
		return scsi.MiscompareDuringVerify.WithInfo(e.lba + uint64(at/d.block))
	}
	return scsi.Result{}
}
