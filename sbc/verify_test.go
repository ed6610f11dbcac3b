package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
)

// verify is VERIFY in each length, without the bits of byte 1.
var verify = []struct{ cdb, length string }{
	{"2f %02x %08x 00 %04x 00", "cf 00 07"},
	{"af %02x %08x %08x 00 00", "cf 00 06"},
	{"8f %02x %016x %08x 00 00", "cf 00 0a"},
}

// Values of BYTCHK in byte 1 (SBC-3 5.29).
const (
	mediumOnly = 0x00
	each       = 0x02
	reserved   = 0x04
	oneForAll  = 0x06
)

func TestVerify(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		n := 1 << 20 / size // all of the disk, which is more than is read at a time
		same := pattern(size, 1)
		data := pattern(1<<20, 2)
		h.Send(fmt.Sprintf("8a 00 %016x %08x 00 00", 0, n), data).Good()
		for _, op := range verify {
			h.Send(fmt.Sprintf(op.cdb, mediumOnly, 0, n)).Good()
			h.Send(fmt.Sprintf(op.cdb, mediumOnly|0x10, 3, 1)).Good() // DPO
			h.Send(fmt.Sprintf(op.cdb, each, 0, n), data[:1000], data[1000:]).Good()
			h.Send(fmt.Sprintf(op.cdb, each, 3, 2), data[3*size:5*size]).Good()
			h.Send(fmt.Sprintf(op.cdb, oneForAll, 3, 1), data[3*size:4*size]).Good()
			h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, 2), same).Sense("0e 1d 00")
		}
		h.Send(fmt.Sprintf("93 00 %016x %08x 00 00", 0, n), same).Good()
		for _, op := range verify {
			h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, n), same).Good()
			h.Send(fmt.Sprintf(op.cdb, oneForAll, n-1, 1), same).Good()
			h.Send(fmt.Sprintf(op.cdb, each, 0, n), data).Sense("0e 1d 00")
		}
	}
}

// TestMiscompare tells the block (SBC-4 4.18): in the first and the last byte of the first, the last, and one between.
func TestMiscompare(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	const blocks = 300 // three pieces of 64 KiB
	data := pattern(blocks*512, 5)
	h.Send("2a 00 00000000 00 012c 00", data).Good()
	for _, at := range []int{0, 511, 512, 128*512 - 1, 128 * 512, 200 * 512, len(data) - 1} {
		data[at] ^= 0x01
		h.Send("2f 02 00000000 00 012c 00", data).Raw("f0 00 0e", fmt.Sprintf("%08x", at/512), "0a 00000000 1d 00 00 000000")
		data[at] ^= 0x01
	}
	h.Send("2f 02 00000000 00 012c 00", data).Good()
}

func TestVerifyRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 16 * 512 })
	for _, op := range verify {
		h.Send(fmt.Sprintf(op.cdb, reserved, 0, 1), make([]byte, 512)).Sense("05 24 00 ca 00 01")
		h.Send(fmt.Sprintf(op.cdb, 0x08, 0, 1)).Sense("05 24 00 cb 00 01")
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 2048, 1)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 2049, 0)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, each, 2047, 2), make([]byte, 1024)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 0, 17)).Sense("05 24 00" + op.length) // MAXIMUM TRANSFER LENGTH
		// Data-Out that BYTCHK does not ask for, or not as much as it does.
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 0, 1), make([]byte, 512)).Sense("05 24 00")
		h.Send(fmt.Sprintf(op.cdb, each, 0, 2), make([]byte, 512)).Sense("05 24 00")
		h.Send(fmt.Sprintf(op.cdb, each, 0, 2)).Sense("05 24 00")
		h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, 2), make([]byte, 1024)).Sense("05 24 00")
		h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, 2), make([]byte, 511)).Sense("05 24 00")
	}
	require.Empty(t, m.took())
}

func TestVerifyNothing(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, op := range verify {
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 0, 0)).Good()
		h.Send(fmt.Sprintf(op.cdb, each, 2048, 0)).Good()
		h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, 0)).Good()
	}
	require.Empty(t, m.took())
}

// TestVerifyLooksAtTheMedium: what the cache holds is written first (SBC-3 5.29).
func TestVerifyLooksAtTheMedium(t *testing.T) {
	m := volatile()
	h := newHost(t, m)
	h.Send("2f 00 00000001 00 0001 00").Good()
	require.Equal(t, []string{"flush", "read 512+512"}, m.took())
	h = newHost(t, m, writeThrough)
	h.Send("8f 00 0000000000000001 00000001 00 00").Good()
	require.Equal(t, []string{"read 512+512"}, m.took())
}
