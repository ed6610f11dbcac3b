package sbc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// writeSame is WRITE SAME in both lengths, without the bits of byte 1.
var writeSame = []struct{ cdb, length string }{
	{"41 %02x %08x 00 %04x 00", "cf 00 07"},
	{"93 %02x %016x %08x 00 00", "cf 00 0a"},
}

// Bits of byte 1 (SBC-3 5.43 and 5.44).
const (
	anchor   = 0x10
	unmapped = 0x08
	noData   = 0x01 // NDOB, WRITE SAME (16) only
)

func TestWriteSame(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t))
		if size == 4096 {
			h = newHost(t, ramdisk(t), blocksOf4096)
		}
		for i, op := range writeSame {
			all := pattern(1<<20, byte(i))
			n := 1 << 20 / size
			whole := fmt.Sprintf(" 00 %016x %08x 00 00", 0, n)
			h.Send("8a"+whole, all).Good()
			block := pattern(size, 0x55)
			h.Send(fmt.Sprintf(op.cdb, 0, 3, n-5), block[:11], block[11:]).Good()
			copy(all[3*size:], bytes.Repeat(block, n-5))
			h.Fetch("88"+whole, 1<<20).Good(hex(all))

			h.Send(fmt.Sprintf(op.cdb, 0, 7, 3), make([]byte, size)).Good()
			clear(all[7*size : 10*size])
			h.Send(fmt.Sprintf(op.cdb, unmapped, 20, 3), make([]byte, size)).Good()
			clear(all[20*size : 23*size])
			h.Fetch("88"+whole, 1<<20).Good(hex(all))
		}
	}
}

// TestWriteSameInTheStore: zeros need no buffer, and whatever comes with UNMAP is unmapped.
func TestWriteSameInTheStore(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	zeros, other := make([]byte, 512), pattern(512, 1)
	for _, op := range writeSame {
		h.Send(fmt.Sprintf(op.cdb, 0, 2, 3), zeros).Good()
		h.Send(fmt.Sprintf(op.cdb, unmapped, 2, 3), zeros).Good()
		h.Send(fmt.Sprintf(op.cdb, 0, 2, 3), other).Good()
		h.Send(fmt.Sprintf(op.cdb, unmapped, 2, 3), other).Good() // zeros are what UNMAP asks for
		h.Send(fmt.Sprintf(op.cdb, 0, 0, 129), other).Good()
		require.Equal(t, []string{
			"zero 1024+1536", "discard 1024+1536", "write 1024+1536", "discard 1024+1536", "write 0+65536", "write 65536+512",
		}, m.took())
	}
	h.Send("93 01 0000000000000002 00000003 1f 00").Good()
	h.Send("93 09 0000000000000002 00000003 00 00").Good()
	require.Equal(t, []string{"zero 1024+1536", "discard 1024+1536"}, m.took())
}

// A number of blocks of 0 stands for all to the end of the medium: WSNZ is 0.
func TestWriteSameToTheEnd(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, op := range writeSame {
		h.Send(fmt.Sprintf(op.cdb, 0, 0, 0), make([]byte, 512)).Good()
		h.Send(fmt.Sprintf(op.cdb, unmapped, 2047, 0), make([]byte, 512)).Good()
		require.Equal(t, []string{"zero 0+1048576", "discard 1048064+512"}, m.took())
	}
}

// MAXIMUM WRITE SAME LENGTH is 8000h blocks.
func TestMaximumWriteSameLength(t *testing.T) {
	h := newHost(t, backend.NewNull(1<<40))
	zeros := make([]byte, 512)
	h.Send("93 08 0000000000000000 00008000 00 00", zeros).Good()
	h.Send("93 08 0000000000000000 00008001 00 00", zeros).Sense("05 24 00 cf 00 0a")
	h.Send("93 00 0000000000000000 ffffffff 00 00", zeros).Sense("05 21 00 cf 00 02") // out of range comes first
	h.Send("93 08 0000000000000000 00000000 00 00", zeros).Sense("05 24 00 cf 00 0a") // to the end, which is too far
	h.Send("93 08 000000007fff8000 00000000 00 00", zeros).Good()
	h.Send("41 08 00000000 00 0000 00", zeros).Sense("05 24 00 cf 00 07")
	h.Send("41 08 00000000 00 8001 00", zeros).Sense("05 24 00 cf 00 07")
	h.Send("41 08 00000000 00 8000 00", zeros).Good()
}

func TestWriteSameRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	block := make([]byte, 512)
	for _, op := range writeSame {
		h.Send(fmt.Sprintf(op.cdb, anchor, 0, 1), block).Sense("05 24 00 cc 00 01")
		h.Send(fmt.Sprintf(op.cdb, anchor|unmapped, 0, 1), block).Sense("05 24 00 cc 00 01") // ANC_SUP is 0
		h.Send(fmt.Sprintf(op.cdb, 0x04, 0, 1), block).Sense("05 24 00 ca 00 01")            // PBDATA, obsolete
		h.Send(fmt.Sprintf(op.cdb, 0x02, 0, 1), block).Sense("05 24 00 c9 00 01")            // LBDATA, obsolete
		h.Send(fmt.Sprintf(op.cdb, 0, 2048, 1), block).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, 0, 2047, 2), block).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, 0, 2049, 0), block).Sense("05 21 00 cf 00 02")
		for _, n := range []int{0, 256, 511, 513, 1024} {
			h.Send(fmt.Sprintf(op.cdb, 0, 0, 2), make([]byte, n)).Sense("05 24 00")
			h.Send(fmt.Sprintf(op.cdb, unmapped, 0, 2), make([]byte, n)).Sense("05 24 00")
		}
	}
	h.Send("93 00 ffffffffffffffff 00000002 00 00", block).Sense("05 21 00 cf 00 02")
	h.Send(fmt.Sprintf(writeSame[0].cdb, noData, 0, 1)).Sense("05 24 00 c8 00 01") // NDOB is not in the short form
	h.Send(fmt.Sprintf(writeSame[1].cdb, noData, 0, 1), block).Sense("05 24 00")
	require.Empty(t, m.took())
}
