package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
)

// readWrite is READ and WRITE in each length: the formats take LBA and number of blocks.
var readWrite = []struct {
	read, write string
	lbas        uint64 // that the CDB can say
	lba, length string // sense key specific bytes that point at these fields
}{
	{"08 %06x %02x 00", "0a %06x %02x 00", 1 << 21, "cc 00 01", "cf 00 04"},
	{"28 00 %08x 00 %04x 00", "2a 00 %08x 00 %04x 00", 1 << 32, "cf 00 02", "cf 00 07"},
	{"a8 00 %08x %08x 00 00", "aa 00 %08x %08x 00 00", 1 << 32, "cf 00 02", "cf 00 06"},
	{"88 00 %016x %08x 00 00", "8a 00 %016x %08x 00 00", 0, "cf 00 02", "cf 00 0a"},
}

func TestReadBackWhatWasWritten(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		last := uint64(1<<20/size) - 1
		for i, op := range readWrite {
			data := pattern(3*size, byte(i))
			h.Send(fmt.Sprintf(op.write, 5, 3), data[:7], data[7:]).Good()
			h.Fetch(fmt.Sprintf(op.read, 5, 3), 3*size).Good(hex(data))
			h.Fetch(fmt.Sprintf(op.read, 6, 1), size).Good(hex(data[size : 2*size]))

			h.Send(fmt.Sprintf(op.write, last, 1), data[:size]).Good()
			h.Fetch(fmt.Sprintf(op.read, last, 1), size).Good(hex(data[:size]))
			h.Fetch(fmt.Sprintf(op.read, last-1, 2), 2*size).Good(fmt.Sprintf("00*%d", size), hex(data[:size]))
		}
	}
}

// TestEachFieldHasItsPlace tells the bytes of LBA and length apart, on a disk that is large enough for all of them.
func TestEachFieldHasItsPlace(t *testing.T) {
	var at string
	store := backend.Intercept(backend.NewNull(1<<62), func(op backend.Op, off, n int64) error {
		at = fmt.Sprintf("%v %x+%x", op, off/512, n/512)
		return nil
	})
	h := newHost(t, store, func(c *sbc.Config) { c.MaxTransfer = 1 << 40 })
	for cdb, want := range map[string]string{
		"08 1fedcb 04 00":                       "read 1fedcb+4",
		"08 000000 00 00":                       "read 0+100", // 0 stands for 256
		"28 00 fedcba98 00 0102 00":             "read fedcba98+102",
		"a8 00 fedcba98 00000203 00 00":         "read fedcba98+203",
		"88 00 00123456789abcde 00000304 00 00": "read 123456789abcde+304",
		"88 00 00123456789abcde 00000304 1f 00": "read 123456789abcde+304", // GROUP NUMBER
	} {
		h.Fetch(cdb, 0x400*512).Data()
		require.Equal(t, want, at)
	}
	for cdb, want := range map[string]string{
		"0a 1fedcb 04 00":                       "write 1fedcb+4",
		"2a 00 fedcba98 00 0004 00":             "write fedcba98+4",
		"aa 00 fedcba98 00000004 00 00":         "write fedcba98+4",
		"8a 00 00123456789abcde 00000004 00 00": "write 123456789abcde+4",
	} {
		h.Send(cdb, make([]byte, 4*512)).Good()
		require.Equal(t, want, at)
	}
	h.Send("0a 000001 00 00", make([]byte, 256*512)).Good()
	require.Equal(t, "write 1+100", at)
}

// LBA OUT OF RANGE, whatever the length, also where a sum of 64 bits would wrap.
func TestRange(t *testing.T) {
	const blocks = 2048
	m := newRecorder(blocks * 512)
	h := newHost(t, m)
	for _, op := range readWrite {
		for _, e := range []struct{ lba, n uint64 }{
			{blocks, 1}, {blocks - 1, 2}, {blocks - 255, 256 - 1 + 1}, {blocks + 1, 1}, {0, blocks + 1}, {1, blocks},
			{1<<21 - 1, 1}, {1<<31 - 1, 1}, {1 << 31, 1}, {1<<32 - 1, 1}, {1 << 32, 1},
			{1 << 55, 1}, {1 << 63, 1}, {1<<63 - 1, 2}, {1<<64 - 1, 1}, {1<<64 - 1, 2}, {1<<64 - 2, 4},
			{blocks + 1, 0}, {1 << 31, 0}, {1 << 63, 0}, {1<<64 - 1, 0},
		} {
			if op.lbas != 0 && e.lba >= op.lbas || len(fmt.Sprintf(op.read, e.lba, e.n)) != len(fmt.Sprintf(op.read, 0, 0)) {
				continue // the CDB has no room for it
			}
			h.Fetch(fmt.Sprintf(op.read, e.lba, e.n), 512).Sense("05 21 00" + op.lba)
			h.Send(fmt.Sprintf(op.write, e.lba, e.n), make([]byte, 512)).Sense("05 21 00" + op.lba)
		}
	}
	require.Empty(t, m.took())
}

// A transfer length of 0 moves nothing and is no error, except in the commands of 6 bytes.
func TestZeroLength(t *testing.T) {
	m := newRecorder(2048 * 512)
	h := newHost(t, m)
	for _, op := range readWrite[1:] {
		for _, lba := range []uint64{0, 2047, 2048} {
			h.Fetch(fmt.Sprintf(op.read, lba, 0), 512).Good()
			h.Send(fmt.Sprintf(op.write, lba, 0)).Good()
		}
		h.Send(fmt.Sprintf(op.write, 0, 0), make([]byte, 512)).Sense("05 24 00" + op.length)
	}
	require.Empty(t, m.took())
}

func TestWholeDiskInOneCommand(t *testing.T) {
	h := newHost(t, newRecorder(2048*512))
	data := pattern(2048*512, 1)
	h.Send("2a 00 00000000 00 0800 00", data).Good()
	h.Fetch("28 00 00000000 00 0800 00", len(data)).Good(hex(data))
}

func TestMaximumTransfer(t *testing.T) {
	m := newRecorder(2048 * 512)
	h := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 8 * 512 })
	for _, op := range readWrite {
		h.Fetch(fmt.Sprintf(op.read, 0, 8), 8*512).Data()
		h.Send(fmt.Sprintf(op.write, 0, 8), make([]byte, 8*512)).Good()
		m.took()
		h.Fetch(fmt.Sprintf(op.read, 0, 9), 9*512).Sense("05 24 00" + op.length)
		h.Send(fmt.Sprintf(op.write, 0, 9), make([]byte, 9*512)).Sense("05 24 00" + op.length)
		h.Fetch(fmt.Sprintf(op.read, 2047, 9), 9*512).Sense("05 21 00" + op.lba) // out of range comes first
	}
	require.Empty(t, m.took())
}

// RDPROTECT and WRPROTECT of a disk without protection information.
func TestProtectionIsRefused(t *testing.T) {
	m := newRecorder(2048 * 512)
	h := newHost(t, m)
	for protect := 1; protect <= 7; protect++ {
		highest := map[bool]string{true: "cf", false: map[bool]string{true: "ce", false: "cd"}[protect >= 2]}[protect >= 4]
		for _, op := range []string{"28", "2a", "2f", "41"} {
			h.Send(fmt.Sprintf("%s %02x 00000000 00 0001 00", op, protect<<5), make([]byte, 512)).Sense("05 24 00" + highest + "00 01")
		}
		for _, op := range []string{"88", "8a", "8f", "93"} {
			h.Send(fmt.Sprintf("%s %02x 0000000000000000 00000001 00 00", op, protect<<5), make([]byte, 512)).Sense("05 24 00" + highest + "00 01")
		}
		for _, op := range []string{"a8", "aa"} {
			h.Send(fmt.Sprintf("%s %02x 00000000 00000001 00 00", op, protect<<5), make([]byte, 512)).Sense("05 24 00" + highest + "00 01")
		}
	}
	require.Empty(t, m.took())
}

// TestForceUnitAccess: a write with FUA is durable when it is answered, and so is each without a write cache; a read
// with FUA comes from the medium.
func TestForceUnitAccess(t *testing.T) {
	m := volatile()
	cached, through := newHost(t, m), newHost(t, m, writeThrough)
	block := make([]byte, 512)
	for _, cdb := range []string{"2a %02x 00000002 00 0001 00", "aa %02x 00000002 00000001 00 00", "8a %02x 0000000000000002 00000001 00 00"} {
		for bits, want := range map[byte]string{
			0x00: "write 1024+512", 0x10: "write 1024+512", // DPO
			0x08: "write 1024+512 durable", 0x18: "write 1024+512 durable", // FUA
		} {
			cached.Send(fmt.Sprintf(cdb, bits), block).Good()
			require.Equal(t, []string{want}, m.took())
			through.Send(fmt.Sprintf(cdb, bits), block).Good()
			require.Equal(t, []string{"write 1024+512 durable"}, m.took())
		}
	}
	for _, cdb := range []string{"28 %02x 00000002 00 0001 00", "a8 %02x 00000002 00000001 00 00", "88 %02x 0000000000000002 00000001 00 00"} {
		for bits, want := range map[byte][]string{
			0x00: {"read 1024+512"}, 0x10: {"read 1024+512"},
			0x08: {"flush", "read 1024+512"}, 0x18: {"flush", "read 1024+512"},
		} {
			cached.Fetch(fmt.Sprintf(cdb, bits), 512).Data()
			require.Equal(t, want, m.took())
			through.Fetch(fmt.Sprintf(cdb, bits), 512).Data()
			require.Equal(t, []string{"read 1024+512"}, m.took())
		}
	}
	cached.Send("0a 000002 01 00", block).Good()
	through.Send("0a 000002 01 00", block).Good()
	require.Equal(t, []string{"write 1024+512", "write 1024+512 durable"}, m.took())
}

// TestDurableStore: where nothing is lost there is nothing to flush.
func TestDurableStore(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good()
	h.Fetch("28 08 00000000 00 0001 00", 512).Data()
	require.Equal(t, []string{"write 0+512", "read 0+512"}, m.took())
}

// TestDataOutIsExact: what does not fit the transfer length is refused whole.
func TestDataOutIsExact(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, op := range readWrite {
		for _, n := range []int{0, 1, 512, 1023, 1025, 1536, 4096} {
			h.Send(fmt.Sprintf(op.write, 0, 2), make([]byte, n)).Sense("05 24 00" + op.length)
		}
	}
	require.Empty(t, m.took())
}

// TestDataInFitsTheInitiator: a buffer shorter than the CDB says is filled, a longer one is left as it was behind the
// data (the host checks that).
func TestDataInFitsTheInitiator(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	data := pattern(3*512, 7)
	h.Send("2a 00 00000004 00 0003 00", data).Good()
	for _, n := range []int{0, 1, 511, 512, 513, 1024, 1535, 1536, 1537, 4096} {
		h.Fetch("28 00 00000004 00 0003 00", n).Good(hex(data[:min(n, len(data))]))
	}
}
