package sbc

import "github.com/tcmud/tcmud/scsi"

// writeAndVerify is the handler of the WRITE AND VERIFY commands: the blocks are durable before they are read again.
// Nobody else writes in between, which would be a miscompare that is none.
func (d *Disk) writeAndVerify(c *scsi.Command) scsi.Result {
	check := c.Uint(bytchk)
	if check > compareAll { // SBC-4 5.44: all other values are reserved
		return scsi.InvalidFieldInCDB.At(bytchk)
	}
	e, data, r := d.receive(c)
	if !r.OK() || e.n == 0 {
		return r
	}
	d.own(e)
	defer d.disown(e)
	if err := d.store.Writev(data, d.offset(e), true); err != nil {
		return d.failedOn(c, e, err, scsi.WriteError)
	}
	if check == checkMedium {
		data = nil
	}
	return d.compare(c, e, data)
}
