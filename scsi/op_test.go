package scsi

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The groups that SPC-4 gives a length, and for the others what Linux sends.
func TestCDBLength(t *testing.T) {
	for _, group := range []struct {
		from, to byte
		want     int
	}{
		{0x00, 0x1f, 6}, {0x20, 0x3f, 10}, {0x40, 0x5f, 10}, {0x60, 0x7e, 12},
		{0x80, 0x9f, 16}, {0xa0, 0xbf, 12}, {0xc0, 0xdf, 10}, {0xe0, 0xff, 10},
	} {
		for op := int(group.from); op <= int(group.to); op++ {
			require.Equal(t, group.want, CDBLength([]byte{byte(op)}), "operation code %02xh", op)
		}
	}
	require.Zero(t, CDBLength(nil))
	require.Zero(t, CDBLength([]byte{0x7f}))
	require.Zero(t, CDBLength([]byte{0x7f, 0, 0, 0, 0, 0, 0}), "ADDITIONAL CDB LENGTH is in byte 7")
	require.Equal(t, 32, CDBLength([]byte{0x7f, 0, 0, 0, 0, 0, 0, 0x18}))
	require.Equal(t, 8, CDBLength([]byte{0x7f, 0, 0, 0, 0, 0, 0, 0, 0xff}))
	require.Equal(t, MaxCDB, CDBLength([]byte{0x7f, 0, 0, 0, 0, 0, 0, 0xff}))
}

func good(*Command) Result { return Result{} }

// row is one that a unit accepts.
func row() Op {
	return Op{Code: 0x28, Name: "READ (10)", Spec: "SBC-3", Len: 10, Access: Reads, Do: good}
}

func TestBuildRefuses(t *testing.T) {
	length := Bytes("LENGTH", 7, 2)
	for name, test := range map[string]struct {
		change func(*Op)
		say    string
	}{
		"no name":                  {func(o *Op) { o.Name = "" }, "operation code 28h has no name"},
		"no clause":                {func(o *Op) { o.Spec = "" }, "lacks Spec"},
		"no access class":          {func(o *Op) { o.Access = 0 }, "lacks Spec, Do or Access"},
		"no handler":               {func(o *Op) { o.Do = nil }, "lacks Spec, Do or Access"},
		"no length":                {func(o *Op) { o.Len = 0 }, "CDB of 0 bytes"},
		"length of another group":  {func(o *Op) { o.Len = 16 }, "CDB of 16 bytes does not suit operation code 28h"},
		"longer than any":          {func(o *Op) { o.Code, o.SA, o.Len = 0x7f, SA(9), 36 }, "CDB of 36 bytes"},
		"variable without action":  {func(o *Op) { o.Code, o.Len = 0x7f, 32 }, "without a service action"},
		"variable and too short":   {func(o *Op) { o.Code, o.SA, o.Len = 0x7f, SA(9), 9 }, "without a service action"},
		"service action of 6 bits": {func(o *Op) { o.Code, o.Len, o.SA = 0x9e, 16, SA(0x20) }, "does not fit"},
		"field over service action": {func(o *Op) {
			o.Code, o.Len, o.SA, o.Fields = 0x9e, 16, SA(0x10), []Field{Bits("F", 1, 4, 1)}
		}, "overlaps"},
		"field over additional length": {func(o *Op) {
			o.Code, o.Len, o.SA, o.Fields = 0x7f, 32, SA(9), []Field{Bits("F", 7, 0, 1)}
		}, "overlaps"},
		"overlapping fields":      {func(o *Op) { o.Fields = []Field{length, Bits("F", 8, 0, 1)} }, "F overlaps another in byte 8"},
		"field past the end":      {func(o *Op) { o.Fields = []Field{Bytes("F", 9, 2)} }, "ends in byte 10"},
		"malformed field":         {func(o *Op) { o.Fields = []Field{{Name: "F", Byte: 1}} }, "malformed"},
		"ignored field overlaps":  {func(o *Op) { o.Fields = []Field{length, length.Hint("why")} }, "overlaps"},
		"length field of no bits": {func(o *Op) { o.Xfer = AllocationIn(Field{}) }, "has no length field"},
		"length field outside":    {func(o *Op) { o.Xfer = BlocksOut(Bytes("LENGTH", 10, 4)) }, "is not one of its fields"},
	} {
		t.Run(name, func(t *testing.T) {
			o := row()
			test.change(&o)
			_, err := NewUnit(Config{Ops: []Op{o}})
			require.ErrorContains(t, err, test.say)

			o.Absent = true
			_, err = NewUnit(Config{Ops: []Op{o}})
			require.NoError(t, err, "a row that the unit does not have is not looked at")
		})
	}
	_, err := NewUnit(Config{Ops: []Op{row()}})
	require.NoError(t, err)
}

func TestNewUnitRefusesRowsThatCannotBeToldApart(t *testing.T) {
	plain := row()
	action := func(v uint16) Op {
		o := row()
		o.Code, o.Len, o.SA, o.Name = 0x9e, 16, SA(v), fmt.Sprintf("ACTION %d", v)
		return o
	}
	without := action(0)
	without.SA = 0
	for name, rows := range map[string][]Op{
		"the same operation code":       {plain, plain},
		"the same service action":       {action(0x10), action(0x12), action(0x10)},
		"with and without a service":    {action(0), without},
		"without and with, other order": {without, action(0x10)},
		"far apart in the list of rows": {plain, action(0x10), plain},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewUnit(Config{Ops: rows})
			require.ErrorContains(t, err, "cannot be told apart")
		})
	}
	u, err := NewUnit(Config{Ops: []Op{action(0x12), plain, action(0x10)}})
	require.NoError(t, err)
	require.Len(t, u.Rows(0x9e), 2)
	require.Len(t, u.Rows(0x28), 1)
	require.Empty(t, u.Rows(0x00))
	require.Empty(t, u.Rows(0xff))
	var order []string
	for _, o := range u.Ops() {
		order = append(order, o.Name)
	}
	require.Equal(t, []string{"READ (10)", "ACTION 16", "ACTION 18"}, order)
}

func TestUsage(t *testing.T) {
	plain := row()
	plain.Fields = []Field{
		Bits("FUA", 1, 3, 1), Bytes("LOGICAL BLOCK ADDRESS", 2, 4),
		Bits("GROUP NUMBER", 6, 4, 5).Hint("no grouping function"), Bytes("TRANSFER LENGTH", 7, 2)}
	action := row()
	action.Code, action.Len, action.SA = 0x9e, 16, SA(0x10)
	action.Fields = []Field{Bits("TOP", 1, 7, 3), Bytes("ALLOCATION LENGTH", 10, 4)}
	variable := row()
	variable.Code, variable.Len, variable.SA = 0x7f, 32, SA(0x0102)
	variable.Fields = []Field{Bytes("LOGICAL BLOCK ADDRESS", 12, 8)}
	u, err := NewUnit(Config{Ops: []Op{plain, action, variable}})
	require.NoError(t, err)
	// SPC-4 clause 6.35.3: operation code and service action as such, a one for each bit that is evaluated, a zero for
	// one that is ignored or reserved. ADDITIONAL CDB LENGTH is as Linux' targets report it.
	for code, want := range map[Opcode][]byte{
		0x28: {0x28, 0x08, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff, 0x00},
		0x9e: {0x9e, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0},
		0x7f: {0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0x01, 0x02, 0, 0,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		var p [MaxCDB]byte
		n := u.Rows(code)[0].Usage(p[:])
		require.Equal(t, want, p[:n])
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "operation code c1h", Opcode(0xc1).String())
	require.Equal(t, "none in out", fmt.Sprint(NoData, DataIn, DataOut))
	require.Equal(t, "unset always reads writes starts access class 9",
		fmt.Sprint(Access(0), Always, Reads, Writes, Starts, Access(9)))
	_, has := Action(0).Value()
	require.False(t, has)
	v, has := SA(0).Value()
	require.True(t, has, "service action 0 is one")
	require.Zero(t, v)
}

// TestCheckAgainstBytes holds the check of words to that of bytes, for CDBs in which a few bits are wrong, or none is.
func TestCheckAgainstBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]Opcode{0x08, 0x28, 0xa8, 0x88, VariableLength}).Draw(t, "code")
		o := Op{Code: code, Name: "any", Spec: "none", Access: Always, Do: func(*Command) Result { return Result{} }}
		from := 1
		if o.Len = groupLength[code>>5]; code == VariableLength {
			o.Len, o.SA, from = rapid.IntRange(shortestWith7+4, 32).Draw(t, "length"), SA(1), shortestWith7
		}
		for _, at := range rapid.SliceOfNDistinct(rapid.IntRange(from, o.Len-1), 0, 4, rapid.ID).Draw(t, "fields") {
			o.Fields = append(o.Fields, Bytes("F", at, 1))
		}
		require.NoError(t, o.build())
		cdb := make([]byte, o.Len)
		for i := range cdb {
			cdb[i] = rapid.Byte().Draw(t, "byte") & o.allowed[i]
		}
		for range rapid.IntRange(0, 2).Draw(t, "wrong") {
			cdb[rapid.IntRange(1, o.Len-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		require.Equal(t, o.stray(cdb), o.check(cdb))
	})
}
