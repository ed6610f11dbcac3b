package scsi

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows of a unit that has one command of each kind. All of them end in GOOD when they are admitted.
func testRows() []Op {
	list := Bytes("PARAMETER LIST LENGTH", 7, 2)
	return []Op{
		{Code: 0x12, Name: "INQUIRY", Spec: "SPC-4", Len: 6, Access: Always, Flags: BypassAttention, Do: good},
		{Code: 0x28, Name: "READ (10)", Spec: "SBC-3", Len: 10, Access: Reads, Flags: NeedsMedium | NeedsStart, Do: good,
			Fields: []Field{Bits("FUA", 1, 3, 1), Bytes("LBA", 2, 4), Bits("GROUP", 6, 4, 5).Hint("ignored")}},
		{Code: 0x2a, Name: "WRITE (10)", Spec: "SBC-3", Len: 10, Access: Writes, Flags: NeedsMedium | NeedsStart | AltersMedium, Do: good},
		{Code: 0x42, Name: "UNMAP", Spec: "SBC-3", Len: 10, Access: Writes, Flags: NeedsMedium | NeedsStart | AltersMedium, Do: good,
			Fields: []Field{list}, Xfer: ParametersOut(list)},
		{Code: 0x7f, SA: SA(0x0009), Name: "READ (32)", Spec: "SBC-3", Len: 32, Access: Reads, Do: good,
			Fields: []Field{Bytes("LBA", 12, 8)}},
		{Code: 0x7f, SA: SA(0x0209), Name: "SHORT (12)", Spec: "none", Len: 12, Access: Reads, Do: good},
		{Code: 0x9e, SA: SA(0x10), Name: "READ CAPACITY (16)", Spec: "SBC-3", Len: 16, Access: Always, Do: good},
		{Code: 0x9e, SA: SA(0x12), Name: "GET LBA STATUS", Spec: "SBC-3", Len: 16, Access: Reads, Do: good},
	}
}

func newTestUnit(t *testing.T) *Unit {
	u, err := NewUnit(Config{Ops: testRows()})
	require.NoError(t, err)
	return u
}

func cdb(b ...byte) []byte {
	if n := CDBLength(b); n > len(b) {
		b = append(b, make([]byte, n-len(b))...)
	}
	return b
}

func TestFind(t *testing.T) {
	u := newTestUnit(t)
	for name, test := range map[string]struct {
		cdb  []byte
		want Result
	}{
		"no CDB at all":                  {nil, InvalidCommandOperationCode},
		"unknown operation code":         {cdb(0x1d), InvalidCommandOperationCode},
		"unknown, vendor's group":        {cdb(0xc0), InvalidCommandOperationCode},
		"unknown, reserved group":        {cdb(0x60), InvalidCommandOperationCode},
		"unknown, of one byte":           {[]byte{0xff}, InvalidCommandOperationCode},
		"known":                          {cdb(0x12), Result{}},
		"known, but cut short":           {[]byte{0x28, 0, 0}, InvalidFieldInCDB},
		"service action":                 {cdb(0x9e, 0x12), Result{}},
		"unknown service action":         {cdb(0x9e, 0x11), InvalidFieldInCDB.AtBit(1, 4)},
		"service action 0":               {cdb(0x9e, 0x00), InvalidFieldInCDB.AtBit(1, 4)},
		"reserved bits above the action": {cdb(0x9e, 0xd0), InvalidFieldInCDB.AtBit(1, 7)},
		"cut before the service action":  {[]byte{0x9e}, InvalidFieldInCDB},
		"variable length":                {cdb(0x7f, 0, 0, 0, 0, 0, 0, 24, 0x00, 0x09), Result{}},
		"variable length, other length":  {cdb(0x7f, 0, 0, 0, 0, 0, 0, 4, 0x02, 0x09), Result{}},
		"variable, unknown action":       {cdb(0x7f, 0, 0, 0, 0, 0, 0, 24, 0x09, 0x00), InvalidCommandOperationCode},
		"variable, length too great":     {cdb(0x7f, 0, 0, 0, 0, 0, 0, 28, 0x00, 0x09), InvalidFieldInCDB.AtBit(7, 7)},
		"variable, length too small":     {cdb(0x7f, 0, 0, 0, 0, 0, 0, 23, 0x00, 0x09), InvalidFieldInCDB},
		"variable, says 32 and has 10":   {[]byte{0x7f, 0, 0, 0, 0, 0, 0, 24, 0x00, 0x09}, InvalidFieldInCDB},
		"variable, no service action":    {[]byte{0x7f, 0, 0, 0, 0, 0, 0, 0}, InvalidFieldInCDB},
		"variable, forbidden bit":        {cdb(0x7f, 0, 0, 0, 0, 0, 0x1f, 24, 0x00, 0x09), InvalidFieldInCDB.AtBit(6, 4)},
		"variable, last byte":            {append(cdb(0x7f, 0, 0, 0, 0, 0, 0, 24, 0x00, 0x09)[:31], 1), InvalidFieldInCDB.AtBit(31, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, u.Do(&Command{CDB: test.cdb}))
		})
	}
}

// The field pointer names the byte, and in it the highest of the bits that may not be set (SPC-4 clause 4.5.2.4.2).
func TestForbiddenBits(t *testing.T) {
	u := newTestUnit(t)
	for name, test := range map[string]struct {
		cdb       []byte
		byte, bit int
	}{
		"RDPROTECT":                 {cdb(0x28, 0xe0), 1, 7},
		"DPO beside FUA":            {cdb(0x28, 0x18), 1, 4},
		"the lowest bit":            {cdb(0x28, 0x09), 1, 0},
		"the highest of several":    {cdb(0x28, 0x27), 1, 5},
		"beside an ignored field":   {cdb(0x28, 0, 0, 0, 0, 0, 0x3f), 6, 5},
		"the first of two bytes":    {cdb(0x28, 0x01, 0, 0, 0, 0, 0x80), 1, 0},
		"CONTROL, NACA":             {cdb(0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0x04), 9, 2},
		"in a CDB without fields":   {cdb(0x12, 0, 0, 0, 0x40), 4, 6},
		"in the last byte of group": {cdb(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff), 15, 7},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, InvalidFieldInCDB.AtBit(test.byte, test.bit), u.Do(&Command{CDB: test.cdb}))
		})
	}
	for _, accepted := range [][]byte{
		cdb(0x28, 0x08, 0xff, 0xff, 0xff, 0xff),
		cdb(0x28, 0, 0, 0, 0, 0, 0x1f), // ignored
	} {
		require.True(t, u.Do(&Command{CDB: accepted}).OK())
	}
	require.True(t, u.Do(&Command{CDB: append(cdb(0x28), 0xff, 0xff)}).OK(), "bytes after the CDB are not part of it")
}

// TestOrderOfChecks lets everything be wrong with a command at once, and takes one wrong away at a time.
func TestOrderOfChecks(t *testing.T) {
	u := newTestUnit(t)
	n := u.Join("host a")
	n.Attend(PowerOnOccurred)
	n.Bar(BarReads|BarWrites|InStandby, ^Bars(0))
	u.Set(Stopped|WriteProtect|SoftwareWriteProtect, true)
	send := func(b ...byte) Result { return u.Do(&Command{CDB: cdb(b...), Nexus: n}) }

	require.Equal(t, InvalidCommandOperationCode, send(0x43))
	require.Equal(t, InvalidFieldInCDB.AtBit(1, 4), send(0x9e, 0x1f))
	unmap := []byte{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}
	require.Equal(t, InvalidFieldInCDB.AtBit(1, 0), send(0x42, 0x01, 0, 0, 0, 0, 0, 0, 24, 0))
	require.Equal(t, Check(UnitAttention, PowerOnOccurred), send(unmap...))
	require.Equal(t, TargetPortInStandby, send(unmap...))
	n.Bar(0, InStandby)
	require.Zero(t, n.Conflicts(), "a unit attention and the state of the port come before a reservation conflict")
	require.Equal(t, Conflict, send(unmap...))
	n.Bar(0, BarReads|BarWrites)
	require.Equal(t, LogicalUnitNotReadyStopped, send(unmap...))
	u.Set(Stopped, false)
	require.Equal(t, WriteProtected, send(unmap...))
	u.Set(WriteProtect, false)
	require.Equal(t, LogicalUnitSoftwareWriteProtected, send(unmap...))
	u.Set(SoftwareWriteProtect, false)
	require.Equal(t, ParameterListLengthError, send(unmap...))
	require.True(t, u.Do(&Command{CDB: unmap, Data: Buffer{make([]byte, 24)}, Nexus: n}).OK())
}

func TestBypassAttention(t *testing.T) {
	u := newTestUnit(t)
	n := u.Join("host a")
	n.Attend(PowerOnOccurred)
	require.True(t, u.Do(&Command{CDB: cdb(0x12), Nexus: n}).OK())
	require.Equal(t, Check(UnitAttention, PowerOnOccurred), u.Do(&Command{CDB: cdb(0x28), Nexus: n}))
	require.True(t, u.Do(&Command{CDB: cdb(0x28), Nexus: n}).OK(), "it is reported once")
}

func TestSettings(t *testing.T) {
	u := newTestUnit(t)
	read, write, inquiry := &Command{CDB: cdb(0x28)}, &Command{CDB: cdb(0x2a)}, &Command{CDB: cdb(0x12)}

	u.Set(WriteProtect, true)
	require.True(t, u.Do(read).OK())
	require.Equal(t, WriteProtected, u.Do(write))
	u.Set(Stopped, true)
	require.True(t, u.Is(Stopped))
	require.True(t, u.Is(Stopped|DescriptorFormat), "any of them")
	require.False(t, u.Is(DescriptorFormat))
	require.Equal(t, LogicalUnitNotReadyStopped, u.Do(read))
	require.True(t, u.Do(inquiry).OK())
	u.Set(Stopped|WriteProtect, false)
	require.True(t, u.Do(write).OK())

	u.Set(Empty|Stopped, true)
	require.Equal(t, MediumNotPresent, u.Do(write), "what is not there need not be started")
	require.Equal(t, MediumNotPresent, u.NotReady())
	require.True(t, u.Do(inquiry).OK())
	u.Set(Empty|Stopped, false)
	require.True(t, u.NotReady().OK())

	u.Set(DescriptorFormat, true)
	require.Equal(t, InvalidCommandOperationCode.InDescriptorFormat(), u.Do(&Command{CDB: cdb(0x1d)}))
	require.Equal(t, Result{}, u.Do(read), "GOOD has no sense")
}

// A unit that is busy with itself lets through what its gate says, and what bypasses unit attentions.
func TestHold(t *testing.T) {
	u := newTestUnit(t)
	busy := Check(NotReady, 0x0404).WithProgress(0x8000)
	u.Hold(func(op *Op) Result {
		if op != nil && op.Code == 0x2a {
			return Result{}
		}
		return busy
	})
	require.Equal(t, busy, u.Do(&Command{CDB: cdb(0x28)}))
	require.True(t, u.Do(&Command{CDB: cdb(0x2a)}).OK())
	require.True(t, u.Do(&Command{CDB: cdb(0x12)}).OK())
	require.Equal(t, busy, u.Do(&Command{CDB: append(cdb(0x28)[:9], 0xff)}), "before it finds fault with the CDB")
	require.Equal(t, busy, u.NotReady())
	u.Hold(nil)
	require.True(t, u.Do(&Command{CDB: cdb(0x28)}).OK())
	require.True(t, u.NotReady().OK())
}

// What an extent names lies on the medium; that is found out before write protection, and no sum overflows.
func TestExtent(t *testing.T) {
	lba, n := Bytes("LOGICAL BLOCK ADDRESS", 2, 8), Bytes("TRANSFER LENGTH", 10, 4)
	var at, blocks uint64
	op := Op{Code: 0x8a, Name: "WRITE (16)", Spec: "SBC-3", Len: 16, Access: Writes, Flags: AltersMedium,
		Fields: []Field{lba, n}, Extent: ExtentOf(lba, n),
		Do: func(c *Command) Result { at, blocks = c.Extent(); return Result{} }}
	_, err := NewUnit(Config{Ops: []Op{op}})
	require.ErrorContains(t, err, "nobody says how many blocks")
	u, err := NewUnit(Config{Ops: []Op{op}, Blocks: func() uint64 { return 1000 }})
	require.NoError(t, err)
	send := func(lba uint64, n uint32) Result {
		p := [16]byte{0: 0x8a}
		binary.BigEndian.PutUint64(p[2:], lba)
		binary.BigEndian.PutUint32(p[10:], n)
		return u.Do(&Command{CDB: p[:]})
	}
	require.True(t, send(990, 10).OK())
	require.Equal(t, []uint64{990, 10}, []uint64{at, blocks})
	require.True(t, send(1000, 0).OK())
	u.Set(WriteProtect, true)
	require.Equal(t, WriteProtected, send(990, 10))
	for _, far := range []struct {
		lba uint64
		n   uint32
	}{{990, 11}, {1000, 1}, {1001, 0}, {1 << 63, 1}, {1<<64 - 1, 0xffffffff}, {1<<64 - 1, 1}} {
		require.Equal(t, LBAOutOfRange.At(lba), send(far.lba, far.n), far)
	}
	op.Fields = op.Fields[:1]
	_, err = NewUnit(Config{Ops: []Op{op}, Blocks: func() uint64 { return 1000 }})
	require.ErrorContains(t, err, `"TRANSFER LENGTH" is not one of its fields`)
}

// TestAtOnce: with AtOnce, what may wait is left for later, and nothing of it is done.
func TestAtOnce(t *testing.T) {
	for _, waits := range []bool{false, true} {
		rows := testRows()
		for i := range rows {
			switch rows[i].Name {
			case "WRITE (10)", "GET LBA STATUS":
				rows[i].Flags |= Lengthy
			case "READ (10)":
				rows[i].Flags |= Prompt
			}
		}
		u, err := NewUnit(Config{Ops: rows, Waits: waits, Blocks: func() uint64 { return 1000 }})
		require.NoError(t, err)
		n := u.Join("host a")
		n.Attend(PowerOnOccurred)
		do := func(cdb []byte, atOnce bool) Result { return u.Do(&Command{CDB: cdb, Nexus: n, AtOnce: atOnce}) }
		for _, long := range [][]byte{cdb(0x2a), cdb(0x9e, 0x12)} {
			require.Equal(t, Later, do(long, true))
		}
		require.Equal(t, waits, do(cdb(0x12), true).IsLater(), "INQUIRY")
		require.Equal(t, InvalidCommandOperationCode, do(cdb(0xff), true))
		require.Equal(t, Check(UnitAttention, PowerOnOccurred), do(cdb(0x28), true), "nobody else was told of it")
		require.False(t, do(cdb(0x2a), false).IsLater())
	}
	require.Equal(t, Busy, Later.Status, "for those who do not know it")
	require.False(t, Result{Status: Busy}.IsLater())
}

// TestCheck finds what would keep a command from its handler, leaves unit attentions alone, and does not carry it out.
func TestCheck(t *testing.T) {
	u := newTestUnit(t)
	n := u.Join("host a")
	n.Attend(PowerOnOccurred)
	check := func(b ...byte) Result { return u.Check(&Command{CDB: cdb(b...), Nexus: n}) }
	require.Equal(t, Result{}, check(0x2a))
	require.Equal(t, InvalidCommandOperationCode, check(0x1d))
	require.Equal(t, InvalidFieldInCDB.AtBit(1, 7), check(0x2a, 0x80))
	u.Set(SoftwareWriteProtect, true)
	require.Equal(t, LogicalUnitSoftwareWriteProtected, check(0x2a))
	u.Hold(func(op *Op) Result { return FormatInProgress })
	require.Equal(t, FormatInProgress, check(0x28))
	require.Equal(t, Check(UnitAttention, PowerOnOccurred), n.TakeAttention())

	n.Bar(BarReads, BarReads)
	require.Equal(t, Conflict, check(0x28))
}
