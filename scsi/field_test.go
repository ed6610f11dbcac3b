package scsi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFieldUint(t *testing.T) {
	lba6 := Bits("LOGICAL BLOCK ADDRESS", 1, 4, 21)
	length6 := Bytes("TRANSFER LENGTH", 4, 1).Zero(256)
	for name, test := range map[string]struct {
		field Field
		cdb   []byte
		want  uint64
	}{
		"READ (6) LBA, all 21 bits":       {lba6, []byte{0x08, 0x1f, 0xff, 0xff, 0, 0}, 0x1fffff},
		"READ (6) LBA, top bit":           {lba6, []byte{0x08, 0x10, 0x00, 0x00, 0, 0}, 0x100000},
		"READ (6) LBA, bits above it":     {lba6, []byte{0x08, 0xe0, 0x00, 0x01, 0, 0}, 1},
		"READ (6) LBA, each byte":         {lba6, []byte{0x08, 0x01, 0x23, 0x45, 0xff, 0xff}, 0x12345},
		"READ (6) length 0 is 256":        {length6, []byte{0x08, 0, 0, 0, 0, 0xff}, 256},
		"READ (6) length 1":               {length6, []byte{0x08, 0, 0, 0, 1, 0}, 1},
		"READ (6) length 255":             {length6, []byte{0x08, 0, 0, 0, 0xff, 0}, 255},
		"one bit set, between others":     {Bits("FUA", 1, 3, 1), []byte{0, 0x08}, 1},
		"one bit clear, between others":   {Bits("FUA", 1, 3, 1), []byte{0, 0xf7}, 0},
		"lowest bit":                      {Bits("EVPD", 1, 0, 1), []byte{0, 0x01}, 1},
		"highest bit":                     {Bits("RCTD", 1, 7, 1), []byte{0, 0x80}, 1},
		"two bits at the top":             {Bits("PC", 1, 7, 2), []byte{0, 0xbf}, 2},
		"six bits at the bottom":          {Bits("PAGE CODE", 1, 5, 6), []byte{0, 0xca}, 0x0a},
		"four bits on both sides":         {Bits("SPANNING", 1, 1, 4), []byte{0xff, 0x02, 0xbf}, 0xa},
		"ends in the middle of a byte":    {Bits("SPANNING", 0, 7, 12), []byte{0xab, 0xcd}, 0xabc},
		"32 bits":                         {Bytes("LBA", 2, 4), []byte{0, 0, 0x80, 0x00, 0x00, 0x01}, 0x80000001},
		"64 bits":                         {Bytes("LBA", 0, 8), []byte{0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8}, 0xfffefdfcfbfaf9f8},
		"the zero field, of no bits":      {Field{}, []byte{0xff}, 0},
		"zero means nothing by default":   {Bytes("LENGTH", 0, 2), []byte{0, 0}, 0},
		"zero means something in 2 bytes": {Bytes("LENGTH", 0, 2).Zero(65536), []byte{0, 0}, 65536},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, test.field.Uint(test.cdb))
		})
	}
}

func TestFieldHint(t *testing.T) {
	plain := Bits("IMMED", 1, 1, 1)
	require.Empty(t, plain.Ignored)
	require.Equal(t, "because", plain.Hint("because").Ignored)
	require.Empty(t, plain.Ignored, "Hint changes a copy")
}

func TestFieldMark(t *testing.T) {
	usage := make([]byte, 6)
	require.NoError(t, Bits("LOGICAL BLOCK ADDRESS", 1, 4, 21).mark(usage))
	require.Equal(t, []byte{0, 0x1f, 0xff, 0xff, 0, 0}, usage)
	require.NoError(t, Bytes("TRANSFER LENGTH", 4, 1).mark(usage))
	require.Equal(t, []byte{0, 0x1f, 0xff, 0xff, 0xff, 0}, usage)
	require.NoError(t, Bits("NACA", 5, 2, 1).mark(usage))
	require.Equal(t, []byte{0, 0x1f, 0xff, 0xff, 0xff, 0x04}, usage)
}

func TestFieldMarkRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		field Field
		say   string
	}{
		"no name":                      {Bits("", 1, 0, 1), "malformed"},
		"byte before the CDB":          {Bits("F", -1, 0, 1), "malformed"},
		"bit 8":                        {Bits("F", 1, 8, 1), "malformed"},
		"negative bit":                 {Bits("F", 1, -1, 1), "malformed"},
		"no width":                     {Bits("F", 1, 0, 0), "malformed"},
		"wider than 64 bits":           {Bits("F", 1, 7, 65), "malformed"},
		"64 bits over nine bytes":      {Bits("F", 1, 6, 64), "malformed"},
		"past the end by a byte":       {Bytes("F", 5, 2), "ends in byte 6 of a CDB of 6 bytes"},
		"past the end by a bit":        {Bits("F", 5, 0, 2), "ends in byte 6 of a CDB of 6 bytes"},
		"overlap in a bit":             {Bits("F", 2, 3, 1), "overlaps another in byte 2"},
		"overlap in the last byte":     {Bytes("F", 1, 2), "overlaps another in byte 2"},
		"overlap with its own opcode":  {Bits("F", 0, 0, 1), "overlaps another in byte 0"},
		"wholly outside, far away":     {Bytes("F", 200, 1), "ends in byte 200"},
		"starts outside, no byte left": {Bits("F", 6, 7, 1), "ends in byte 6"},
	} {
		t.Run(name, func(t *testing.T) {
			usage := []byte{0xff, 0, 0x08, 0, 0, 0}
			require.ErrorContains(t, test.field.mark(usage), test.say)
		})
	}
}

// TestFieldAgainstBits holds Uint and mark to a reading of the CDB bit by bit.
func TestFieldAgainstBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cdb := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "cdb")
		bit := rapid.IntRange(0, 7).Draw(t, "bit")
		width := rapid.IntRange(1, 57+bit).Draw(t, "width")
		f := Bits("F", rapid.IntRange(0, 7).Draw(t, "byte"), bit, width)
		var want uint64
		usage := make([]byte, 16)
		for i := range width {
			at := f.Byte*8 + (7 - bit) + i
			want = want<<1 | uint64(cdb[at/8]>>(7-at%8)&1)
			usage[at/8] |= 1 << (7 - at%8)
		}
		require.Equal(t, want, f.Uint(cdb))
		got := make([]byte, 16)
		if width <= 64 && f.mark(got) == nil {
			require.Equal(t, usage, got)
		}
	})
}
