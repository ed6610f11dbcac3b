package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

const (
	sanitizeCode scsi.Opcode = 0x48
	// maxOverwrites is the most that OVERWRITE COUNT can say.
	maxOverwrites = 31
)

var (
	immed7       = scsi.Bits("IMMED", 1, 7, 1)
	ause         = scsi.Bits("AUSE", 1, 5, 1)
	listSanitize = scsi.Bytes("PARAMETER LIST LENGTH", 7, 2)
)

// overwrite is SANITIZE, OVERWRITE: a pattern is written over all blocks, as many times as the parameter list says.
func (d *Disk) overwrite(c *scsi.Command) scsi.Result {
	const head = 4
	length := int64(c.Uint(listSanitize))
	if length <= head || length > head+d.block { // SBC-4, OVERWRITE service action
		return scsi.InvalidFieldInCDB.At(listSanitize)
	}
	p := make([]byte, length) // at most a block and a header
	c.Param(p, 0)
	passes, size := p[0]&0x1f, int64(binary.BigEndian.Uint16(p[2:]))
	switch {
	case p[0]&0x60 != 0: // TEST: vendor specific
		return scsi.InvalidFieldInParameterList.AtParamBit(0, 6)
	case passes == 0: // OVERWRITE COUNT
		return scsi.InvalidFieldInParameterList.AtParamBit(0, 4)
	case p[1] != 0:
		return scsi.InvalidFieldInParameterList.AtParam(1)
	case size == 0 || size > d.block || size != length-head: // INITIALIZATION PATTERN LENGTH
		return scsi.InvalidFieldInParameterList.AtParam(2)
	}
	return d.begin(c, job{
		Sanitize: true, Unrestricted: c.Is(ause), Method: overwriting,
		Pattern: p[head:], Invert: p[0]&0x80 != 0, Passes: int64(passes),
	}, c.Is(immed7))
}

// erase is SANITIZE, BLOCK ERASE and CRYPTOGRAPHIC ERASE: all blocks are deallocated, and read as zeros. There is no key to
// change that would make data unreadable, so the latter does the same, which is more than it would have to.
func (d *Disk) erase(c *scsi.Command) scsi.Result {
	return d.begin(c, job{Sanitize: true, Unrestricted: c.Is(ause), Method: freeing, Passes: 1}, c.Is(immed7))
}

// exitFailure is SANITIZE, EXIT FAILURE MODE: the medium can be used again though it was not sanitized, if the command
// that has failed allowed it.
func (d *Disk) exitFailure(c *scsi.Command) scsi.Result {
	d.changing.Lock()
	defer d.changing.Unlock()
	switch {
	case d.broken == nil || !d.broken.Sanitize:
		return scsi.Result{}
	case !d.broken.Unrestricted:
		return scsi.SanitizeCommandFailed
	}
	if r := d.keep(c, nil); !r.OK() {
		return r
	}
	d.broken = nil
	d.hold(nil, false)
	return scsi.Result{}
}
