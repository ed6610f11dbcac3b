package sbc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SPC-4 6.35.2, of a thin disk: operation code, service action, SERVACTV, CDB length.
var allCommands = []string{
	"00 00 0000 00 00 0006", "03 00 0000 00 00 0006", "08 00 0000 00 00 0006", "0a 00 0000 00 00 0006",
	"12 00 0000 00 00 0006", "15 00 0000 00 00 0006", "1a 00 0000 00 00 0006", "1b 00 0000 00 00 0006",
	"25 00 0000 00 00 000a", "28 00 0000 00 00 000a", "2a 00 0000 00 00 000a", "2f 00 0000 00 00 000a",
	"35 00 0000 00 00 000a", "41 00 0000 00 00 000a", "42 00 0000 00 00 000a", "55 00 0000 00 00 000a",
	"5a 00 0000 00 00 000a", "88 00 0000 00 00 0010", "8a 00 0000 00 00 0010", "8f 00 0000 00 00 0010",
	"91 00 0000 00 00 0010", "93 00 0000 00 00 0010", "9e 00 0010 00 01 0010", "a0 00 0000 00 00 000c",
	"a3 00 000c 00 01 000c", "a8 00 0000 00 00 000c", "aa 00 0000 00 00 000c",
}

func TestReportAllOperationCodes(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("a3 0c 00 00 0000 00001000 00 00", 4096).Good("000000d8", strings.Join(allCommands, ""))

	var timed strings.Builder // with RCTD: CTDP, and a command timeouts descriptor that promises nothing
	for _, c := range allCommands {
		p := scsitest.Hex(c)
		p[5] |= 0x02
		fmt.Fprintf(&timed, "%x 000a 00 00 00000000 00000000 ", p)
	}
	h.Fetch("a3 0c 80 00 0000 00001000 00 00", 4096).Good("0000021c", timed.String())
}

func TestReportOperationCodesIsCut(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for _, cdb := range []string{"a3 0c 00 00 0000", "a3 0c 80 00 0000", "a3 0c 81 28 0000", "a3 0c 82 9e 0010"} {
		whole := hex(h.Fetch(cdb+"ffffffff 00 00", 4096).Data())
		for n := range 64 {
			h.Fetch(fmt.Sprintf("%s %08x 00 00", cdb, n), 4096).Good(whole[:min(2*n, len(whole))])
		}
	}
}

// TestReportEachOperationCode: one command, asked for by each reporting option, with its usage map.
func TestReportEachOperationCode(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for _, r := range rows {
		usage := scsitest.Hex(r.usage)
		want := fmt.Sprintf("00 03 %04x %x", len(usage), usage)
		timed := fmt.Sprintf("00 83 %04x %x 000a 00 00 00000000 00000000", len(usage), usage)
		opcode, action := usage[0], usage[1]&0x1f
		if strings.HasPrefix(r.name, "READ CAPACITY (16)") || strings.HasPrefix(r.name, "REPORT SUPPORTED") {
			h.Fetch(fmt.Sprintf("a3 0c 02 %02x %04x 00000100 00 00", opcode, action), 256).Good(want)
			h.Fetch(fmt.Sprintf("a3 0c 03 %02x %04x 00000100 00 00", opcode, action), 256).Good(want)
			h.Fetch(fmt.Sprintf("a3 0c 82 %02x %04x 00000100 00 00", opcode, action), 256).Good(timed)
			h.Fetch(fmt.Sprintf("a3 0c 01 %02x 0000 00000100 00 00", opcode), 256).Sense("05 24 00 cf 00 03")
			h.Fetch(fmt.Sprintf("a3 0c 02 %02x 001f 00000100 00 00", opcode), 256).Good("00 01 0000")
			h.Fetch(fmt.Sprintf("a3 0c 03 %02x 0000 00000100 00 00", opcode), 256).Good("00 01 0000")
			continue
		}
		h.Fetch(fmt.Sprintf("a3 0c 01 %02x 0000 00000100 00 00", opcode), 256).Good(want)
		h.Fetch(fmt.Sprintf("a3 0c 03 %02x 0000 00000100 00 00", opcode), 256).Good(want)
		h.Fetch(fmt.Sprintf("a3 0c 81 %02x 0000 00000100 00 00", opcode), 256).Good(timed)
		h.Fetch(fmt.Sprintf("a3 0c 02 %02x 0000 00000100 00 00", opcode), 256).Sense("05 24 00 cf 00 04")
		h.Fetch(fmt.Sprintf("a3 0c 03 %02x 0001 00000100 00 00", opcode), 256).Good("00 01 0000")
	}
}

func TestReportUnsupportedOperationCodes(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for option := 1; option <= 3; option++ {
		h.Fetch(fmt.Sprintf("a3 0c %02x c1 0000 00000100 00 00", option), 256).Good("00 01 0000")
		h.Fetch(fmt.Sprintf("a3 0c %02x 7f 0009 00000100 00 00", option), 256).Good("00 01 0000")
	}
	for option := 4; option <= 7; option++ {
		h.Fetch(fmt.Sprintf("a3 0c %02x 28 0000 00000100 00 00", option), 256).Sense("05 24 00 ca 00 02")
	}
	thick := newRecorder(1 << 20)
	thick.thin = false
	h = newHost(t, thick)
	h.Fetch("a3 0c 01 42 0000 00000100 00 00", 256).Good("00 01 0000")
	h.Fetch("a3 0c 01 41 0000 00000100 00 00", 256).Good("00 03 000a 41 00 ffffffff 00 ffff 00") // no UNMAP bit
	h.Fetch("a3 0c 01 93 0000 00000100 00 00", 256).Good("00 03 0010 93 01 ff*8 ff*4 00 00")
}

// TestLinuxAsks as its sd driver does (6.8 and later): the length of the reply is exact, and option 3 names an action.
func TestLinuxAsks(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("a3 0c 01 93 0000 00000014 00 00", 20).Good("00 03 0010 93 09 ff*8 ff*4 00 00")
	h.Fetch("a3 0c 03 7f 0009 00000024 00 00", 36).Good("00 01 0000")
	require.Equal(t, "00030010", hex(h.Fetch("a3 0c 01 88 0000 00000004 00 00", 4).Data()))
}
