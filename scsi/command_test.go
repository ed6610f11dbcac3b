package scsi

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// do sends one command to a unit whose only row is op.
func do(t *testing.T, op Op, c *Command) Result {
	t.Helper()
	op.Spec, op.Access = "none", Always
	u, err := NewUnit(Config{Ops: []Op{op}})
	require.NoError(t, err)
	return u.Do(c)
}

func TestReplyIsCut(t *testing.T) {
	alloc := Bytes("ALLOCATION LENGTH", 4, 1)
	inquiry := Op{Code: 0x12, Name: "INQUIRY", Len: 6, Fields: []Field{alloc}, Xfer: AllocationIn(alloc),
		Do: func(c *Command) Result {
			c.Reply([]byte("abc"))
			c.Reply(nil)
			c.Reply([]byte("defgh"))
			return Result{}
		}}
	for name, test := range map[string]struct {
		alloc byte
		room  int
		want  string
	}{
		"all of it":                     {8, 8, "abcdefgh"},
		"more room than data":           {255, 12, "abcdefgh"},
		"cut by the allocation length":  {5, 12, "abcde"},
		"cut between two replies":       {3, 12, "abc"},
		"cut in the first reply":        {2, 12, "ab"},
		"cut by the initiator's buffer": {255, 4, "abcd"},
		"allocation length 0":           {0, 12, ""},
		"no buffer":                     {255, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			buffer := bytes.Repeat([]byte{'.'}, test.room)
			half := test.room / 2
			c := &Command{CDB: []byte{0x12, 0, 0, 0, test.alloc, 0}, Data: Buffer{buffer[:half], buffer[half:]}}
			require.True(t, do(t, inquiry, c).OK())
			n, in := c.Moved()
			require.True(t, in)
			require.Equal(t, test.want, string(buffer[:n]))
			require.Equal(t, bytes.Repeat([]byte{'.'}, test.room-int(n)), buffer[n:])
		})
	}
}

// TestInFitsTheInitiator: a READ of three blocks of 4 bytes fills what the initiator has room for, and a store never
// sees part of a block.
func TestInFitsTheInitiator(t *testing.T) {
	length := Bytes("TRANSFER LENGTH", 7, 2)
	read := Op{Code: 0x28, Name: "READ (10)", Len: 10, Fields: []Field{length}, Xfer: BlocksIn(length),
		Do: func(c *Command) Result {
			b := c.In(int64(c.Uint(length))*4, 4)
			require.Zero(t, b.Len()%4, "whole blocks")
			require.LessOrEqual(t, b.Len(), int64(12))
			b.Write([]byte("abcdefghijkl"), 0)
			return Result{}
		}}
	c := &Command{CDB: []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 3, 0}}
	for name, test := range map[string]struct {
		segments []int
		want     string
	}{
		"just enough":              {[]int{12}, "abcdefghijkl"},
		"in two segments":          {[]int{5, 7}, "abcdefghijkl"},
		"more than enough":         {[]int{20}, "abcdefghijkl"},
		"more, cut in a segment":   {[]int{10, 10, 10}, "abcdefghijkl"},
		"two blocks":               {[]int{8}, "abcdefgh"},
		"a block and a half":       {[]int{6}, "abcdef"},
		"a block and a half again": {[]int{1, 2, 3}, "abcdef"},
		"less than a block":        {[]int{3}, "abc"},
		"nothing":                  {nil, ""},
		"an empty segment":         {[]int{0, 4, 0}, "abcd"},
	} {
		t.Run(name, func(t *testing.T) {
			var all []byte
			c.Data = nil
			for _, n := range test.segments {
				c.Data = append(c.Data, bytes.Repeat([]byte{'.'}, n))
			}
			require.True(t, do(t, read, c).OK(), "the same Command again and again")
			all = bytes.Join(c.Data, nil)
			n, _ := c.Moved()
			require.Equal(t, test.want, string(all[:n]))
			require.Equal(t, bytes.Repeat([]byte{'.'}, len(all)-int(n)), all[n:])
		})
	}
}

func TestOutIsExact(t *testing.T) {
	length := Bytes("TRANSFER LENGTH", 7, 2)
	write := Op{Code: 0x2a, Name: "WRITE (10)", Len: 10, Fields: []Field{length}, Xfer: BlocksOut(length),
		Do: func(c *Command) Result {
			b, r := c.Out(int64(c.Uint(length)) * 4)
			if r.OK() {
				require.Equal(t, "abcdefgh", string(bytes.Join(b, nil)))
			}
			return r
		}}
	cdb := []byte{0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0}
	for data, want := range map[string]Result{
		"abcdefgh":  {},
		"abcdefg":   InvalidFieldInCDB.AtBit(7, 7),
		"abcdefghi": InvalidFieldInCDB.AtBit(7, 7),
		"":          InvalidFieldInCDB.AtBit(7, 7),
	} {
		c := &Command{CDB: cdb, Data: Buffer{[]byte(data)}}
		require.Equal(t, want, do(t, write, c), data)
		n, in := c.Moved()
		require.Zero(t, n)
		require.False(t, in, "Data-Out")
	}
	unnamed := write
	unnamed.Xfer = Transfer{Dir: DataOut}
	require.Equal(t, InvalidFieldInCDB, do(t, unnamed, &Command{CDB: cdb}), "no length field to point at")
}

func TestParameterList(t *testing.T) {
	list := Bytes("PARAMETER LIST LENGTH", 4, 1)
	sel := Op{Code: 0x15, Name: "MODE SELECT (6)", Len: 6, Fields: []Field{list}, Xfer: ParametersOut(list),
		Do: func(c *Command) Result {
			var p [4]byte
			require.True(t, c.Param(p[:], 1))
			require.Equal(t, "bcde", string(p[:]))
			require.False(t, c.Param(p[:], int64(len("abcdef")-3)), "one byte is missing")
			return Result{}
		}}
	require.True(t, do(t, sel, &Command{CDB: []byte{0x15, 0, 0, 0, 6, 0}, Data: Buffer{[]byte("ab"), []byte("cdef")}}).OK())
	require.True(t, do(t, sel, &Command{CDB: []byte{0x15, 0, 0, 0, 4, 0}, Data: Buffer{[]byte("abcdef")}}).OK(),
		"more than PARAMETER LIST LENGTH says is no error")
	require.Equal(t, ParameterListLengthError,
		do(t, sel, &Command{CDB: []byte{0x15, 0, 0, 0, 7, 0}, Data: Buffer{[]byte("abcdef")}}))
}

// What a handler without rows says holds for one command only.
func TestTransferred(t *testing.T) {
	c := &Command{CDB: cdb(0x28), Data: Buffer{make([]byte, 8)}}
	moved := func() string {
		n, in := c.Moved()
		return fmt.Sprint(n, in)
	}
	c.Begin()
	require.Equal(t, "0 true", moved())
	c.Transferred(DataIn, 5)
	require.Equal(t, "5 true", moved())
	c.Transferred(DataOut, 0)
	require.Equal(t, "0 false", moved())
	c.Begin()
	require.Equal(t, "0 true", moved())
}

func TestRawSense(t *testing.T) {
	long := bytes.Repeat([]byte{0x72, 0x03, 0x11, 0x0b}, 30)
	for name, test := range map[string]struct {
		sense []byte
		want  string
	}{
		"fixed":                {[]byte{0xf0, 0, 0x23, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0}, "MEDIUM ERROR, UNRECOVERED READ ERROR"},
		"fixed, deferred":      {[]byte{0x71, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0c, 0x00}, "MEDIUM ERROR, WRITE ERROR"},
		"descriptor":           {[]byte{0x72, 0x05, 0x24, 0x00, 0, 0, 0, 0}, "ILLEGAL REQUEST, INVALID FIELD IN CDB"},
		"descriptor, deferred": {[]byte{0x73, 0x06, 0x29, 0x01, 0, 0, 0, 0}, "UNIT ATTENTION, POWER ON OCCURRED"},
		"more than fits":       {long, "MEDIUM ERROR, additional sense code 11h/0bh"},
		"none":                 {nil, "NO SENSE, NO ADDITIONAL SENSE INFORMATION"},
	} {
		t.Run(name, func(t *testing.T) {
			var c Command
			c.RawSense(bytes.Repeat([]byte{0xff}, MaxSense)) // of the command before
			r := c.RawSense(test.sense)
			require.Equal(t, test.want, r.String())
			require.True(t, r.Raw())
			want := make([]byte, MaxSense)
			copy(want, test.sense)
			for _, r := range []Result{r, r.InDescriptorFormat()} {
				var p [MaxSense]byte
				require.Equal(t, MaxSense, r.Sense(p[:]))
				require.Equal(t, want, p[:])
			}
		})
	}
	require.False(t, LBAOutOfRange.Raw())
}

func TestCommandName(t *testing.T) {
	u := newTestUnit(t)
	for want, b := range map[string][]byte{
		"READ (10)":          cdb(0x28),
		"GET LBA STATUS":     cdb(0x9e, 0x12),
		"operation code 9eh": cdb(0x9e, 0x1f),
		"operation code c1h": cdb(0xc1),
		"empty CDB":          {},
	} {
		c := &Command{CDB: b}
		u.Do(c)
		require.Equal(t, want, c.Name())
	}
}

func TestHandlerFunc(t *testing.T) {
	var h Handler = HandlerFunc(func(c *Command) Result { return Result{Status: Status(c.CDB[0])} })
	require.Equal(t, Busy, h.Do(&Command{CDB: []byte{0x08}}).Status)
}

func TestDoDoesNotAllocate(t *testing.T) {
	u := newTestUnit(t)
	c := &Command{CDB: cdb(0x28), Nexus: u.Join("host a"), Data: Buffer{make([]byte, 512)}}
	require.Zero(t, testing.AllocsPerRun(100, func() { u.Do(c) }))
}

func TestWasAborted(t *testing.T) {
	var c Command
	require.False(t, c.WasAborted(), "by a transport that never aborts")
	abort := make(chan struct{})
	c.Aborted = abort
	require.False(t, c.WasAborted())
	close(abort)
	require.True(t, c.WasAborted())
	require.Equal(t, TaskAborted, Aborted.Status)
}
