package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	unmapBit = scsi.Bits("UNMAP", 1, 3, 1)
	ndob     = scsi.Bits("NDOB", 1, 0, 1)
)

// writeSamer is the handler of a WRITE SAME command whose CDB has the field ndob. ANCHOR is in no CDB of ours (ANC_SUP is
// 0), and UNMAP only where the store frees space.
func (d *Disk) writeSamer(ndob scsi.Field) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		e := extentOf(c)
		if blocks := d.Blocks(); e.n == 0 && e.lba < blocks { // SBC-3 5.43, with WSNZ 0: to the end of the medium
			e.n = blocks - e.lba
		}
		if e.n > uint64(d.attributes.Load().MaxWriteSame) {
			return scsi.InvalidFieldInCDB.At(c.Op().Extent.Blocks)
		}
		size := d.block
		if c.Is(ndob) {
			size = 0
		}
		data, r := c.Out(size)
		if !r.OK() || e.n == 0 {
			return r
		}
		return d.writeSame(c, e, data)
	}
}

// writeSame writes the block in data, or zeros where there is none, to each block of e. With UNMAP it is an unmap request,
// and the blocks read as zeros afterwards, whatever the data is. SBC-4 4.7.3.4.4 would have other data written, but those
// who set UNMAP count on zeros, as they get them from LIO and from scsi_debug (and libiscsi's test suite fails a disk that
// has them not). Zeros that are not to be unmapped keep their space, or get it.
func (d *Disk) writeSame(c *scsi.Command, e extent, data scsi.Buffer) scsi.Result {
	p := pieces.Get().(*piece)
	defer pieces.Put(p)
	clear(p.data[:d.block])
	same := p.fill(data, d.block)
	d.share(c, e)
	defer d.unshare(c, e)
	switch {
	case c.Is(unmapBit):
		return d.discard(c, e)
	case isZero(same[:d.block]):
		return d.inPieces(c, e, zeroPiece, func(off, n int64) error { return d.store.Zero(off, n, d.durable()) })
	}
	r := d.inPieces(c, e, pieceSize, func(off, n int64) error { return d.write(p, same[:n], off, false) })
	if r.OK() && d.durable() {
		return d.flush(c)
	}
	return r
}

// inPieces writes e by calls of f for no more than size bytes each, unless c is aborted meanwhile.
func (d *Disk) inPieces(c *scsi.Command, e extent, size int64, f func(off, n int64) error) scsi.Result {
	for off, end := d.offset(e), d.offset(e)+d.bytes(e); off < end; off += size {
		err := errWithdrawn
		if !c.WasAborted() {
			err = f(off, min(size, end-off))
		}
		if err != nil {
			return d.failedOn(c, e, err, scsi.WriteError)
		}
	}
	return scsi.Result{}
}

func isZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
