package sbc

import (
	"bytes"

	"github.com/tcmud/tcmud/scsi"
)

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
		var block []byte // nil: zeros
		if !c.Is(ndob) {
			data, r := c.Out(d.block)
			if !r.OK() {
				return r
			}
			block = make([]byte, d.block)
			data.Read(block, 0)
		} else if _, r := c.Out(0); !r.OK() {
			return r
		}
		return d.writeSame(c, e, block)
	}
}

// writeSame writes block to each block of e. Only zeros can be unmapped: LBPRZ promises that they read as zeros, and data
// that an unmapped block would not read as is written in spite of UNMAP (SBC-4 4.7.3.4.4).
func (d *Disk) writeSame(c *scsi.Command, e extent, block []byte) scsi.Result {
	if e.n == 0 {
		return scsi.Result{}
	}
	d.guard.share(e)
	defer d.guard.unshare(e)
	zeros := isZero(block)
	switch {
	case zeros && d.thin && c.Is(unmapBit):
		return d.discard(c, e)
	case zeros:
		if err := d.store.Zero(d.offset(e), d.bytes(e), d.durable()); err != nil {
			return d.failed(c, err, scsi.WriteError)
		}
		return scsi.Result{}
	}
	const piece = 64 << 10
	chunk := bytes.Repeat(block, piece/len(block))
	for off, end := d.offset(e), d.offset(e)+d.bytes(e); off < end; off += piece {
		p := chunk[:min(piece, end-off)]
		if err := d.store.Writev([][]byte{p}, off, false); err != nil {
			return d.failed(c, err, scsi.WriteError)
		}
	}
	if d.durable() {
		return d.flush(c)
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
