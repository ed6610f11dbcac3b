package sbc

import (
	"bytes"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

var bytchk = scsi.Bits("BYTCHK", 1, 2, 2)

// BYTCHK values (SBC-3 5.29).
const (
	checkMedium  = 0 // the blocks can be read; no Data-Out
	compareAll   = 1 // they equal the Data-Out
	compareBlock = 3 // each of them equals the one block of Data-Out
)

// verifyPiece is how much of the medium is read at a time, a multiple of every block size.
const verifyPiece = 64 << 10

// verifyBuffers hold a piece of the medium and a piece of what it is compared with.
var verifyBuffers = sync.Pool{New: func() any { return new([2][verifyPiece]byte) }}

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
		want, r = c.Out(d.block)
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
	d.guard.share(e)
	defer d.guard.unshare(e)
	return d.compare(c, e, want)
}

// compare reads e piece by piece and compares it with want, which is empty, one block for each, or as long as e.
func (d *Disk) compare(c *scsi.Command, e extent, want scsi.Buffer) scsi.Result {
	buffers := verifyBuffers.Get().(*[2][verifyPiece]byte)
	defer verifyBuffers.Put(buffers)
	have, expect := buffers[0][:], buffers[1][:]
	whole := c.Uint(bytchk) == compareAll
	if c.Uint(bytchk) == compareBlock {
		for at := int64(0); at < verifyPiece; at += d.block {
			want.Read(expect[at:at+d.block], 0)
		}
	}
	for done, n := int64(0), d.bytes(e); done < n; done += verifyPiece {
		have := have[:min(verifyPiece, n-done)]
		if err := d.store.Readv([][]byte{have}, d.offset(e)+done); err != nil {
			return d.failed(c, err, scsi.UnrecoveredReadError)
		}
		if whole {
			want.Read(expect[:len(have)], done)
		}
		if want != nil && !bytes.Equal(have, expect[:len(have)]) {
			return scsi.MiscompareDuringVerify
		}
	}
	return scsi.Result{}
}
