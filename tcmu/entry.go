package tcmu

import (
	"encoding/binary"
	"fmt"
)

// opcode says what a ring entry is: the low 3 bits of its first word.
type opcode uint8

const (
	opPad     opcode = 0 // fills the ring up to its end
	opCommand opcode = 1
	opTMR     opcode = 2 // a task management function was carried out
	opMask           = 7
)

func (o opcode) String() string {
	switch o {
	case opPad:
		return "PAD"
	case opCommand:
		return "CMD"
	case opTMR:
		return "TMR"
	}
	return fmt.Sprintf("ring opcode %d", uint8(o))
}

// Sizes of entries, in bytes.
const (
	entryAlign = 8   // every length is a multiple of it
	headerSize = 8   // struct tcmu_cmd_entry_hdr, all that a PAD need have
	minCommand = 112 // struct tcmu_cmd_entry without iovecs
	minTMR     = 32  // struct tcmu_tmr_entry without ids
)

// Where the fields of an entry are (struct tcmu_cmd_entry, LP64: cdb_off is aligned, so 20..23 are unused). A response
// overlaps the request that it answers.
const (
	entryLenOp  = 0 // u32: length and opcode
	entryID     = 4 // u16
	entryUFlags = 7 // u8: written by us

	requestIovecs = 8  // u32: iovecs of Data-Out or Data-In
	requestBidi   = 12 // u32: further iovecs, of Data-In, of a bidirectional command
	requestCDB    = 24 // u64: from the begin of the map
	requestIovec  = 48 // struct iovec: u64 from the begin of the map, u64 length
	iovecSize     = 16

	responseStatus = 8  // u8, and 3 bytes of padding
	responseLength = 12 // u32: of Data-In, if READ_LEN is flagged
	responseSense  = 16
	senseSize      = 96

	tmrType  = 8  // u8
	tmrCount = 12 // u32
	tmrIDs   = 32 // u16 each
)

// Bits of entryUFlags.
const (
	flagUnknownOp  = 1
	flagReadLength = 2
	flagKeepBuffer = 4
)

// header is the header of an entry, copied out of shared memory and checked: the entry lies in the ring, before the
// cursor that bounds it, and is long enough for what it says it is.
type header struct {
	off, len uint32
	op       opcode
	id       uint16
}

// header reads the entry at off. Entries are whole up to end, which differs from off. Nothing past the first 8 bytes is
// looked at: an entry may end with the ring, and the page after that need not exist.
func (r *ring) header(off, end uint32) (header, error) {
	room := r.size - off
	if off < end {
		room = end - off
	}
	p := r.entries[off:][:headerSize]
	word := binary.NativeEndian.Uint32(p[entryLenOp:])
	h := header{off: off, len: word &^ opMask, op: opcode(word & opMask), id: binary.NativeEndian.Uint16(p[entryID:])}
	least := uint32(headerSize)
	switch h.op {
	case opCommand:
		least = minCommand
	case opTMR:
		least = minTMR
	}
	switch {
	case h.len < least:
		return h, r.broken(off, "%v of %d bytes, at least %d belong to it", h.op, h.len, least)
	case h.len > room:
		return h, r.broken(off, "%v of %d bytes where there are %d", h.op, h.len, room)
	}
	return h, nil
}

// bytes is the entry itself, in shared memory.
func (r *ring) bytes(h header) []byte { return r.entries[h.off:][:h.len:h.len] }

// next is the offset of the entry after h.
func (r *ring) next(h header) uint32 {
	if h.off+h.len == r.size {
		return 0
	}
	return h.off + h.len
}
