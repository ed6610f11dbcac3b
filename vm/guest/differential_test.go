//go:build guest

package guest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// judged are the rows that scsi_debug has too. Of its others, some are answered by the kernel's target and never reach us
// (REPORT LUNS, RESERVE, RELEASE), some end in GOOD there whatever they ask for (SEND DIAGNOSTIC, WRITE BUFFER), and
// READ (32) and its kin are for protection information of type 2 only (SBC-3 5.14), which we have not.
var judged = []string{
	"TEST UNIT READY", "REQUEST SENSE", "READ (6)", "WRITE (6)", "INQUIRY", "MODE SENSE (6)", "MODE SENSE (10)",
	"READ CAPACITY (10)", "READ (10)", "WRITE (10)", "VERIFY (10)", "PRE-FETCH (10)", "SYNCHRONIZE CACHE (10)",
	"WRITE SAME (10)", "UNMAP", "LOG SENSE", "READ (16)", "WRITE (16)", "COMPARE AND WRITE",
	"VERIFY (16)", "PRE-FETCH (16)", "SYNCHRONIZE CACHE (16)", "WRITE SAME (16)", "READ CAPACITY (16)", "GET LBA STATUS (16)",
	"REPORT SUPPORTED OPERATION CODES", "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "READ (12)", "WRITE (12)",
}

// sameData are those of which the data is compared too; the others tell of the device itself. What of
// the medium takes space is a store's own affair, and the model test holds GET LBA STATUS to it.
var sameData = []string{"READ (6)", "READ (10)", "READ (12)", "READ (16)", "READ CAPACITY (10)",
	"READ CAPACITY (16)", "REQUEST SENSE"}

// newJudge loads scsi_debug as a thin disk of 8 MiB like ours, with blocks of so many bytes, that looks at every bit of a
// CDB.
func newJudge(t *testing.T, block int) disk {
	t.Helper()
	must(t, "modprobe", "sg")
	must(t, "modprobe", "scsi_debug", "dev_size_mb=8", fmt.Sprint("sector_size=", block), "lbpu=1", "lbpws=1", "lbpws10=1", "lbprz=1",
		fmt.Sprint("unmap_granularity=", 4096/block), "unmap_max_desc=256", "strict=1", "delay=0", "opts=0", "no_uld=1")
	t.Cleanup(func() { must(t, "rmmod", "scsi_debug") })
	must(t, "udevadm", "settle")
	found, err := filepath.Glob("/sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/scsi_generic/*")
	require.NoError(t, err)
	require.Len(t, found, 1)
	return disk{generic: "/dev/" + filepath.Base(found[0])}
}

// twins are two disks that are sent the same.
type twins struct {
	ours, theirs disk
	block        int
}

// TestDifferential sends the same commands to the kernel's scsi_debug and to us. Where the two differ, a table says why
// we are right.
func TestDifferential(t *testing.T) {
	startDaemon(t)
	for _, block := range []int{512, 4096} {
		t.Run(fmt.Sprint("blocks of ", block), func(t *testing.T) {
			w := twins{newFile(t, "8M", fmt.Sprint("block_size=", block)), newJudge(t, block), block}
			settle(t, w.ours)
			settle(t, w.theirs)
			t.Run("at random", w.random)
			if block == 512 {
				t.Run("MODE SELECT", w.modeSelect)
				t.Run("unknown operation codes", w.unknown)
			}
		})
	}
}

// random draws commands.
func (w twins) random(t *testing.T) {
	const seed, commands = 1, 1500
	t.Logf("seed %d, %d commands", seed, commands)
	g := newGenerator(t, seed, w.ours, w.block)
	found, met := map[string]string{}, map[string]int{}
	for range commands {
		e := g.next()
		theirs, ours, why := w.compare(t, e)
		if theirs == ours {
			continue
		}
		if why == "" {
			why = fmt.Sprintf("%s: scsi_debug %s, we %s", e.op.Name, theirs, ours)
			found[why] = fmt.Sprintf("%x with %.64x", e.cdb, e.out)
		}
		met[why]++
	}
	for _, what := range slices.Sorted(maps.Keys(found)) {
		assert.Fail(t, what, "%d times, last %s", met[what], found[what])
	}
	for why, times := range met {
		t.Logf("%d times: %s", times, why)
	}
	for _, d := range differences {
		e := g.example(t, d)
		_, _, why := w.compare(t, e)
		assert.Equal(t, d.why, why, "a difference that there is not: %s %x", e.op.Name, e.cdb)
	}
}

// compare sends an exchange to both. It words where the endings differ, the same twice where they do not, and what the
// table of differences says of it.
func (w twins) compare(t *testing.T, e exchange) (theirs, ours, why string) {
	t.Helper()
	want, have := e.send(t, w.theirs), e.send(t, w.ours)
	theirs, ours = e.apart(want, have)
	if theirs != ours {
		why = listed(e, theirs, ours)
	}
	return theirs, ours, why
}

// ending is how an exchange ended: in "GOOD", or in a sense as "05/24/00".
type ending struct {
	end      string
	specific string // sense key specific data, in hexadecimal digits
	data     string // that came in, so too
}

// send sends an exchange.
func (e exchange) send(t *testing.T, d disk) ending {
	t.Helper()
	out := e.out
	if len(out) == 0 {
		out = nil // there is none
	}
	v := d.submit(t, hex.EncodeToString(e.cdb), out, e.room)
	require.Zero(t, v.host, "%s %x", e.op.Name, e.cdb)
	switch v.status {
	case 0x00:
		return ending{"GOOD", "", v.data}
	case 0x02:
		s, err := hex.DecodeString(v.sense)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(s), 18)
		return ending{fmt.Sprintf("%02x/%02x/%02x", s[2]&0xf, s[12], s[13]), hex.EncodeToString(s[15:18]), ""}
	}
	return ending{fmt.Sprintf("status %02x", v.status), "", ""}
}

// apart words where two endings of e differ; the same twice where they do not. That scsi_debug points at nothing, or at a
// byte and no bit of it, is no difference.
func (e exchange) apart(theirs, ours ending) (their, our string) {
	switch {
	case theirs.end != ours.end:
		return theirs.end, ours.end
	case theirs.end == "GOOD" && e.telling(theirs.data) != e.telling(ours.data):
		return "its data", "ours"
	case theirs.end == "GOOD", theirs.specific == "000000", strings.TrimPrefix(theirs.specific, "c0") == ours.specific[2:]:
		return theirs.end, theirs.end
	}
	return theirs.end + " at " + theirs.specific, ours.end + " at " + ours.specific
}

// telling is as much of the data as has to be the same.
func (e exchange) telling(data string) string {
	if !slices.Contains(sameData, e.op.Name) {
		return ""
	}
	return data
}

// difference is one that there has to be.
type difference struct {
	rows         []string // the beginnings of names; all when empty
	theirs, ours string   // the beginnings of what apart says
	when         func(e exchange) bool
	example      string // a CDB that shows it, with %x for the last block
	blocks       int    // of 0xff that go with it
	why          string
}

// example is the exchange that shows a difference.
func (g *generator) example(t *testing.T, d difference) exchange {
	t.Helper()
	cdb := d.example
	if strings.Contains(cdb, "%") {
		cdb = fmt.Sprintf(cdb, g.blocks-1)
	}
	e := raw(t, cdb, bytes.Repeat([]byte{0xff}, d.blocks*g.block))
	at := slices.IndexFunc(g.ops, func(op scsi.Op) bool {
		v, sa := op.SA.Value()
		return byte(op.Code) == e.cdb[0] && (!sa || v == uint16(e.cdb[1]&0x1f))
	})
	e.op = g.ops[at]
	if e.op.Xfer.Dir == scsi.DataIn {
		e.room = g.block
	}
	return e
}

func listed(e exchange, theirs, ours string) string {
	for _, d := range differences {
		named := len(d.rows) == 0 || slices.ContainsFunc(d.rows, func(r string) bool { return strings.HasPrefix(e.op.Name, r) })
		if named && strings.HasPrefix(theirs, d.theirs) && strings.HasPrefix(ours, d.ours) && (d.when == nil || d.when(e)) {
			return d.why
		}
	}
	return ""
}

var differences = []difference{
	{nil, "", "05/24/00", exchange.reserved, "28 01 00000000 00 0001 00", 0,
		"a bit that SPC-4 and SBC-3 reserve, or have made obsolete, is set, or NACA without NORMACA: scsi_debug's masks let some through"},
	{[]string{"VERIFY"}, "GOOD", "05/21/00", nil, "2f 00 7fffffff 00 0001 00", 0,
		"SBC-3 5.29: the range is checked whatever BYTCHK says, and of a length of 0 too"},
	{[]string{"COMPARE AND WRITE"}, "GOOD", "05/21/00", nil, "89 00 000000007fffffff 000000 00 00 00", 0,
		"SBC-3 5.2: the address is checked with a length of 0 too"},
	{[]string{"VERIFY"}, "0e/1d/00", "05/21/00", bytchk(3), "8f 06 %016x 00000008 00 00", 1,
		"SBC-3 5.29: the range is that of all blocks, not of the one that is sent"},
	{[]string{"VERIFY"}, "05/24/00", "05/21/00", bytchk(2), "2f 04 7fffffff 00 0001 00", 0,
		"of two fields at fault scsi_debug names BYTCHK, and we the LBA"},
	{[]string{"VERIFY"}, "05/24/00 at ca0002", "05/24/00 at ca0001", bytchk(2), "2f 04 00000000 00 0001 00", 0,
		"BYTCHK is in byte 1, and not in byte 2"},
	{[]string{"PRE-FETCH"}, "status 04", "GOOD", nil, "34 00 00000000 00 0001 00", 0,
		"SBC-3 5.8: CONDITION MET would say that all blocks are in a cache, and we have none of our own"},
	{[]string{"MODE SENSE"}, "05/24/00 at c00003", "05/24/00 at cd0002", nil, "1a 00 2e 01 ff 00", 0,
		"there is no such page: of two fields at fault we name the first"},
	{[]string{"MODE SENSE"}, "GOOD", "05/24/00", func(e exchange) bool { return e.cdb[2]&0x3f == 0x03 }, "1a 00 03 00 ff 00", 0,
		"SBC-3 has no Format Device page (03h) any more"},
	{[]string{"MODE SENSE"}, "GOOD", "05/24/00", func(e exchange) bool { return e.cdb[2]&0x3f == 0x19 && e.cdb[3] != 0 }, "1a 00 19 02 ff 00", 0,
		"subpages of page 19h are a transport's, and ours does not tell"},
	{[]string{"MODE SENSE"}, "05/39/00", "", func(e exchange) bool { return e.cdb[2]>>6 == 3 }, "1a 00 c8 00 ff 00", 0,
		"we save pages"},
	{[]string{"MODE SENSE"}, "05/24/00", "GOOD", func(e exchange) bool {
		return slices.Contains([]byte{0x07, 0x10, 0x1a}, e.cdb[2]&0x3f) || e.cdb[3] != 0
	}, "1a 00 07 00 ff 00", 0,
		"we have the Verify Error Recovery, XOR Control and Power Condition pages, and subpages"},
	{[]string{"LOG SENSE"}, "05/24/00 at cd0002", "05/24/00 at cf0003", nil, "4d 00 59 b8 00 0000 00ff 00", 0,
		"we have the page, and not the subpage"},
	{[]string{"LOG SENSE"}, "05/24/00", "GOOD", nil, "4d 00 59 00 00 0000 00ff 00", 0,
		"we have the page"},
	{[]string{"INQUIRY"}, "05/24/00", "GOOD", func(e exchange) bool { return slices.Contains([]byte{0x8f, 0xb3, 0xb7}, e.cdb[2]) }, "12 01 b7 00ff 00", 0,
		"we have the Third-party Copy, Referrals and Block Limits Extension pages"},
	{[]string{"LOG SENSE"}, "GOOD", "05/24/00", func(e exchange) bool { return e.cdb[5]|e.cdb[6] != 0 }, "4d 00 40 00 00 0002 00ff 00", 0,
		"SPC-4 6.7: a PARAMETER POINTER to no parameter is invalid"},
	{[]string{"GET LBA STATUS"}, "05/24/00", "", func(e exchange) bool { return e.cdb[14] != 0 }, "9e 12 0000000000000000 00000018 01 00", 0,
		"SBC-4 5.7 has REPORT TYPE in byte 14"},
	{[]string{"GET LBA STATUS"}, "", "", func(e exchange) bool { return e.op.Xfer.Len.Uint(e.cdb) < 24 }, "9e 12 000000007fffffff 00000008 00 00", 0,
		"SPC-4 4.2.5.6: with a short allocation length the address is checked, and what fits is sent"},
	{[]string{"INQUIRY"}, "GOOD", "05/24/00", func(e exchange) bool { return e.cdb[1]&1 == 0 && e.cdb[2] != 0 }, "12 00 80 00ff 00", 0,
		"SPC-4 6.6.1: a page code without EVPD is invalid"},
	{[]string{"INQUIRY"}, "GOOD", "05/24/00", func(e exchange) bool { return e.cdb[2] == 0x84 || e.cdb[2] == 0x89 }, "12 01 89 00ff 00", 0,
		"we have no software interface identifier and are no ATA device"},
	{[]string{"REPORT SUPPORTED OPERATION CODES"}, "05/24/00 at ca0002", "05/24/00 at cf0003", nil, "a3 0c 01 a3 0000 00000100 00 00", 0,
		"the operation code has service actions, which REPORTING OPTIONS 001b does not suit: we name the other of the two"},
	{[]string{"REPORT SUPPORTED OPERATION CODES"}, "05/24/00", "", func(e exchange) bool { return e.room == 0 || e.op.Xfer.Len.Uint(e.cdb)-4 > 0xffff-4 },
		"a3 0c 00 00 0000 00010000 00 00", 0,
		"SPC-4 4.2.5.6: no allocation length is too short or too long"},
}

// bytchk says that a VERIFY has this BYTCHK.
func bytchk(v byte) func(exchange) bool { return func(e exchange) bool { return e.cdb[1]>>1&3 == v } }
