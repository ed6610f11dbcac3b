package sbc

import (
	"bytes"
	"errors"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// pieceSize is how much of the medium is in memory of our own at a time, a multiple of every block size.
const pieceSize = 64 << 10

// piece is that memory: what the medium holds, what the initiator sent, and an iovec for the store.
type piece struct {
	medium, data [pieceSize]byte
	iov          [1][]byte
}

var pieces = sync.Pool{New: func() any { return new(piece) }}

// errWithdrawn ends what is done in pieces for a command that has been aborted.
var errWithdrawn = errors.New("the command has been aborted")

// read fills p with n bytes of the medium from off on, and returns them.
func (d *Disk) read(p *piece, off, n int64) ([]byte, error) {
	p.iov[0] = p.medium[:n]
	return p.iov[0], d.store.Readv(p.iov[:], off)
}

// write puts data, a part of p, on the medium.
func (d *Disk) write(p *piece, data []byte, off int64, durable bool) error {
	p.iov[0] = data
	return d.store.Writev(p.iov[:], off, durable)
}

// fill repeats the one block in data over all of p and returns it.
func (p *piece) fill(data scsi.Buffer, block int64) []byte {
	data.Read(p.data[:block], 0)
	for n := block; n < pieceSize; n *= 2 {
		copy(p.data[n:], p.data[:n])
	}
	return p.data[:]
}

// difference is the offset in bytes of the first byte of e that is not as in want, -1 if there is none. Of want the first
// bytes count, as many as e has; where it is one block, each block of e is compared with it; where it is nil, there is
// nothing but to read e. It ends early when c is aborted.
func (d *Disk) difference(c *scsi.Command, e extent, want scsi.Buffer) (at int64, err error) {
	p := pieces.Get().(*piece)
	defer pieces.Put(p)
	expect, same := p.data[:], want.Len() == d.block
	if same {
		expect = p.fill(want, d.block)
	}
	for done, n := int64(0), d.bytes(e); done < n; done += pieceSize {
		if c.WasAborted() {
			return -1, errWithdrawn
		}
		have, err := d.read(p, d.offset(e)+done, min(pieceSize, n-done))
		if err != nil {
			return -1, err
		}
		if want == nil {
			continue
		}
		if !same {
			want.Read(expect[:len(have)], done)
		}
		if i := differ(have, expect); i >= 0 {
			return done + int64(i), nil
		}
	}
	return -1, nil
}

// differ is the index of the first byte of a that b, which is as long at least, does not have too; -1 if there is none.
func differ(a, b []byte) int {
	if bytes.Equal(a, b[:len(a)]) { // at the speed of memory
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
