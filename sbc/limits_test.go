package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
)

func physicalBlocks(exponent int) func(*sbc.Config) {
	return func(c *sbc.Config) { c.PhysicalExponent = exponent }
}

// SBC-4 6.6.2, 6.6.4 and 6.6.7.
func TestLimitsOfThinDisk(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*sbc.Config)
		limits string // bytes 6 to 15 of page B0h
		unmap  string // OPTIMAL UNMAP GRANULARITY
		atomic string // MAXIMUM ATOMIC TRANSFER LENGTH
	}{
		"512":                  {func(*sbc.Config) {}, "0008 00008000 00000800", "00000008", "00000800"},
		"4096":                 {blocksOf4096, "0001 00001000 00000100", "00000001", "00000100"},
		"512 in 4096":          {physicalBlocks(3), "0008 00008000 00000800", "00000008", "00000800"},
		"512 in 64 KiB":        {physicalBlocks(7), "0080 00008000 00000800", "00000080", "00000800"},
		"512 in 16 MiB":        {physicalBlocks(15), "8000 00008000 00008000", "00008000", "00000800"},
		"at most 16 at a time": {func(c *sbc.Config) { c.MaxTransfer = 16 * 512 }, "0008 00000010 00000010", "00000008", "00000010"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ramdisk(t), test.change)
			compare := map[bool]string{true: "10", false: "ff"}[test.atomic == "00000010"]
			h.Fetch("12 01 b0 00ff 00", 255).Good("00 b0 003c 00", compare, test.limits, "00000000",
				"00100000 00000100", test.unmap, "80000000", "0000000000008000", test.atomic, "00*16")
			h.Fetch("12 01 b1 00ff 00", 255).Good("00 b1 003c 0001 00 50 03 00*55") // WABEREQ, WACEREQ; FUAB, VBULS
			sets := map[bool]string{true: "08", false: "0b"}[name == "4096"]        // of 1 MiB
			h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004", sets, "e4 02 00")   // LBPU, LBPWS, LBPWS10, LBPRZ; thin
		})
	}
}

func TestLimitsOfThickDisk(t *testing.T) {
	h := newHost(t, backend.Adapt(&syncedFile{}, 1<<20))
	h.Fetch("12 01 b0 00ff 00", 255).Good("00 b0 003c 00 ff 0001 00008000 00000800 00000000",
		"00000000 00000000 00000000 00000000", "0000000000008000", "00*20") // neither UNMAP nor WRITE ATOMIC
	h.Fetch("12 01 b1 00ff 00", 255).Good("00 b1 003c 0001 00 00 03 00*55")
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 00 00 00 00")
}

func TestMaximumTransferIsReported(t *testing.T) {
	h := newHost(t, newRecorder(1<<20), func(c *sbc.Config) { c.MaxTransfer = 64 << 10 })
	limits := h.Fetch("12 01 b0 0040 00", 64).Data()
	require.Equal(t, "00000080 00000080", fmt.Sprintf("%x %x", limits[8:12], limits[12:16]))
}

// A physical block of several logical ones is a hint: each of them is read, written and unmapped on its own.
func TestPhysicalBlocks(t *testing.T) {
	for exponent := range 16 {
		h := newHost(t, ramdisk(t), physicalBlocks(exponent))
		h.Fetch("9e 10 0000000000000000 00000020 00 00", 32).Good("00000000000007ff 00000200 00", fmt.Sprintf("%02x", exponent), "c000 00*16")
		data := pattern(16*512, byte(exponent))
		h.Send("2a 00 00000000 00 0010 00", data).Good()
		unmap(h, unmapList(1, 3)).Good()
		h.Send("93 09 0000000000000005 00000002 00 00").Good() // NDOB, UNMAP
		clear(data[1*512 : 4*512])
		clear(data[5*512 : 7*512])
		h.Fetch("28 00 00000000 00 0010 00", 16*512).Good(hex(data))
	}
	for _, exponent := range []int{-1, 16} {
		_, err := sbc.New(sbc.Config{Store: newRecorder(512), Identity: identity, PhysicalExponent: exponent})
		require.ErrorContains(t, err, "use 0 to 15")
	}
}
