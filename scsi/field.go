package scsi

import (
	"encoding/binary"
	"fmt"
)

// Field is a field of a CDB, named and placed as in the standard's table: its most significant bit is bit Bit (7 to 0)
// of byte Byte, and it runs Width bits (1 to 64) on from there, through following bytes.
//
// A command's fields are all that its CDB may hold: the check for reserved bits is the union of them, the usage map of
// REPORT SUPPORTED OPERATION CODES that of those which are not Ignored, and handlers read through them.
type Field struct {
	Name  string
	Byte  int
	Bit   int
	Width int
	// ZeroMeans is what the value 0 stands for, where the standard says so (READ (6): 256 blocks).
	ZeroMeans uint64
	// Ignored says why the field is accepted though it changes nothing; empty for a field that is evaluated.
	Ignored string
}

// Bits makes a Field.
func Bits(name string, byte, bit, width int) Field {
	return Field{Name: name, Byte: byte, Bit: bit, Width: width}
}

// Bytes makes a Field of n whole bytes.
func Bytes(name string, byte, n int) Field { return Bits(name, byte, 7, 8*n) }

// Hint is f, accepted and ignored for the reason given.
func (f Field) Hint(why string) Field { f.Ignored = why; return f }

// Zero is f, with 0 standing for n.
func (f Field) Zero(n uint64) Field { f.ZeroMeans = n; return f }

// Uint is the field's value in cdb, which holds the whole field.
func (f Field) Uint(cdb []byte) uint64 { return f.Reader().Uint(cdb) }

// Reader reads one field of one CDB after another: what a handler makes beforehand of a field that it reads all the time.
type Reader struct {
	from        int  // the first of the eight bytes that the field is in
	left, right uint // shifts of their 64 bits that leave the field alone
	zero        uint64
}

// Reader is the Reader of f.
func (f Field) Reader() Reader {
	from := max(f.last()-7, 0)
	return Reader{from, uint(8*(f.Byte-from) + 7 - f.Bit), uint(64 - f.Width), f.ZeroMeans}
}

// Uint is the value of the field in cdb, which holds the whole field.
func (r Reader) Uint(cdb []byte) uint64 {
	p := cdb[r.from:]
	if len(p) < 8 { // a CDB of 6 bytes
		var whole [8]byte
		copy(whole[:], p)
		p = whole[:]
	}
	if v := binary.BigEndian.Uint64(p) << r.left >> r.right; v != 0 {
		return v
	}
	return r.zero
}

// last is the index of the last byte that holds a bit of the field.
func (f Field) last() int { return f.Byte + (7-f.Bit+f.Width-1)/8 }

// mark sets the bits of the field in usage; it reports a field that is malformed, does not fit, or overlaps another.
func (f Field) mark(usage []byte) error {
	if f.Name == "" || f.Byte < 0 || f.Bit < 0 || f.Bit > 7 || f.Width < 1 || f.Width > 64 || f.Width > 57+f.Bit {
		return fmt.Errorf("field %+v is malformed", f)
	}
	if f.last() >= len(usage) {
		return fmt.Errorf("field %s ends in byte %d of a CDB of %d bytes", f.Name, f.last(), len(usage))
	}
	for i := range f.Width {
		at := (7 - f.Bit) + i // bits from the most significant bit of byte f.Byte on
		b, m := f.Byte+at/8, byte(0x80)>>(at%8)
		if usage[b]&m != 0 {
			return fmt.Errorf("field %s overlaps another in byte %d", f.Name, b)
		}
		usage[b] |= m
	}
	return nil
}
