package sbc_test

import (
	"fmt"
	"testing"

	"github.com/tcmud/tcmud/backend"
)

// SBC-3 5.15.2 and 5.16.2.
func TestReadCapacity(t *testing.T) {
	h := newHost(t, ramdisk(t))
	h.Fetch("25 00 00000000 0000 00 00", 8).Good("000007ff 00000200")
	h.Fetch("9e 10 0000000000000000 00000020 00 00", 32).Good("00000000000007ff 00000200 00 00 c000 00*16") // LBPME, LBPRZ

	h = newHost(t, ramdisk(t), blocksOf4096)
	h.Fetch("25 00 00000000 0000 00 00", 8).Good("000000ff 00001000")
	h.Fetch("9e 10 0000000000000000 00000020 00 00", 32).Good("00000000000000ff 00001000 00 00 c000 00*16")

	h = newHost(t, backend.Adapt(&syncedFile{}, 1<<20))
	h.Fetch("9e 10 0000000000000000 00000020 00 00", 32).Good("00000000000007ff 00000200 00 00 0000 00*16")
}

func TestReadCapacityOfLargeDisks(t *testing.T) {
	for _, disk := range []struct {
		blocks         int64
		last10, last16 string
	}{
		{1<<32 - 1, "fffffffe", "00000000fffffffe"},
		{1 << 32, "ffffffff", "00000000ffffffff"}, // does not fit: ask by READ CAPACITY (16)
		{1<<32 + 1, "ffffffff", "0000000100000000"},
		{1 << 53, "ffffffff", "001fffffffffffff"},
	} {
		h := newHost(t, backend.NewNull(disk.blocks*512))
		h.Fetch("25 00 00000000 0000 00 00", 8).Good(disk.last10, "00000200")
		h.Fetch("9e 10 0000000000000000 0000000c 00 00", 32).Good(disk.last16, "00000200")
	}
}

func TestReadCapacityIsCut(t *testing.T) {
	h := newHost(t, ramdisk(t))
	whole := h.Fetch("9e 10 0000000000000000 ffffffff 00 00", 64).Data()
	for n := range 40 {
		h.Fetch(fmt.Sprintf("9e 10 0000000000000000 %08x 00 00", n), 64).Good(hex(whole[:min(n, 32)]))
	}
	h.Fetch("25 00 00000000 0000 00 00", 4).Good("000007ff")
	h.Fetch("25 00 00000000 0000 00 00", 0).Good()
	h.Fetch("25 00 00000001 0000 00 00", 8).Sense("05 24 00 c8 00 05") // LOGICAL BLOCK ADDRESS, obsolete
	h.Fetch("25 00 00000000 0000 01 00", 8).Sense("05 24 00 c8 00 08") // PMI, obsolete
}
