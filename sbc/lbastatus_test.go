package sbc_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// Block 8 and those up to the end of its page of 4096 bytes are mapped, all others are not.
func TestLBAStatus(t *testing.T) {
	h := newHost(t, ramdisk(t))
	h.Fetch("9e 12 0000000000000000 00000100 00 00", 256).Good("00000014 000000 07", "0000000000000000 00000800 01 000000")
	h.Send("2a 00 00000008 00 0001 00", pattern(512, 1)).Good()
	const (
		before = "0000000000000000 00000008 01 000000"
		page   = "0000000000000008 00000008 00 000000"
		after  = "0000000000000010 000007f0 01 000000"
	)
	for _, test := range []struct {
		name, cdb string
		want      string
	}{
		{"all", "9e 12 0000000000000000 00000100 00 00", "00000034 000000 07" + before + page + after},
		{"from within", "9e 12 000000000000000a 00000100 00 00", "00000024 000000 07 000000000000000a 00000006 00 000000" + after},
		{"the last block", "9e 12 00000000000007ff 00000018 00 00", "00000014 000000 07 00000000000007ff 00000001 01 000000"},
		{"room for two", "9e 12 0000000000000000 00000028 00 00", "00000024 000000 03" + before + page},
		{"room for two and a bit", "9e 12 0000000000000000 00000037 00 00", "00000024 000000 03" + before + page},
		{"room for less than one", "9e 12 0000000000000000 00000010 00 00", "00000014 000000 03 0000000000000000"},
		{"room for the header", "9e 12 0000000000000000 00000008 00 00", "00000014 000000 03"},
		{"no room", "9e 12 0000000000000000 00000000 00 00", ""},
		{"not mapped", "9e 12 0000000000000000 00000100 01 00", "00000024 000000 07" + before + after},
		{"mapped", "9e 12 0000000000000000 00000100 02 00", "00000014 000000 07" + page},
		{"deallocated", "9e 12 0000000000000000 00000100 03 00", "00000024 000000 07" + before + after},
		{"anchored", "9e 12 0000000000000000 00000100 04 00", "00000004 000000 07"},
		{"uncertain", "9e 12 0000000000000000 00000100 10 00", "00000004 000000 07"},
		{"by 32 bytes", "7f 00 00*5 18 0012 00 00 0000000000000000 00000000 00000000 00000100", "00000034 000000 07" + before + page + after},
		{"scan", "7f 00 00*5 18 0012 00 00 0000000000000001 00000009 00000000 00000100",
			"00000024 000000 05 0000000000000001 00000007 01 000000 0000000000000008 00000002 00 000000"},
		{"scan without a find", "7f 00 00*5 18 0012 02 00 0000000000000000 00000008 00000000 00000100", "00000004 000000 05"},
		{"scan to the end", "7f 00 00*5 18 0012 00 00 0000000000000010 000007f0 00000000 00000100", "00000014 000000 07" + after},
		{"scan beyond the end", "7f 00 00*5 18 0012 00 00 0000000000000010 ffffffff 00000000 00000100", "00000014 000000 07" + after},
	} {
		t.Run(test.name, func(t *testing.T) { h.Fetch(test.cdb, 256).Good(test.want) })
	}
}

func TestLBAStatusRefuses(t *testing.T) {
	h := newHost(t, ramdisk(t))
	for lba, sense := range map[uint64]string{2047: "", 2048: "05 21 00 cf 00 02", 2049: "05 21 00 cf 00 02", 1<<64 - 1: "05 21 00 cf 00 02"} {
		if a := h.Fetch(fmt.Sprintf("9e 12 %016x 00000018 00 00", lba), 24); sense == "" {
			a.Data()
		} else {
			a.Sense(sense)
		}
	}
	h.Fetch("7f 00 00*5 18 0012 00 00 0000000000000800 00000001 00000000 00000018", 24).Sense("05 21 00 cf 00 0c")
	h.Fetch("7f 00 00*5 18 0012 00 00 0000000000000000 00000000 00000001 00000018", 24).Sense("05 24 00 cf 00 18") // ELEMENT IDENTIFIER
	for _, report := range []byte{0x05, 0x0f, 0x11, 0xff} {
		h.Fetch(fmt.Sprintf("9e 12 0000000000000000 00000018 %02x 00", report), 24).Sense("05 24 00 cf 00 0e")
		h.Fetch(fmt.Sprintf("7f 00 00*5 18 0012 %02x 00 00*16 00000018", report), 24).Sense("05 24 00 cf 00 0a")
	}
}

// What is unmapped is deallocated, and its neighbours stay mapped, whatever the store's pages are.
func TestLBAStatusAfterUnmap(t *testing.T) {
	h := newHost(t, ramdisk(t))
	h.Send("2a 00 00000000 00 0800 00", make([]byte, 1<<20)).Good()
	for n := uint64(1); n <= 16; n++ {
		unmap(h, unmapList(0, n)).Good()
		h.Fetch(fmt.Sprintf("9e 12 %016x 00000018 00 00", 16), 24).
			Good("00000014 000000 07", "0000000000000010 000007f0 00 000000")
	}
	h.Fetch("9e 12 0000000000000000 00000018 00 00", 24).Good("00000014 000000 03", "0000000000000000 00000010 01 000000")
}

// A disk that is not thin has nothing to tell: all is mapped.
func TestLBAStatusOfThickDisk(t *testing.T) {
	h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.Thick = true })
	h.Fetch("9e 12 0000000000000001 00000100 00 00", 256).Good("00000014 000000 07", "0000000000000001 000007ff 00 000000")
	h.Fetch("9e 12 0000000000000001 00000100 03 00", 256).Good("00000004 000000 07")
}

// mapped is a store with a byte for each 512 of its own: '.' where nothing is.
type mappedStore struct {
	*backend.Null
	units string
	err   error
}

func newMapped(units string) *mappedStore {
	return &mappedStore{backend.NewNull(512 * int64(len(units))), units, nil}
}

// Mapped tells of one unit at a time.
func (m *mappedStore) Mapped(off, limit int64) (bool, int64, error) {
	return m.units[off/512] != '.', min(off/512*512+512, limit), m.err
}

// A block is deallocated only when all of it is.
func TestLBAStatusOfSmallerUnits(t *testing.T) {
	h := newHost(t, newMapped("........xxxxxxxx.......xx..............x........"), blocksOf4096)
	h.Fetch("9e 12 0000000000000000 00000100 00 00", 256).Good("00000034 000000 07",
		"0000000000000000 00000001 01 000000",
		"0000000000000001 00000004 00 000000", // the fourth for its last unit, the others for their first ones
		"0000000000000005 00000001 01 000000")
}

// A descriptor counts to 2^32-1.
func TestLBAStatusOfHugeDisk(t *testing.T) {
	h := newHost(t, backend.NewNull(1<<50))
	h.Fetch("9e 12 0000000000000000 00000028 00 00", 40).Good("00000024 000000 03",
		"0000000000000000 ffffffff 01 000000", "00000000ffffffff ffffffff 01 000000")
	h.Fetch("9e 12 000001fffffffff0 00000028 00 00", 40).Good("00000014 000000 07", "000001fffffffff0 00000010 01 000000")
	h.Fetch("9e 12 0000000000000000 00000028 02 00", 40).Good("00000004 000000 07")
}

// However long the allocation length, there is an end.
func TestLBAStatusIsBounded(t *testing.T) {
	units := make([]byte, 5000)
	for i := range units {
		units[i] = "x."[i%2]
	}
	h := newHost(t, newMapped(string(units)))
	p := h.Fetch("9e 12 0000000000000000 ffffffff 00 00", 1<<20).Data()
	require.Len(t, p, 8+16*4096)
	require.Equal(t, scsitest.Hex("00010004 000000 01"), p[:8])
	require.Equal(t, scsitest.Hex("0000000000000fff 00000001 01 000000"), p[len(p)-16:])
	p = h.Fetch("9e 12 0000000000001000 ffffffff 00 00", 1<<20).Data() // the initiator goes on
	require.Len(t, p, 8+16*(5000-4096))
	require.Equal(t, scsitest.Hex("00003884 000000 07"), p[:8])
}

func TestLBAStatusOfBrokenStore(t *testing.T) {
	m := newMapped("xxxxxxxx")
	m.err = syscall.EIO
	h := newHost(t, m)
	h.Fetch("9e 12 0000000000000000 00000018 00 00", 24).Sense("03 11 00")
	h.Fetch("7f 00 00*5 18 0012 00 00 00*16 00000018", 24).Sense("03 11 00")
}
