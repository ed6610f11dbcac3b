package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

func TestCommandEntry(t *testing.T) {
	littleEndian(t)
	mem := image(readEntry())
	r, err := newRing(mem)
	require.NoError(t, err)
	head, err := r.filled()
	require.NoError(t, err)
	require.EqualValues(t, 128, head)
	h, err := r.header(0, head)
	require.NoError(t, err)
	require.Equal(t, header{off: 0, len: 128, op: opCommand, id: 5}, h)

	var s slot
	require.NoError(t, s.load(r, h))
	require.EqualValues(t, 5, s.id)
	require.False(t, s.bidi)
	require.Equal(t, []byte{0x28, 0, 0, 0, 0, 7, 0, 0, 10, 0}, s.cmd.CDB)
	require.Len(t, s.cmd.Data, 2)
	require.Equal(t, &mem[0x2000], &s.cmd.Data[0][0])
	require.Equal(t, 4096, len(s.cmd.Data[0]))
	require.Equal(t, 4096, cap(s.cmd.Data[0]), "no handler reaches past its segment")
	require.Equal(t, &mem[0x1000], &s.cmd.Data[1][0])
	require.Equal(t, 904, len(s.cmd.Data[1]))
	require.Equal(t, 904, cap(s.cmd.Data[1]))

	clear(mem[0x80:0x1000]) // nothing of it is read again
	require.Equal(t, []byte{0x28, 0, 0, 0, 0, 7, 0, 0, 10, 0}, s.cmd.CDB)
}

// A variable length CDB has its length in byte 7; all the others by the group in the top bits of byte 0.
func TestCDBLengths(t *testing.T) {
	littleEndian(t)
	for _, c := range []struct {
		name string
		cdb  []byte
		want int
	}{
		{"group 0", []byte{0x12}, 6},
		{"group 1", []byte{0x28}, 10},
		{"group 2", []byte{0x4d}, 10},
		{"group 3", []byte{0x60}, 12},
		{"group 4", []byte{0x88}, 16},
		{"group 5", []byte{0xa0}, 12},
		{"group 6", []byte{0xc1}, 10},
		{"group 7", []byte{0xff}, 10},
		{"variable length", []byte{0x7f, 0, 0, 0, 0, 0, 0, 0x18}, 32},
		{"longest", []byte{0x7f, 0, 0, 0, 0, 0, 0, 0xff}, 263},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := join(readEntry()[:112], c.cdb, make([]byte, 264-len(c.cdb)))
			e[0], e[1] = 0x79, 0x01 // 376 bytes
			r, err := newRing(image(e))
			require.NoError(t, err)
			var s slot
			require.NoError(t, s.load(r, header{len: 376, op: opCommand, id: 5}))
			require.Len(t, s.cmd.CDB, c.want)
		})
	}
}

func TestTMREntry(t *testing.T) {
	littleEndian(t)
	r, err := newRing(image(tmrEntry()))
	require.NoError(t, err)
	h, err := r.header(0, 40)
	require.NoError(t, err)
	require.Equal(t, header{off: 0, len: 40, op: opTMR}, h)
	m, err := r.tmr(h)
	require.NoError(t, err)
	require.Equal(t, TMR{Function: AbortTask, IDs: []uint16{5, 258}}, m)
	require.Equal(t, "ABORT TASK", m.Function.String())
	require.Equal(t, "task management function 99", TaskFunction(99).String())
}

// The ring may end with 8 bytes of PAD, and the memory with the ring.
func TestPadOfEightBytesAtTheVeryEnd(t *testing.T) {
	littleEndian(t)
	mem := image()
	copy(mem[0x1000-8:], padEntry(8))
	mem = mem[:0x1000:0x1000]
	mem[64], mem[65] = 0x78, 0x0f // tail: 3960
	d := hand(t, mem, good)
	found, err := d.scan()
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, 0, d.ring.consumed)
	require.EqualValues(t, 0, d.ring.done, "a PAD wants no completion")
}

func TestResponse(t *testing.T) {
	littleEndian(t)
	for _, c := range []struct {
		name   string
		res    scsi.Result
		length uint32
		want   []byte
	}{
		{"GOOD", scsi.Result{}, 0, []byte{0x81, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"GOOD, 600 bytes", scsi.Result{}, 600, []byte{0x81, 0, 0, 0, 0x34, 0x12, 0, 2, 0, 0, 0, 0, 0x58, 2, 0, 0}},
		{"RESERVATION CONFLICT", scsi.Conflict, 0, []byte{0x81, 0, 0, 0, 0x34, 0x12, 0, 0, 0x18, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := readEntry()
			writeResponse(e, 0x1234, c.res, c.length, 0)
			require.Equal(t, c.want, e[:16])
			require.Equal(t, readEntry()[16:], e[16:], "without CHECK CONDITION there is no sense data")
		})
	}
}

func TestResponseWithSense(t *testing.T) {
	littleEndian(t)
	e := readEntry()
	for i := 16; i < 112; i++ {
		e[i] = 0xee
	}
	writeResponse(e, 0x1234, scsi.LBAOutOfRange, 0, 0)
	require.Equal(t, join(
		[]byte{0x81, 0, 0, 0, 0x34, 0x12, 0, 0},
		[]byte{2, 0, 0, 0, 0, 0, 0, 0},
		[]byte{0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0}, // fixed format, 5/21/00
		make([]byte, 96-18),                                                 // nothing is left of what was there
	), e[:112])
	require.Equal(t, readEntry()[112:], e[112:])
}
