package scsi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Opcode is an operation code, byte 0 of a CDB. Names belong to rows: an operation code alone may stand for many.
type Opcode uint8

// VariableLength is the operation code of the variable length CDB format, whose service action is in bytes 8 and 9.
const VariableLength Opcode = 0x7f

func (o Opcode) String() string { return fmt.Sprintf("operation code %02xh", uint8(o)) }

// Action is a service action. The zero Action means that the operation code has none.
type Action uint32

// SA is the service action with value v. Where in the CDB it stands follows from the operation code.
func SA(v uint16) Action { return Action(v) | 1<<16 }

// Value is the value of a service action, and whether there is one.
func (a Action) Value() (uint16, bool) { return uint16(a), a != 0 }

// Where a service action is (SPC-4 clauses 4.2.3 and 4.2.4).
var (
	actionField   = Bits("SERVICE ACTION", 1, 4, 5)
	action7F      = Bytes("SERVICE ACTION", 8, 2)
	additional7F  = Bytes("ADDITIONAL CDB LENGTH", 7, 1)
	shortestWith7 = 10 // bytes of a variable length CDB that has a service action
)

func (o Opcode) actionField() Field {
	if o == VariableLength {
		return action7F
	}
	return actionField
}

// Direction is the way a command's data goes, seen from the initiator.
type Direction uint8

// Directions.
const (
	NoData Direction = iota
	DataIn
	DataOut
)

func (d Direction) String() string { return [...]string{"none", "in", "out"}[d] }

// Rule says what a Transfer's length field counts.
type Rule uint8

// Rules.
const (
	// NoLength: no data, or as much as the handler says.
	NoLength Rule = iota
	// Allocation: at most this many bytes of Data-In; more is cut without a word.
	Allocation
	// ParameterList: this many bytes of Data-Out; an initiator that offers fewer is refused.
	ParameterList
	// Blocks: logical blocks.
	Blocks
)

// Transfer is the transfer rule of a command.
type Transfer struct {
	Dir  Direction
	Rule Rule
	Len  Field
}

// AllocationIn is Data-In of at most the ALLOCATION LENGTH f.
func AllocationIn(f Field) Transfer { return Transfer{DataIn, Allocation, f} }

// ParametersOut is Data-Out of the PARAMETER LIST LENGTH f.
func ParametersOut(f Field) Transfer { return Transfer{DataOut, ParameterList, f} }

// BlocksIn is Data-In of the number of logical blocks f.
func BlocksIn(f Field) Transfer { return Transfer{DataIn, Blocks, f} }

// BlocksOut is Data-Out of the number of logical blocks f.
func BlocksOut(f Field) Transfer { return Transfer{DataOut, Blocks, f} }

// Extent is where a CDB says which logical blocks a command is about. The zero Extent is that of a command that is about
// none, or tells of them in its parameter list.
type Extent struct{ LBA, Blocks Field }

// ExtentOf is an Extent.
func ExtentOf(lba, blocks Field) Extent { return Extent{lba, blocks} }

// Access is what a command does as reservations see it (SPC-4 5.12). The zero Access is refused
// when a unit is built, so that no command escapes a reservation by omission.
type Access uint8

// Access classes.
const (
	_ Access = iota
	// Always: allowed whatever is reserved.
	Always
	// Reads: conflicts with Exclusive Access types.
	Reads
	// Writes: conflicts with Write Exclusive and Exclusive Access types.
	Writes
	// Starts: Always with START=1 and POWER CONDITION=0, else as Writes (START STOP UNIT).
	Starts
	// Prevents: Always with PREVENT=0, else as Writes (PREVENT ALLOW MEDIUM REMOVAL).
	Prevents
	// Reserves: its handler decides (PERSISTENT RESERVE IN and OUT, RESERVE, RELEASE).
	Reserves
)

func (a Access) String() string {
	if a > Reserves {
		return fmt.Sprintf("access class %d", uint8(a))
	}
	return [...]string{"unset", "always", "reads", "writes", "starts", "prevents", "decides itself"}[a]
}

// Flags are the further facts of a row that the pipeline decides by.
type Flags uint16

// Flags.
const (
	// BypassAttention: carried out while a unit attention is pending (SPC-4 clause 5.6: INQUIRY, REPORT LUNS,
	// REQUEST SENSE).
	BypassAttention Flags = 1 << iota
	// NeedsMedium: NOT READY while there is no medium.
	NeedsMedium
	// NeedsStart: NOT READY while the unit is stopped.
	NeedsStart
	// AltersMedium: DATA PROTECT while the unit is write protected.
	AltersMedium
	// Lengthy: it may take seconds, so that no others should wait for it: with Command.AtOnce it ends in Later.
	Lengthy
	// OnStandby and OnUnavailable: carried out also when the port that it came through is in the asymmetric access state
	// standby, or unavailable, offline or in transition (SPC-4 5.15.2.4), as those that BypassAttention are.
	OnStandby
	OnUnavailable
	// Prompt: its handler honours Command.AtOnce. In a unit that Waits, the other rows end in Later.
	Prompt
)

// Op is one row: all there is to know of one command, or of one service action. Dispatch, the check of the CDB,
// direction and truncation, the reservation gate, REPORT SUPPORTED OPERATION CODES, docs/commands.md and the seeds of
// the fuzzers derive from it.
type Op struct {
	Code   Opcode
	SA     Action
	Name   string // as the standard spells it
	Spec   string // standard and clause
	Len    int    // of the CDB, in bytes
	Fields []Field
	Xfer   Transfer
	Extent Extent // must lie on the medium: else LBA OUT OF RANGE
	Access Access
	Flags  Flags
	// Absent: this unit cannot do it; the row is left out, and so is all that derives from it.
	Absent bool
	Do     func(*Command) Result

	row uint16 // in the unit's table

	// What derives from all that, by build.
	first, last uint64 // bits that the first and the last 8 bytes of a CDB may not have set, if plain
	plain       bool   // the CDB has 8 to 16 bytes, and a length that follows from Code
	placed      bool   // there is an Extent
	lba, blocks Reader // of Extent
	allowed     [32]byte
	usage       [32]byte // bits of those allowed that are evaluated
}

// Usage writes the CDB usage data of REPORT SUPPORTED OPERATION CODES (SPC-4 clause 6.35.3) and returns Len: the
// operation code and service action themselves, and for all else the bits that are evaluated. A bit that is accepted
// and ignored is zero there, as a reserved one is.
func (o *Op) Usage(p []byte) int {
	n := copy(p, o.usage[:o.Len])
	p[0] = byte(o.Code)
	if v, ok := o.SA.Value(); ok {
		if o.Code == VariableLength {
			p[7], p[8], p[9] = byte(o.Len-8), byte(v>>8), byte(v)
		} else {
			p[1] = p[1]&^0x1f | byte(v)
		}
	}
	return n
}

// build checks the row and works out what derives from it.
func (o *Op) build() error {
	switch {
	case o.Name == "":
		return fmt.Errorf("%v has no name", o.Code)
	case o.Spec == "" || o.Do == nil || o.Access == 0:
		return fmt.Errorf("%s lacks Spec, Do or Access", o.Name)
	case o.Len < 6 || o.Len > len(o.allowed) || o.Code != VariableLength && o.Len != groupLength[o.Code>>5]:
		return fmt.Errorf("%s: a CDB of %d bytes does not suit %v", o.Name, o.Len, o.Code)
	case o.Code == VariableLength && (o.SA == 0 || o.Len < shortestWith7):
		return fmt.Errorf("%s: variable length CDB without a service action", o.Name)
	}
	if v, ok := o.SA.Value(); ok && uint64(v)>>o.Code.actionField().Width != 0 {
		return fmt.Errorf("%s: service action %xh does not fit its field", o.Name, v)
	}
	allowed := o.allowed[:o.Len]
	allowed[0] = 0xff
	var err error
	if o.SA != 0 {
		err = o.Code.actionField().mark(allowed)
	}
	if o.Code == VariableLength {
		err = errors.Join(err, additional7F.mark(allowed))
	}
	for _, f := range o.Fields {
		if bad := f.mark(allowed); bad != nil {
			err = errors.Join(err, bad)
		} else if f.Ignored == "" {
			_ = f.mark(o.usage[:]) // what fits there fits here
		}
	}
	for _, f := range []Field{o.Xfer.Len, o.Extent.LBA, o.Extent.Blocks} {
		if f != (Field{}) && !slices.Contains(o.Fields, f) {
			err = errors.Join(err, fmt.Errorf("%q is not one of its fields", f.Name))
		}
	}
	if o.Xfer.Rule != NoLength && o.Xfer.Len == (Field{}) {
		err = errors.Join(err, errors.New("its transfer rule has no length field"))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	o.ready()
	return nil
}

// ready works out what the checks of a command need.
func (o *Op) ready() {
	o.placed, o.lba, o.blocks = o.Extent.LBA.Width > 0, o.Extent.LBA.Reader(), o.Extent.Blocks.Reader()
	if o.plain = 8 <= o.Len && o.Len <= 16 && o.Code != VariableLength; o.plain {
		o.first, o.last = ^binary.BigEndian.Uint64(o.allowed[:]), ^binary.BigEndian.Uint64(o.allowed[o.Len-8:])
	}
}

// check looks for what a CDB may not hold: too few bytes, or a bit outside every field.
func (o *Op) check(cdb []byte) Result {
	if o.plain && len(cdb) >= o.Len && binary.BigEndian.Uint64(cdb)&o.first|binary.BigEndian.Uint64(cdb[o.Len-8:])&o.last == 0 {
		return Result{}
	}
	return o.stray(cdb)
}

// stray is what check looks for, byte by byte.
func (o *Op) stray(cdb []byte) Result {
	if len(cdb) < o.Len {
		return InvalidFieldInCDB
	}
	if o.Code == VariableLength && int(cdb[7]) != o.Len-8 {
		return InvalidFieldInCDB.At(additional7F)
	}
	for i, b := range cdb[1:o.Len] {
		if bad := b &^ o.allowed[i+1]; bad != 0 {
			return InvalidFieldInCDB.AtBit(i+1, highest(bad))
		}
	}
	return Result{}
}

// highest is the number of the highest bit set in b, which has one.
func highest(b byte) int {
	n := 7
	for b&0x80 == 0 {
		b <<= 1
		n--
	}
	return n
}
