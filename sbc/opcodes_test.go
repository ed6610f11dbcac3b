package sbc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// allCommands is the command descriptor of each of rows (SPC-4 6.35.2).
func allCommands() []string {
	var all []string
	for _, r := range rows {
		usage := scsitest.Hex(r.usage)
		code, sa, ok := action(usage)
		all = append(all, fmt.Sprintf("%02x 00 %04x 00 %02x %04x", code, sa, map[bool]int{true: 1}[ok], len(usage)))
	}
	return all
}

func TestReportAllOperationCodes(t *testing.T) {
	h := newHost(t, newRecorder(1<<20), removable)
	all := allCommands()
	h.Fetch("a3 0c 00 00 0000 00001000 00 00", 4096).Good(fmt.Sprintf("%08x", 8*len(all)), strings.Join(all, ""))

	var timed strings.Builder // with RCTD: CTDP, and a command timeouts descriptor that promises nothing
	for _, c := range all {
		p := scsitest.Hex(c)
		p[5] |= 0x02
		fmt.Fprintf(&timed, "%x 000a 00 00 00000000 00000000 ", p)
	}
	h.Fetch("a3 0c 80 00 0000 00001000 00 00", 4096).Good(fmt.Sprintf("%08x", 20*len(all)), timed.String())
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
	h := newHost(t, newRecorder(1<<20), removable)
	for _, r := range rows {
		usage := scsitest.Hex(r.usage)
		want := fmt.Sprintf("00 03 %04x %x", len(usage), usage)
		timed := fmt.Sprintf("00 83 %04x %x 000a 00 00 00000000 00000000", len(usage), usage)
		opcode, action, ok := action(usage)
		if ok {
			h.Fetch(fmt.Sprintf("a3 0c 02 %02x %04x 00000100 00 00", opcode, action), 256).Good(want)
			h.Fetch(fmt.Sprintf("a3 0c 03 %02x %04x 00000100 00 00", opcode, action), 256).Good(want)
			h.Fetch(fmt.Sprintf("a3 0c 82 %02x %04x 00000100 00 00", opcode, action), 256).Good(timed)
			h.Fetch(fmt.Sprintf("a3 0c 01 %02x 0000 00000100 00 00", opcode), 256).Sense("05 24 00 cf 00 03")
			for _, option := range []byte{2, 3} {
				h.Fetch(fmt.Sprintf("a3 0c %02x %02x 001e 00000100 00 00", option, opcode), 256).Good("00 01 0000")
			}
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
	}
	h.Fetch("a3 0c 03 7f 0001 00000100 00 00", 256).Good("00 01 0000")
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
	h.Fetch("a3 0c 03 7f 0001 00000024 00 00", 36).Good("00 01 0000")
	require.Equal(t, "00030010", hex(h.Fetch("a3 0c 01 88 0000 00000004 00 00", 4).Data()))
}

// A disk for initiators that cannot stand to be told of long CDBs has none, and all else.
func TestShortCDBs(t *testing.T) {
	all := newDisk(t, newRecorder(1<<20)).Ops()
	short := newDisk(t, newRecorder(1<<20), func(c *sbc.Config) { c.ShortCDBs = true })
	var want, have []string
	for _, op := range all {
		if op.Len <= 16 {
			want = append(want, op.Name)
		}
	}
	for _, op := range short.Ops() {
		have = append(have, op.Name)
	}
	require.Less(t, len(want), len(all))
	require.Equal(t, want, have)
	host(t, short).Send("7f 00*6 18 0009 00*22").Sense("05 20 00")
}
