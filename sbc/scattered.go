package sbc

import "github.com/tcmud/tcmud/scsi"

// Fields of WRITE SCATTERED (16).
var (
	dpoScattered = scsi.Bits("DPO", 2, 4, 1)
	fuaScattered = scsi.Bits("FUA", 2, 3, 1)
	dataOffset   = scsi.Bytes("LOGICAL BLOCK DATA OFFSET", 4, 2)
	rangeCount   = scsi.Bytes("NUMBER OF LBA RANGE DESCRIPTORS", 8, 2)
	bufferLength = scsi.Bytes("BUFFER TRANSFER LENGTH", 10, 4)
)

// maxScattered is MAXIMUM SCATTERED LBA RANGE DESCRIPTOR COUNT; a descriptor has rangeSize bytes, as the header before them.
const (
	maxScattered = 256
	rangeSize    = 32
)

// writeScattered writes many extents. The Data-Out is a list of them, padded to whole blocks, and then the blocks of one
// after the other. All descriptors are found good before the first has an effect.
func (d *Disk) writeScattered(c *scsi.Command) scsi.Result {
	n, offset, length := int64(c.Uint(rangeCount)), int64(c.Uint(dataOffset)), int64(c.Uint(bufferLength))
	switch {
	case n > maxScattered:
		return scsi.InvalidFieldInCDB.At(rangeCount)
	case uint64(length) > d.maxBlocks:
		return scsi.InvalidFieldInCDB.At(bufferLength)
	case n == 0 || length == 0: // SBC-4 5.55.1: nothing is transferred
		return scsi.Result{}
	case offset*d.block < rangeSize*(n+1):
		return scsi.InvalidFieldInCDB.At(dataOffset)
	}
	if c.Data.Len() == (offset+length)*d.block { // in drafts, which sg3_utils goes by, it is the length of the data alone
		length += offset
	}
	if _, r := c.Out(length * d.block); !r.OK() {
		return r
	}
	p := pieces.Get().(*piece)
	defer pieces.Put(p)
	ranges := p.data[:rangeSize*n]
	if !c.Param(ranges, rangeSize) { // it is not as long as its own list
		return scsi.ScatteredLengthError.At(bufferLength)
	}
	if r := d.checkRanges(ranges, uint64(length-offset)); !r.OK() {
		return r
	}
	return d.writeRanges(c, ranges, offset*d.block)
}

// checkRanges says what is wrong with a list of descriptors that are to have blocks of data between them.
func (d *Disk) checkRanges(ranges []byte, blocks uint64) scsi.Result {
	var total uint64
	for at := 0; at < len(ranges); at += rangeSize {
		e := extentIn(ranges[at:])
		if !d.Holds(e.lba, e.n) {
			return scsi.LBAOutOfRange.AtParam(rangeSize + at)
		}
		total += e.n
	}
	if total != blocks {
		return scsi.ScatteredLengthError.At(bufferLength)
	}
	return scsi.Result{}
}

// writeRanges writes the data of each descriptor, which begins in the Data-Out at from.
func (d *Disk) writeRanges(c *scsi.Command, ranges []byte, from int64) scsi.Result {
	durable := c.Is(fuaScattered) || d.durable()
	for at := 0; at < len(ranges); at += rangeSize {
		e := extentIn(ranges[at:])
		if e.n == 0 {
			continue
		}
		if c.WasAborted() { // SBC-4 4.35.3: which of them have been written is not known
			return scsi.Aborted
		}
		d.share(c, e)
		err := d.store.Writev(c.Part(from, d.bytes(e)), d.offset(e), durable)
		d.unshare(c, e)
		if err != nil { // SBC-4 4.35.3: the INFORMATION field is the number of the descriptor, from 1 on
			return d.failed(c, err, scsi.WriteError).WithInfo(uint64(at/rangeSize) + 1)
		}
		from += d.bytes(e)
	}
	return scsi.Result{}
}
