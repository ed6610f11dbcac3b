package scsi

import (
	"encoding/binary"
	"fmt"
)

// Status is a SAM-5 status code (clause 5.3).
type Status uint8

// Status codes.
const (
	Good                Status = 0x00
	CheckCondition      Status = 0x02
	ConditionMet        Status = 0x04
	Busy                Status = 0x08
	ReservationConflict Status = 0x18
	TaskSetFull         Status = 0x28
	ACAActive           Status = 0x30
	TaskAborted         Status = 0x40
)

var statusNames = map[Status]string{
	Good: "GOOD", CheckCondition: "CHECK CONDITION", ConditionMet: "CONDITION MET", Busy: "BUSY",
	ReservationConflict: "RESERVATION CONFLICT", TaskSetFull: "TASK SET FULL", ACAActive: "ACA ACTIVE",
	TaskAborted: "TASK ABORTED",
}

func (s Status) String() string {
	if n, ok := statusNames[s]; ok {
		return n
	}
	return fmt.Sprintf("status %02xh", uint8(s))
}

// Key is a sense key (SPC-4 clause 4.5.6).
type Key uint8

// Sense keys.
const (
	NoSense        Key = 0x0
	RecoveredError Key = 0x1
	NotReady       Key = 0x2
	MediumError    Key = 0x3
	HardwareError  Key = 0x4
	IllegalRequest Key = 0x5
	UnitAttention  Key = 0x6
	DataProtect    Key = 0x7
	BlankCheck     Key = 0x8
	VendorSpecific Key = 0x9
	CopyAborted    Key = 0xa
	AbortedCommand Key = 0xb
	VolumeOverflow Key = 0xd
	Miscompare     Key = 0xe
	Completed      Key = 0xf
)

var keyNames = [16]string{
	"NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR", "ILLEGAL REQUEST", "UNIT ATTENTION",
	"DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND", "sense key Ch",
	"VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED",
}

func (k Key) String() string { return keyNames[k&0xf] }

// Code is an additional sense code (high byte) with its qualifier (low byte).
type Code uint16

func (c Code) String() string {
	if n, ok := codeNames[c]; ok {
		return n
	}
	return fmt.Sprintf("additional sense code %02xh/%02xh", uint8(c>>8), uint8(c))
}

// Result is how a command ended, by value: a status and, for CHECK CONDITION, what the sense data will say. The zero
// Result is GOOD.
type Result struct {
	Status Status
	Key    Key
	Code   Code
	detail detail
}

// detail is what else the sense data will say. It is apart, and packed, for the compiler keeps in registers what has up to
// four fields and 32 bytes, and a Result goes through half a dozen hands: with nine fields in one struct READ (16) took
// 210 ns, with these 120, and TEST UNIT READY 82 and 18 (BenchmarkDo, BenchmarkTestUnitReady of sbc, AMD EPYC, Go 1.26).
type detail struct {
	facts    facts
	specific uint32
	info     uint64
	raw      *[MaxSense]byte // sense data as a device gave it, in a Command
}

// facts are which details there are (bits 0 to 11), the bit that a field pointer points at (12 to 15), and the byte, or how
// much of 65536 is done (16 to 31).
type facts uint32

const (
	hasInfo facts = 1 << iota
	hasPointer
	hasBit
	inCDB
	descriptorFormat
	hasProgress
	hasSpecific
	later
	pending
	delivers
)

// Later is the result of a command that would have had to wait, and had AtOnce: nothing of it has been done, and it is to be
// run again without. An initiator that saw it would see BUSY.
var Later = Result{Status: Busy, detail: detail{facts: later}}

// IsLater says whether r is Later.
func (r Result) IsLater() bool { return r.has(later) }

// Pending is the result of a command whose I/O Command.Engine has begun, so that it has not ended yet.
var Pending = Result{Status: Busy, detail: detail{facts: pending}}

// IsPending says whether r is Pending.
func (r Result) IsPending() bool { return r.has(pending) }

// Ended says whether the command is over: r is neither Later nor Pending, after which it comes again.
func (r Result) Ended() bool { return r.detail.facts&(later|pending) == 0 }

// Check is CHECK CONDITION with the given sense.
func Check(k Key, c Code) Result { return Result{Status: CheckCondition, Key: k, Code: c} }

// At is r with a field pointer to the field f of the CDB.
func (r Result) At(f Field) Result { return r.AtBit(f.Byte, f.Bit) }

// AtBit is r with a field pointer to a bit of the CDB.
func (r Result) AtBit(byte, bit int) Result { return r.point(byte, bit, hasPointer|hasBit|inCDB) }

// AtParam is r with a field pointer to a byte of the parameter list.
func (r Result) AtParam(byte int) Result { return r.point(byte, 0, hasPointer) }

// AtParamBit is r with a field pointer to a bit of the parameter list.
func (r Result) AtParamBit(byte, bit int) Result { return r.point(byte, bit, hasPointer|hasBit) }

func (r Result) point(byte, bit int, has facts) Result {
	r.detail.facts = r.detail.facts&0xfff | has | facts(uint8(bit)&0xf)<<12 | facts(uint16(byte))<<16
	return r
}

func (r Result) has(f facts) bool { return r.detail.facts&f != 0 }

// where is the byte and the bit of a field pointer; of progress the byte alone.
func (r Result) where() (byte uint16, bit uint8) {
	return uint16(r.detail.facts >> 16), uint8(r.detail.facts>>12) & 0xf
}

// WithInfo is r with the INFORMATION field, most often an LBA.
func (r Result) WithInfo(v uint64) Result {
	r.detail.info = v
	r.detail.facts |= hasInfo
	return r
}

// WithSpecific is r with the COMMAND-SPECIFIC INFORMATION field.
func (r Result) WithSpecific(v uint32) Result {
	r.detail.specific = v
	r.detail.facts |= hasSpecific
	return r
}

// WithProgress is r, of sense key NO SENSE or NOT READY, with a progress indication: how much of 65536 is done (SPC-4
// clause 4.5.2.4.4).
func (r Result) WithProgress(of65536 uint16) Result {
	return r.point(int(of65536), 0, hasProgress)
}

// InDescriptorFormat is r with its sense data in descriptor format, which D_SENSE of the Control mode page asks for.
func (r Result) InDescriptorFormat() Result {
	r.detail.facts |= descriptorFormat
	return r
}

// OK says that the command ended in GOOD.
func (r Result) OK() bool { return r.Status == Good }

func (r Result) String() string {
	if r.Status != CheckCondition {
		return r.Status.String()
	}
	s := fmt.Sprintf("%v, %v", r.Key, r.Code)
	byte, bit := r.where()
	if r.has(hasPointer) {
		where := "parameter list"
		if r.has(inCDB) {
			where = "CDB"
		}
		s += fmt.Sprintf(" (%s byte %d", where, byte)
		if r.has(hasBit) {
			s += fmt.Sprintf(" bit %d", bit)
		}
		s += ")"
	}
	if r.has(hasProgress) {
		s += fmt.Sprintf(" (%d of 65536)", byte)
	}
	if r.has(hasInfo) {
		s += fmt.Sprintf(" [information %#x]", r.detail.info)
	}
	return s
}

// Raw says that the sense data is that of a device (Command.RawSense).
func (r Result) Raw() bool { return r.detail.raw != nil }

// Delivers says that Data-In goes with the sense data, and what Command.Moved tells holds as it does for GOOD: the blocks
// before one that cannot be read (Command.Short), or what a device has moved, as tapes do, and says in its sense data (Raw).
func (r Result) Delivers() bool { return r.Raw() || r.has(delivers) }

// Undelivered is r for a transport that cannot deliver Data-In with sense data. It has no INFORMATION field then, from which
// an initiator would take it that what comes before that block has been delivered.
func (r Result) Undelivered() Result {
	if r.has(delivers) {
		r.detail.facts &^= delivers | hasInfo
		r.detail.info = 0
	}
	return r
}

// SenseSize is enough room for whatever Sense writes, but for RawSense.
const SenseSize = 40

// MaxSense is the most sense data that a transport carries, and so the room for what RawSense was given.
const MaxSense = 96

// Sense writes r as sense data into p, at least SenseSize bytes, and returns the number of bytes: in fixed format
// (SPC-4 clause 4.5.3) unless InDescriptorFormat asked for the other (clause 4.5.2), and of RawSense as much as fits.
func (r Result) Sense(p []byte) int {
	if r.detail.raw != nil {
		return copy(p, r.detail.raw[:])
	}
	if r.has(descriptorFormat) {
		return r.descriptorSense(p)
	}
	clear(p[:18])
	p[0], p[2], p[7] = 0x70, byte(r.Key), 10
	if r.has(hasInfo) && r.detail.info <= 0xffffffff { // SPC-4 4.5.3: what does not fit is not VALID
		p[0] |= 0x80
		binary.BigEndian.PutUint32(p[3:], uint32(r.detail.info))
	}
	binary.BigEndian.PutUint32(p[8:], r.detail.specific)
	binary.BigEndian.PutUint16(p[12:], uint16(r.Code))
	r.keySpecific(p[15:18])
	return 18
}

func (r Result) descriptorSense(p []byte) int {
	clear(p[:SenseSize])
	p[0], p[1] = 0x72, byte(r.Key)
	binary.BigEndian.PutUint16(p[2:], uint16(r.Code))
	n := 8
	if r.has(hasInfo) {
		p[n], p[n+1], p[n+2] = 0x00, 0x0a, 0x80 // information descriptor, VALID
		binary.BigEndian.PutUint64(p[n+4:], r.detail.info)
		n += 12
	}
	if r.has(hasSpecific) {
		p[n], p[n+1] = 0x01, 0x0a // command specific information descriptor
		binary.BigEndian.PutUint32(p[n+8:], r.detail.specific)
		n += 12
	}
	if r.has(hasPointer | hasProgress) {
		p[n], p[n+1] = 0x02, 0x06 // sense key specific descriptor
		r.keySpecific(p[n+4 : n+7])
		n += 8
	}
	p[7] = byte(n - 8)
	return n
}

// parseSense is the sense key and the additional sense code of sense data in either format.
func parseSense(p *[MaxSense]byte) (Key, Code) {
	if p[0]&0x7f >= 0x72 {
		return Key(p[1] & 0xf), Code(binary.BigEndian.Uint16(p[2:]))
	}
	return Key(p[2] & 0xf), Code(binary.BigEndian.Uint16(p[12:]))
}

// keySpecific writes the three bytes of sense key specific data: a progress indication (SPC-4 clause 4.5.2.4.4) or a
// field pointer (clause 4.5.2.4.2).
func (r Result) keySpecific(p []byte) {
	if !r.has(hasPointer | hasProgress) {
		return
	}
	byte, bit := r.where()
	p[0] = 0x80 // SKSV
	if r.has(inCDB) {
		p[0] |= 0x40
	}
	if r.has(hasBit) {
		p[0] |= 0x08 | bit
	}
	binary.BigEndian.PutUint16(p[1:], byte)
}
