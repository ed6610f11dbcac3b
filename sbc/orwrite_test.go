package sbc_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// orwrite is the CDB of ORWRITE (16).
func orwrite(bits byte, lba uint64, n int) string {
	return fmt.Sprintf("8b %02x %016x %08x 00 00", bits, lba, n)
}

func TestOrwrite(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		n := 1 << 20 / size // several pieces
		whole := fmt.Sprintf(" 00 %016x %08x 00 00", 0, n)
		old, data := pattern(1<<20, 0x0f), pattern(1<<20, 0x33)
		h.Send("8a"+whole, old).Good()
		h.Send(orwrite(0, 1, n-1), data[size:5000], data[5000:]).Good()
		for i := size; i < len(old); i++ {
			old[i] |= data[i]
		}
		h.Fetch("88"+whole, 1<<20).Good(hex(old))
	}
}

func TestOrwriteInTheStore(t *testing.T) {
	m := volatile()
	cached, through := newHost(t, m), newHost(t, m, writeThrough)
	cached.Send(orwrite(0, 2, 130), make([]byte, 130*512)).Good()
	require.Equal(t, []string{"read 1024+65536", "write 1024+65536", "read 66560+1024", "write 66560+1024"}, m.took())
	cached.Send(orwrite(0x08, 2, 1), make([]byte, 512)).Good() // FUA
	require.Equal(t, []string{"flush", "read 1024+512", "write 1024+512 durable"}, m.took())
	through.Send(orwrite(0x10, 2, 1), make([]byte, 512)).Good() // DPO
	require.Equal(t, []string{"read 1024+512", "write 1024+512 durable"}, m.took())
	cached.Send(orwrite(0, 2048, 0)).Good()
	require.Empty(t, m.took())
}

func TestOrwriteRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 16 * 512 })
	block := make([]byte, 512)
	h.Send(orwrite(0, 2048, 1), block).Sense("05 21 00 cf 00 02")
	h.Send(orwrite(0, 2049, 0)).Sense("05 21 00 cf 00 02")
	h.Send(orwrite(0, 0, 17), make([]byte, 17*512)).Sense("05 24 00 cf 00 0a")
	h.Send(orwrite(0, 0, 2), block).Sense("05 24 00 cf 00 0a")
	h.Send(orwrite(0x80, 0, 1), block).Sense("05 24 00 cf 00 01") // ORPROTECT
	h.Send(bitmap(2, 0, 0, 0), block).Sense("05 24 00 ca 00 02")  // BMOP
	for _, policy := range []int{0x1, 0x4, 0x6, 0x8, 0xf} {
		h.Send(bitmap(clearBits, policy, 0, 1), block).Sense("05 24 00 cb 00 03")
	}
	h.Send(bitmap(clearBits, 0, 0, 1)).Sense("05 24 00 cf 00 1c") // no Data-Out
	require.Empty(t, m.took())
	h.Send(bitmap(setBits, 0xf, 0, 0), block).Good() // with BMOP 000b the policy is ignored
}

// BMOP values (SBC-4 5.11).
const (
	setBits   = 0
	clearBits = 1
)

// bitmap is ORWRITE (32) of block 0.
func bitmap(bmop, policy int, expected, next uint32) string {
	return fmt.Sprintf("7f 00 %02x %02x 0000 00 18 000e 00 00 00*8 %08x %08x 00000001", bmop, policy, expected, next)
}

// TestGenerations is SBC-4 table 29: what becomes of a bit that is set in the name of the current generation, the one
// before it, and another, by the policy that was chosen with the current one.
func TestGenerations(t *testing.T) {
	const generations = "05 2c 0c"
	for _, row := range []struct {
		policy          int
		previous, other string // the sense, "done", or "discarded"
	}{
		{0x0, "done", generations}, {0x2, "discarded", generations}, {0x3, "done", "done"},
		{0x5, "discarded", "discarded"}, {0x7, generations, generations},
	} {
		h := newHost(t, newRecorder(1<<20))
		zeros, ones := make([]byte, 512), append([]byte{0xff}, make([]byte, 511)...)
		try := func(expected uint32, want string) {
			t.Helper()
			h.Send("2a 00 00000000 00 0001 00", zeros).Good()
			switch a := h.Send(bitmap(setBits, 0, expected, 0), ones); want {
			case "done":
				a.Good()
				h.Fetch("28 00 00000000 00 0001 00", 1).Good("ff")
			case "discarded":
				a.Good()
				h.Fetch("28 00 00000000 00 0001 00", 1).Good("00")
			default:
				a.Sense(want)
				h.Fetch("28 00 00000000 00 0001 00", 1).Good("00")
			}
		}
		try(0, "done") // after power on all is 0, and the policy 7h
		try(1, generations)

		h.Send("2a 00 00000000 00 0001 00", ones).Good()
		h.Send(bitmap(clearBits, row.policy, 1, 9), zeros).Sense(generations)
		h.Send(bitmap(clearBits, row.policy, 0, 9), append([]byte{0x0f}, zeros[1:]...)).Good()
		h.Fetch("28 00 00000000 00 0001 00", 1).Good("0f") // AND
		try(9, "done")
		try(0, row.previous)
		try(5, row.other)
		h.Send(bitmap(clearBits, row.policy, 0, 10), zeros).Sense(generations) // a change needs the current one
		if row.previous == generations {
			h.Send(orwrite(0, 0, 1), zeros).Sense(generations) // ORWRITE (16) expects 0
		} else {
			h.Send(orwrite(0, 0, 1), zeros).Good()
		}
	}
}

// Initiators set bits in the same bytes, all at once: none is lost.
func TestOrwriteIsUninterrupted(t *testing.T) {
	d := newDisk(t, ramdisk(t))
	var group sync.WaitGroup
	for bit := range 8 {
		group.Go(func() {
			n := d.Join(fmt.Sprint("host ", bit))
			for i := range 512 {
				block := make([]byte, 512)
				block[i] = 1 << bit
				c := &scsi.Command{CDB: scsitest.Hex(orwrite(0, 3, 1)), Data: scsi.Buffer{block}, Nexus: n}
				assert.True(t, d.Do(c).OK())
			}
		})
	}
	group.Wait()
	host(t, d).Fetch("28 00 00000003 00 0001 00", 512).Good("ff*512")
}
