package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

var listIDToken = scsi.Bytes("LIST IDENTIFIER", 6, 4)

// populateToken makes a ROD token of blocks (SBC-3 5.8). It is at once what it will be, so that IMMED changes nothing, and
// fetched by RECEIVE ROD TOKEN INFORMATION.
func (d *Disk) populateToken(c *scsi.Command) scsi.Result {
	if c.Uint(listCopy) == 0 { // no data, not an error
		return scsi.Result{}
	}
	p, l, r := d.readRanges(c, populateHeader)
	if !r.OK() {
		return r
	}
	timeout, ok := inactivity(binary.BigEndian.Uint32(p[4:]))
	switch rtv := p[2]&2 != 0; {
	case !ok:
		return scsi.InvalidFieldInParameterList.AtParam(4)
	case rtv && binary.BigEndian.Uint32(p[8:]) != rodChangeVulnerable:
		return scsi.InvalidFieldInParameterList.AtParam(8)
	}
	o := &operation{action: actionOf(c), nexus: c.Nexus, id: uint32(c.Uint(listIDToken))}
	return d.copying.operations.run(c, o, func(*scsi.Command) scsi.Result {
		t := newToken(d, l, timeout)
		if r := d.copying.manager.tokens.add(t); !r.OK() {
			return r
		}
		o.made(t)
		return scsi.Result{}
	})
}

// made notes the token that the operation was to make.
func (o *operation) made(t *token) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = t
	o.bytes = int64(t.blocks) * t.source.block
}

// writeUsingToken writes the blocks of a ROD token, of whichever disk of the copy manager (SBC-3 5.46).
func (d *Disk) writeUsingToken(c *scsi.Command) scsi.Result {
	if c.Uint(listCopy) == 0 { // no data, not an error
		return scsi.Result{}
	}
	p, to, r := d.readRanges(c, writeHeader)
	if !r.OK() {
		return r
	}
	var bytes [tokenLength]byte
	copy(bytes[:], p[16:])
	o := &operation{action: actionOf(c), nexus: c.Nexus, id: uint32(c.Uint(listIDToken)), immed: p[2]&1 != 0}
	if binary.BigEndian.Uint32(bytes[0:]) == rodZero {
		return d.writeZeros(c, o, &bytes, to)
	}
	for _, e := range to.ranges {
		d.changes(e) // also where they are those of the token
	}
	tokens := &d.copying.manager.tokens
	t, r := tokens.use(&bytes)
	if !r.OK() {
		return r
	}
	deleted := p[2]&2 != 0
	moves, r := d.movesOf(t, binary.BigEndian.Uint64(p[8:]), to)
	if r.OK() {
		r = t.source.allowsAll(d, o.nexus, moves)
	}
	if !r.OK() {
		tokens.unuse(t, false)
		return r
	}
	return d.copying.operations.run(c, o, func(c *scsi.Command) scsi.Result {
		defer tokens.unuse(t, deleted)
		for _, m := range moves {
			if r := o.copy(c, m); !r.OK() {
				return r
			}
		}
		return scsi.Result{}
	})
}

// allowsAll is allows for reading what is to be copied; what is wrong with another disk is COPY ABORTED.
func (d *Disk) allowsAll(own *Disk, n *scsi.Nexus, moves []move) scsi.Result {
	for _, m := range moves {
		if r := d.allows(own, n, read16, m.from); !r.OK() {
			return copyAborted(r)
		}
	}
	return scsi.Result{}
}

// movesOf are the copies that write to with the blocks of t from block offset on: OFFSET INTO ROD.
func (d *Disk) movesOf(t *token, offset uint64, to rangeList) ([]move, scsi.Result) {
	switch {
	case t.source.block != d.block:
		return nil, scsi.InvalidTokenOperation
	case offset > t.blocks:
		return nil, scsi.InvalidFieldInParameterList.AtParam(8)
	case to.blocks > t.blocks-offset:
		return nil, scsi.InvalidFieldInParameterList.AtParam(writeHeader - 2)
	}
	good := func() scsi.Result { return d.copying.manager.tokens.good(t) }
	var moves []move
	for _, e := range to.ranges {
		for _, from := range (rangeList{ranges: t.ranges}).cut(offset, e.n) {
			moves = append(moves, move{src: t.source, dst: d, from: from, to: extent{e.lba, from.n}, good: good})
			e.lba += from.n
			offset += from.n
		}
	}
	return moves, scsi.Result{}
}

// writeZeros writes what the block device zero ROD token stands for, and frees the space where that reads as zeros.
func (d *Disk) writeZeros(c *scsi.Command, o *operation, bytes *[tokenLength]byte, to rangeList) scsi.Result {
	if binary.BigEndian.Uint16(bytes[6:]) != tokenLength-8 {
		return scsi.InvalidTokenLength
	}
	return d.copying.operations.run(c, o, func(c *scsi.Command) scsi.Result {
		for _, e := range to.ranges {
			if r := d.writeZerosTo(c, o, e); !r.OK() {
				return r
			}
		}
		return scsi.Result{}
	})
}

func (d *Disk) writeZerosTo(c *scsi.Command, o *operation, e extent) scsi.Result {
	for piece := uint64(copyPiece / d.block); e.n > 0; {
		k := extent{e.lba, min(e.n, piece)}
		if o.stopped() {
			return scsi.Check(scsi.CopyAborted, 0)
		}
		if r := d.zeroPiece(c, k); !r.OK() {
			return r
		}
		o.advance(d.bytes(k))
		e = extent{e.lba + k.n, e.n - k.n}
	}
	return scsi.Result{}
}

func (d *Disk) zeroPiece(c *scsi.Command, e extent) scsi.Result {
	if !hold(d, d, e, e) {
		return scsi.CopyTargetDeviceNotReachable
	}
	defer release(d, d, e, e)
	d.changes(e)
	defer d.changes(e)
	if d.thin {
		return d.discard(c, e)
	}
	if err := d.store.Zero(d.offset(e), d.bytes(e), d.durable()); err != nil {
		return d.failed(c, err, scsi.WriteError)
	}
	return scsi.Result{}
}
