package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

// Limits of one EXTENDED COPY, reported in VPD page 8Fh and by RECEIVE COPY OPERATING PARAMETERS.
const (
	maxTargets       = 16
	maxSegments      = 64
	maxDescriptors   = maxTargets*cscdLength + maxSegments*32 // bytes of both lists
	maxSegmentLength = 256 << 20                              // bytes
)

// CSCD descriptors, and IDs of what needs none (SPC-4 6.4.5 and table 119).
const (
	cscdLength         = 32
	cscdIdentification = 0xe4
	maxDesignator      = 20     // bytes
	ownCSCD            = 0xffff // the logical unit that the command was sent to
)

// Segment descriptors (SPC-4 6.4.6), and how many bytes they have.
const (
	blockToBlock       = 0x02
	blockToBlockOffset = 0x0a
)

var segmentLengths = map[byte]int{blockToBlock: 28, blockToBlockOffset: 32}

// LIST ID USAGE (SPC-4 6.4.3.2).
const (
	usageHold    = 0 // the outcome is held for RECEIVE COPY STATUS and its like
	usageDiscard = 2
	usageNone    = 3 // there is no list identifier
)

// copyList is a parameter list of EXTENDED COPY that has been found well-formed.
type copyList struct {
	id       uint32
	usage    byte
	immed    bool
	targets  []cscd
	segments []segment
}

// cscd is a CSCD descriptor: identification descriptor.
type cscd struct {
	at         int // offset in the parameter list
	designator []byte
	device     byte   // PERIPHERAL DEVICE TYPE
	block      uint32 // DISK BLOCK LENGTH, 0: not said
}

// segment is a segment descriptor of either type.
type segment struct {
	at       int // offset in the parameter list
	offset   bool
	fast, dc bool   // FCO; DC: n counts blocks of the destination
	from, to uint16 // CSCD descriptor IDs
	n        uint64 // blocks, or bytes where offset is set
	fromLBA  uint64
	toLBA    uint64
	fromByte uint16 // byte offset within the block
	toByte   uint16
}

// copyHeader is the header of a parameter list.
type copyHeader struct {
	id                        uint32
	usage                     byte
	immed                     bool
	targets, segments, inline uint64 // lengths in bytes
}

// copyFormat is one of the two formats of a parameter list.
type copyFormat struct {
	length    int // of the header
	targetsAt int // where CSCD DESCRIPTOR LIST LENGTH is
	parse     func(p []byte) (copyHeader, scsi.Result)
}

// The formats of EXTENDED COPY (LID1) and (LID4) (SPC-4 6.4.3 and 6.5.3).
var (
	formatLID1 = copyFormat{16, 2, parseLID1}
	formatLID4 = copyFormat{48, 42, parseLID4}
)

// parseLID1 refuses what has no meaning. STR and PRIORITY leave it to us how we proceed: one segment after the other.
func parseLID1(p []byte) (copyHeader, scsi.Result) {
	be := binary.BigEndian
	h := copyHeader{
		id: uint32(p[0]), usage: p[1] >> 3 & 3,
		targets: uint64(be.Uint16(p[2:])), segments: uint64(be.Uint32(p[8:])), inline: uint64(be.Uint32(p[12:])),
	}
	return h, h.checkID(0)
}

// parseLID4 is parseLID1 for the longer header. G_SENSE asks for sense data with GOOD, which no transport of ours carries.
func parseLID4(p []byte) (copyHeader, scsi.Result) {
	be := binary.BigEndian
	h := copyHeader{
		id: be.Uint32(p[20:]), usage: p[1] >> 3 & 3, immed: p[15]&1 != 0,
		targets: uint64(be.Uint16(p[42:])), segments: uint64(be.Uint16(p[44:])), inline: uint64(be.Uint16(p[46:])),
	}
	switch {
	case p[0] != 1: // PARAMETER LIST FORMAT
		return h, scsi.InvalidFieldInParameterList.AtParam(0)
	case be.Uint16(p[2:]) != 0x20: // HEADER CSCD DESCRIPTOR LIST LENGTH
		return h, scsi.InvalidFieldInParameterList.AtParam(2)
	case p[15]&2 != 0: // G_SENSE
		return h, scsi.InvalidFieldInParameterList.AtParamBit(15, 1)
	case p[16] != 0xff: // HEADER CSCD DESCRIPTOR TYPE CODE
		return h, scsi.InvalidFieldInParameterList.AtParam(16)
	case h.immed && h.usage == usageNone: // nobody could ask what came of it
		return h, scsi.InvalidFieldInParameterList.AtParamBit(1, 4)
	}
	return h, h.checkID(20)
}

// checkID checks LIST ID USAGE and the LIST IDENTIFIER, which is at byte at.
func (h copyHeader) checkID(at int) scsi.Result {
	switch {
	case h.usage == 1: // reserved
		return scsi.InvalidFieldInParameterList.AtParamBit(1, 4)
	case h.usage == usageNone && h.id != 0:
		return scsi.InvalidFieldInParameterList.AtParam(at)
	}
	return scsi.Result{}
}

var listCopy = scsi.Bytes("PARAMETER LIST LENGTH", 10, 4)

// readCopyList copies the parameter list out of the initiator's memory and checks all of it that can be checked before
// the first segment is processed (SPC-4 6.4.1).
func readCopyList(c *scsi.Command, f copyFormat) (copyList, scsi.Result) {
	p := make([]byte, f.length+maxDescriptors)
	length := c.Uint(listCopy)
	if length < uint64(f.length) || !c.Param(p[:f.length], 0) {
		return copyList{}, scsi.ParameterListLengthError
	}
	h, r := f.parse(p)
	if !r.OK() {
		return copyList{}, r
	}
	total := h.targets + h.segments
	switch {
	case total > maxDescriptors || uint64(f.length)+total+h.inline > length:
		return copyList{}, scsi.ParameterListLengthError
	case h.inline > 0:
		return copyList{}, scsi.InlineDataLengthExceeded
	case h.targets%cscdLength != 0:
		return copyList{}, scsi.InvalidFieldInParameterList.AtParam(f.targetsAt)
	}
	p = p[:f.length+int(total)]
	c.Param(p, 0)
	l := copyList{id: h.id, usage: h.usage, immed: h.immed}
	at := f.length + int(h.targets)
	if r := l.readTargets(p[:at], f.length); !r.OK() {
		return l, r
	}
	return l, l.readSegments(p, at)
}

// readTargets reads the CSCD descriptors from p, where they begin at byte at.
func (l *copyList) readTargets(p []byte, at int) scsi.Result {
	for ; at < len(p); at += cscdLength {
		t := p[at : at+cscdLength]
		switch {
		case len(l.targets) == maxTargets:
			return scsi.TooManyTargetDescriptors
		case t[0] != cscdIdentification:
			return scsi.UnsupportedTargetDescriptor.AtParam(at)
		case t[7] > maxDesignator:
			return scsi.InvalidFieldInParameterList.AtParam(at + 7)
		}
		l.targets = append(l.targets, cscd{
			at: at, designator: t[4 : 8+int(t[7])], device: t[1] & 0x1f, block: binary.BigEndian.Uint32(t[28:]) & 0xffffff,
		})
	}
	return scsi.Result{}
}

// readSegments reads the segment descriptors from p, where they begin at byte at.
func (l *copyList) readSegments(p []byte, at int) scsi.Result {
	for at < len(p) {
		n, known := segmentLengths[p[at]]
		switch {
		case len(l.segments) == maxSegments:
			return scsi.TooManySegmentDescriptors
		case !known:
			return scsi.UnsupportedSegmentDescriptor.AtParam(at)
		case n > len(p)-at || int(binary.BigEndian.Uint16(p[at+2:])) != n-4: // DESCRIPTOR LENGTH
			return scsi.InvalidFieldInParameterList.AtParam(at + 2)
		}
		s := parseSegment(p[at:at+n], at)
		if s.offset && s.n > maxSegmentLength {
			return scsi.InvalidFieldInParameterList.AtParam(at + 8)
		}
		l.segments = append(l.segments, s)
		at += n
	}
	return scsi.Result{}
}

// parseSegment takes a descriptor apart (SPC-4 6.4.6.4 and 6.4.6.8). CAT says what becomes of less than a block at the end;
// we are never left with that.
func parseSegment(p []byte, at int) segment {
	be := binary.BigEndian
	s := segment{
		at: at, fast: p[1]&4 != 0, from: be.Uint16(p[4:]), to: be.Uint16(p[6:]),
		fromLBA: be.Uint64(p[12:]), toLBA: be.Uint64(p[20:]),
	}
	if p[0] == blockToBlock {
		s.dc = p[1]&2 != 0
		s.n = uint64(be.Uint16(p[10:]))
		return s
	}
	s.offset = true
	s.n = uint64(be.Uint32(p[8:]))
	s.fromByte, s.toByte = be.Uint16(p[28:]), be.Uint16(p[30:])
	return s
}
