package sbc

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcmud/tcmud/scsi"
)

const formatCode scsi.Opcode = 0x04

// FMTPINFO and FFMT are in no field: there is no protection information, and no way to format that would be faster.
var (
	longList     = scsi.Bits("LONGLIST", 1, 5, 1)
	fmtData      = scsi.Bits("FMTDATA", 1, 4, 1)
	cmpList      = scsi.Bits("CMPLST", 1, 3, 1)
	defectFormat = scsi.Bits("DEFECT LIST FORMAT", 1, 2, 3)
)

// Bits of byte 1 of the format parameter list header (SBC-3 5.3.2.2).
const (
	formatFOV     = 0x80
	formatOptions = 0x78 // DPRY, DCRT, STPF, IP: what FOV makes valid
	formatIP      = 0x08
	formatOld     = 0x05 // obsolete, and vendor specific
	formatImmed   = 0x02
)

// formatUnit makes all blocks what they are on a new disk: zeros, that take no space where that can be, or the pattern
// that is asked for. There are no defects, so the options on how to treat them change nothing.
func (d *Disk) formatUnit(c *scsi.Command) scsi.Result {
	j := job{Method: zeroing, Passes: 1}
	if d.thin {
		j.Method = freeing
	}
	switch list := c.Uint(defectFormat); {
	case !c.Is(fmtData) && c.Is(cmpList):
		return scsi.InvalidFieldInCDB.At(cmpList)
	case list != 0 && (list != 3 || !c.Is(fmtData)): // short block and long block format
		return scsi.InvalidFieldInCDB.At(defectFormat)
	case !c.Is(fmtData):
		return d.begin(c, j, false)
	}
	immed, r := d.formatParameters(c, &j)
	if !r.OK() {
		return r
	}
	return d.begin(c, j, immed)
}

// formatParameters reads the parameter list, and puts the initialization pattern into j.
func (d *Disk) formatParameters(c *scsi.Command, j *job) (immed bool, r scsi.Result) {
	var p [8]byte
	head, list := 4, 2
	if c.Is(longList) {
		head, list = 8, 4
	}
	if !c.Param(p[:head], 0) {
		return false, scsi.ParameterListLengthError
	}
	defects := uint32(binary.BigEndian.Uint16(p[2:]))
	if c.Is(longList) {
		defects = binary.BigEndian.Uint32(p[4:])
	}
	bad := scsi.InvalidFieldInParameterList
	switch flags := p[1]; {
	case p[0] != 0: // PROTECTION FIELD USAGE
		return false, bad.AtParam(0)
	case flags&formatOld != 0:
		return false, bad.AtParamBit(1, highest(flags&formatOld))
	case flags&formatFOV == 0 && flags&formatOptions != 0: // SBC-3 5.3.2.2
		return false, bad.AtParamBit(1, highest(flags&formatOptions))
	case c.Is(longList) && p[2] != 0:
		return false, bad.AtParam(2)
	case c.Is(longList) && p[3] != 0: // P_I_INFORMATION, PROTECTION INTERVAL EXPONENT
		return false, bad.AtParam(3)
	case defects != 0: // there is nothing that could be set aside
		return false, bad.AtParam(list)
	case flags&formatIP != 0:
		r = d.formatPattern(c, head, j)
	}
	return p[1]&formatImmed != 0, r
}

// formatPattern reads the initialization pattern descriptor (SBC-3 5.3.2.3) at byte at of the parameter list.
func (d *Disk) formatPattern(c *scsi.Command, at int, j *job) scsi.Result {
	var p [4]byte
	if !c.Param(p[:], int64(at)) {
		return scsi.ParameterListLengthError
	}
	size := int64(binary.BigEndian.Uint16(p[2:]))
	bad := scsi.InvalidFieldInParameterList
	switch kind := p[1]; {
	case p[0] != 0: // SI among them: nobody knows where else a store has kept its blocks
		return bad.AtParamBit(at, highest(p[0]))
	case kind > 1:
		return bad.AtParam(at + 1)
	case kind == 0 && size != 0, kind == 1 && (size == 0 || size > d.block):
		return bad.AtParam(at + 2)
	case kind == 0: // the default pattern: zeros
		return scsi.Result{}
	}
	j.Method, j.Pattern = overwriting, make([]byte, size)
	if !c.Param(j.Pattern, int64(at+len(p))) {
		return scsi.ParameterListLengthError
	}
	return scsi.Result{}
}

// highest is the number of the highest bit set in b, which has one.
func highest(b byte) int { return bits.Len8(b) - 1 }
