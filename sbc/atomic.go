package sbc

import "github.com/tcmud/tcmud/scsi"

// atomicLength is of two bytes, behind ATOMIC BOUNDARY, which is no field of ours: MAXIMUM ATOMIC BOUNDARY SIZE is 0, for
// one command is one atomic write.
var atomicLength = scsi.Bytes("TRANSFER LENGTH", 12, 2)

// maxAtomic is MAXIMUM ATOMIC TRANSFER LENGTH in blocks; 0: there are no atomic writes.
func (d *Disk) maxAtomic() uint64 { return min(uint64(d.store.MaxAtomic()/d.block), d.maxBlocks) }

// writeAtomic writes all blocks or none: the store sees to it that no crash, and the guard that no reader, meets half of
// them.
func (d *Disk) writeAtomic(c *scsi.Command) scsi.Result {
	e := extentOf(c)
	if e.n > d.maxAtomic() {
		return scsi.InvalidFieldInCDB.At(atomicLength)
	}
	data, r := c.Out(d.bytes(e))
	if !r.OK() || e.n == 0 {
		return r
	}
	d.own(e)
	defer d.disown(e)
	if err := d.store.WriteAtomic(data, d.offset(e), c.Is(fua) || d.durable()); err != nil {
		return d.failedOn(c, e, err, scsi.WriteError)
	}
	return scsi.Result{}
}
