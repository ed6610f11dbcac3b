package sbc

import "github.com/tcmud/tcmud/scsi"

var compareBlocks = scsi.Bytes("NUMBER OF LOGICAL BLOCKS", 13, 1)

// maxCompare is MAXIMUM COMPARE AND WRITE LENGTH: as many blocks as the CDB can say, if one command may move as many.
func (d *Disk) maxCompare() byte { return byte(min(d.maxBlocks, 0xff)) }

// compareAndWrite compares the medium with the first half of the Data-Out and, if they are equal, writes the second half.
// No other command on these blocks comes between, of whatever initiator.
func (d *Disk) compareAndWrite(c *scsi.Command) scsi.Result {
	e, r := d.transfer(c)
	if !r.OK() {
		return r
	}
	n := d.bytes(e)
	data, r := c.Out(2 * n)
	if !r.OK() || e.n == 0 {
		return r
	}
	if r := d.settle(c, c.Is(fua)); !r.OK() {
		return r
	}
	d.own(e)
	defer d.disown(e)
	at, err := d.difference(c, e, data)
	switch {
	case err != nil:
		return d.failedOn(c, e, err, scsi.UnrecoveredReadError)
	case at >= 0: // SBC-4 5.3: the INFORMATION field is the offset in the Data-Out
		return scsi.MiscompareDuringVerify.WithInfo(uint64(at))
	}
	if err := d.store.Writev(c.Part(n, n), d.offset(e), c.Is(fua) || d.durable()); err != nil {
		return d.failedOn(c, e, err, scsi.WriteError)
	}
	return scsi.Result{}
}
