package sbc_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// CSCD descriptors (SPC-4 6.4.5.2) of the disk that identity names and of the one that isSecond makes, by their NAA
// designators, with blocks of 512 bytes and of any length.
const (
	first     = "e4 00 0000 01 03 00 10 6001405a8c4ea0bd3ec4d5a88ef4dcd1 00000000 00 000200"
	second    = "e4 00 0000 01 03 00 10 60014050123456789abcdef000000000 00000000 00 000200"
	secondAny = "e4 00 0000 01 03 00 10 60014050123456789abcdef000000000 00000000 00 000000"
)

func isSecond(c *sbc.Config) {
	c.Identity = func() spc.Identity {
		return spc.Identity{Vendor: "LIO-ORG", Product: "rd1", Revision: "0001", Serial: "01234567-89ab-cdef"}
	}
}

func with(m *sbc.CopyManager) func(*sbc.Config) {
	return func(c *sbc.Config) { c.CopyManager = m }
}

// blocks is a segment descriptor 02h, block to block (SPC-4 6.4.6.4), offsets one of type 0Ah (6.4.6.8).
func blocks(flags, from, to, n int, src, dst uint64) string {
	return fmt.Sprintf("02 %02x 0018 %04x %04x 0000 %04x %016x %016x", flags, from, to, n, src, dst)
}

func offsets(flags, from, to, n int, src, dst uint64, srcByte, dstByte int) string {
	return fmt.Sprintf("0a %02x 001c %04x %04x %08x %016x %016x %04x %04x", flags, from, to, n, src, dst, srcByte, dstByte)
}

// lid1 is a parameter list of EXTENDED COPY (LID1) (SPC-4 6.4.3): LIST IDENTIFIER, STR, LIST ID USAGE and PRIORITY, and
// the descriptors.
func lid1(id, flags int, targets, segments []string) []byte {
	t, s := scsitest.Hex(targets...), scsitest.Hex(segments...)
	header := scsitest.Hex(fmt.Sprintf("%02x %02x %04x 00000000 %08x 00000000", id, flags, len(t), len(s)))
	return bytes.Join([][]byte{header, t, s}, nil)
}

// lid4 is one of EXTENDED COPY (LID4) (6.5.3), with IMMED or not.
func lid4(id, flags, immed int, targets, segments []string) []byte {
	t, s := scsitest.Hex(targets...), scsitest.Hex(segments...)
	header := scsitest.Hex(fmt.Sprintf("01 %02x 0020 00*11 %02x ff 000000 %08x 00*18 %04x %04x 0000", flags, immed, id, len(t), len(s)))
	return bytes.Join([][]byte{header, t, s}, nil)
}

func extendedCopy1(h *scsitest.Host, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("83 00 00*8 %08x 00 00", len(list)), list)
}

func extendedCopy4(h *scsitest.Host, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("83 01 00*8 %08x 00 00", len(list)), list)
}

// patterned is a store of 1 MiB in memory that holds a pattern.
func patterned(seed byte) *recorder {
	m := newRecorder(1 << 20)
	copy(m.data, pattern(len(m.data), seed))
	return m
}

// twoDisks is two disks of one copy manager, and their initiators.
type twoDisks struct {
	manager       sbc.CopyManager
	m1, m2        *recorder
	d1, d2        *sbc.Disk
	first, second *scsitest.Host
}

func newTwoDisks(t testing.TB, change ...func(*sbc.Config)) *twoDisks {
	p := &twoDisks{m1: patterned(1), m2: patterned(2)}
	p.d1 = newDisk(t, p.m1, append(change, with(&p.manager))...)
	p.d2 = newDisk(t, p.m2, append(change, with(&p.manager), isSecond)...)
	p.first, p.second = host(t, p.d1), host(t, p.d2)
	return p
}

// ends requires the sense key, additional sense code and qualifier that want begins with; if want is empty, GOOD.
func ends(t *testing.T, a *scsitest.Answer, want []byte) {
	t.Helper()
	if len(want) == 0 {
		a.Good()
		return
	}
	require.Equal(t, hex(want[:3]), fmt.Sprintf("%02x%04x", uint8(a.Key), uint16(a.Code)), a.Result)
}

func TestExtendedCopyWithinADisk(t *testing.T) {
	m := patterned(1)
	h := newHost(t, m)
	want := bytes.Clone(m.data)
	copy(want[1000*512:], want[3*512:8*512])
	extendedCopy1(h, scsitest.Hex(
		"01 00 0020 00000000 0000001c 00000000", first,
		"02 00 0018 0000 0000 0000 0005 0000000000000003 00000000000003e8")).Good()
	require.Equal(t, []string{"read 1536+2560", "write 512000+2560"}, m.took())
	require.True(t, bytes.Equal(want, m.data))

	copy(want[7*512:], want[100*512:101*512])
	extendedCopy4(h, scsitest.Hex(
		"01 00 0020 00*11 00 ff 000000 00000001 00*18 0020 001c 0000", first,
		"02 00 0018 ffff 0000 0000 0001 0000000000000064 0000000000000007")).Good() // CSCD ID FFFFh: the unit itself
	require.True(t, bytes.Equal(want, m.data))
}

// TestExtendedCopyBetweenDisks, sent to either, or to a third one.
func TestExtendedCopyBetweenDisks(t *testing.T) {
	for _, to := range []string{"source", "destination", "another"} {
		t.Run(to, func(t *testing.T) {
			p := newTwoDisks(t)
			h := map[string]*scsitest.Host{"source": p.first, "destination": p.second, "another": newHost(t, patterned(3), with(&p.manager),
				func(c *sbc.Config) { c.Identity = func() spc.Identity { return spc.Identity{Serial: "3"} } })}[to]
			want := bytes.Clone(p.m2.data)
			copy(want[10*512:], p.m1.data[:1000*512])
			copy(want[5*512:], p.m1.data[2000*512:2001*512])
			copy(want[2047*512:], p.m1.data[2047*512:])
			extendedCopy1(h, lid1(1, 0x27, []string{first, second}, []string{ // STR, PRIORITY 7
				blocks(0, 0, 1, 1000, 0, 10),
				blocks(1, 0, 1, 0, 0, 10), // nothing; CAT
				offsets(0, 0, 1, 512, 1999, 4, 512, 512),
				offsets(0, 0, 1, 512, 2047, 2047, 0, 0),
			})).Good()
			require.True(t, bytes.Equal(want, p.m2.data))
			require.Equal(t, pattern(1<<20, 1), p.m1.data)
		})
	}
}

// A CSCD descriptor may hold any designator of the logical unit that VPD page 83h has, and room for.
func TestAnyDesignatorWillDo(t *testing.T) {
	p := newTwoDisks(t)
	page := p.second.Fetch("12 01 83 00ff 00", 255).Data()
	tried := 0
	for rest := page[4:]; len(rest) > 0; rest = rest[4+int(rest[3]):] {
		n := int(rest[3])
		if rest[1]&0x30 != 0 || n > 20 {
			continue
		}
		tried++
		designator := fmt.Sprintf("e4 80 0000 %x 00*%d 00 000000", rest[:4+n], 20-n) // LU ID TYPE, which is ignored
		extendedCopy1(p.first, lid1(1, 0, []string{designator}, []string{blocks(0, 0, 0xffff, 1, 0, uint64(tried))})).Good()
		require.Equal(t, p.m2.data[:512], p.m1.data[tried*512:][:512])
	}
	require.Positive(t, tried)
}

// Blocks of 4096 bytes and of 512: DC says of which the number counts.
func TestExtendedCopyOfOtherBlocks(t *testing.T) {
	var manager sbc.CopyManager
	small, large := patterned(1), patterned(2)
	newDisk(t, large, with(&manager), blocksOf4096, isSecond)
	h := newHost(t, small, with(&manager))
	targets := []string{first, secondAny}
	extendedCopy1(h, lid1(1, 0, targets, []string{blocks(0, 0, 1, 16, 8, 3)})).Good()
	require.Equal(t, pattern(1<<20, 1)[4096:3*4096], large.data[3*4096:5*4096])
	extendedCopy1(h, lid1(1, 0, targets, []string{blocks(2, 0, 1, 2, 0, 7)})).Good() // DC
	require.Equal(t, pattern(1<<20, 1)[:2*4096], large.data[7*4096:9*4096])
	extendedCopy1(h, lid1(1, 0, targets, []string{offsets(0, 1, 0, 4096, 0, 0, 4096, 1024)})).Good()
	require.Equal(t, large.data[4096:8192], small.data[1024:1024+4096])

	extendedCopy1(h, lid1(1, 0, targets, []string{blocks(0, 0, 1, 15, 0, 0)})).Sense("0a 26 0a 80 00 5a")
	extendedCopy1(h, lid1(1, 0, targets, []string{blocks(0, 0, 1, 1, 0, 0)})).Sense("0a 26 0a 80 00 5a")
	extendedCopy1(h, lid1(1, 0, targets, []string{offsets(0, 0, 1, 512, 0, 0, 0, 0)})).Sense("0a 26 0a 80 00 58")
	extendedCopy1(h, lid1(1, 0, targets, []string{offsets(0, 0, 1, 4096, 0, 0, 256, 0)})).Sense("0a 26 0a 80 00 6c")
	extendedCopy1(h, lid1(1, 0, targets, []string{offsets(0, 0, 1, 4096, 0, 0, 0, 512)})).Sense("0a 26 0a 80 00 6e")
	extendedCopy1(h, lid1(1, 0, []string{first, second}, []string{blocks(0, 0, 1, 8, 0, 0)})).Sense("0a 26 00 80 00 4d") // DISK BLOCK LENGTH
}

// TestOverlappingCopy is as if all had been read before anything was written, in pieces too.
func TestOverlappingCopy(t *testing.T) {
	const size = 16 << 20
	for _, by := range []int64{-5 << 20, -(1 << 20), -512, 512, 1 << 20, 5 << 20} {
		store, err := backend.NewRamdisk(size)
		require.NoError(t, err)
		want := pattern(size, 5)
		require.NoError(t, store.Writev([][]byte{want}, 0, false))
		h := newHost(t, store)
		const from, n = 5 << 20, 6 << 20
		extendedCopy1(h, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, n/512, from/512, uint64(from+by)/512)})).Good()
		copy(want[from+by:], bytes.Clone(want[from:from+n]))
		have := make([]byte, size)
		require.NoError(t, store.Readv([][]byte{have}, 0))
		require.True(t, bytes.Equal(want, have), "by %d", by)
		require.NoError(t, store.Close())
	}
}

// TestCopyListRefused: what is wrong with a list is found before its first segment has an effect.
func TestCopyListRefused(t *testing.T) {
	ok := blocks(0, 0, 0, 1, 0, 1)
	one := []string{first}
	many := func(s string, n int) []string { return strings.Split(strings.Repeat(s+",", n-1)+s, ",") }
	cut := func(n int) []byte { return lid1(1, 0, one, []string{ok})[:n] }
	patch := func(list []byte, at int, b ...byte) []byte { copy(list[at:], b); return list }
	four := func() []byte { return lid4(1, 0, 0, one, []string{ok}) }
	m := patterned(1)
	h := newHost(t, m)
	for name, test := range map[string]struct {
		send func(*scsitest.Host, []byte) *scsitest.Answer
		list []byte
		want string
	}{
		"header cut":                       {extendedCopy1, cut(15), "05 1a 00"},
		"CSCD descriptor cut":              {extendedCopy1, cut(16 + 31), "05 1a 00"},
		"segment descriptor cut":           {extendedCopy1, cut(16 + 32 + 27), "05 1a 00"},
		"reserved LIST ID USAGE":           {extendedCopy1, lid1(1, 0x08, one, []string{ok}), "05 26 00 8c 00 01"},
		"identifier that is not used":      {extendedCopy1, lid1(1, 0x18, one, []string{ok}), "05 26 00 80 00 00"},
		"inline data":                      {extendedCopy1, append(patch(lid1(1, 0, one, []string{ok}), 15, 4), 0, 0, 0, 0), "05 26 0b"},
		"inline data that is not there":    {extendedCopy1, patch(lid1(1, 0, one, []string{ok}), 15, 4), "05 1a 00"},
		"too many CSCD descriptors":        {extendedCopy1, lid1(1, 0, many(first, 17), []string{ok}), "05 26 06"},
		"too many segment descriptors":     {extendedCopy1, lid1(1, 0, one, many(ok, 65)), "05 26 08"},
		"longer than both may be":          {extendedCopy1, lid1(1, 0, many(first, 16), append(many(offsets(0, 0, 0, 512, 0, 1, 0, 0), 64), ok)), "05 1a 00"},
		"lengths that wrap":                {extendedCopy1, patch(lid1(1, 0, one, []string{ok}), 8, 0xff, 0xff, 0xff, 0xff), "05 1a 00"},
		"N_Port_Name":                      {extendedCopy1, lid1(1, 0, []string{first, "e0" + first[2:]}, []string{ok}), "05 26 07 80 00 30"},
		"CSCD extension":                   {extendedCopy1, lid1(1, 0, []string{"ff" + first[2:], "00*32"}, []string{ok}), "05 26 07 80 00 10"},
		"designator too long":              {extendedCopy1, patch(lid1(1, 0, one, []string{ok}), 16+7, 21), "05 26 00 80 00 17"},
		"part of a CSCD descriptor":        {extendedCopy1, lid1(1, 0, []string{"e4 00*3"}, nil), "05 26 00 80 00 02"},
		"stream to stream":                 {extendedCopy1, lid1(1, 0, one, []string{ok, "03 00 0010 00*16"}), "05 26 09 80 00 4c"},
		"part of a segment descriptor":     {extendedCopy1, lid1(1, 0, one, []string{ok, "02 00 0018 00*8"}), "05 26 00 80 00 4e"},
		"wrong DESCRIPTOR LENGTH":          {extendedCopy1, lid1(1, 0, one, []string{"02 00 001c 00*28"}), "05 26 00 80 00 32"},
		"more than MAXIMUM SEGMENT LENGTH": {extendedCopy1, lid1(1, 0, one, []string{offsets(0, 0, 0, 256<<20+1, 0, 0, 0, 0)}), "05 26 00 80 00 38"},
		"LID4, header cut":                 {extendedCopy4, four()[:47], "05 1a 00"},
		"LID4, segment descriptor cut":     {extendedCopy4, four()[:48+32+27], "05 1a 00"},
		"LID4, PARAMETER LIST FORMAT":      {extendedCopy4, patch(four(), 0, 2), "05 26 00 80 00 00"},
		"LID4, header descriptor length":   {extendedCopy4, patch(four(), 3, 0x40), "05 26 00 80 00 02"},
		"LID4, header descriptor type":     {extendedCopy4, patch(four(), 16, 0xe4), "05 26 00 80 00 10"},
		"LID4, G_SENSE":                    {extendedCopy4, patch(four(), 15, 2), "05 26 00 89 00 0f"},
		"LID4, IMMED without identifier":   {extendedCopy4, lid4(0, 0x18, 1, one, []string{ok}), "05 26 00 8c 00 01"},
		"LID4, identifier is not used":     {extendedCopy4, lid4(7, 0x18, 0, one, []string{ok}), "05 26 00 80 00 14"},
		"LID4, reserved LIST ID USAGE":     {extendedCopy4, lid4(7, 0x08, 0, one, []string{ok}), "05 26 00 8c 00 01"},
		"LID4, part of a CSCD descriptor":  {extendedCopy4, lid4(1, 0, 0, []string{"e4 00*3"}, nil), "05 26 00 80 00 2a"},
		"LID4, too many CSCD descriptors":  {extendedCopy4, lid4(1, 0, 0, many(first, 17), nil), "05 26 06"},
		"LID4, too many segments":          {extendedCopy4, lid4(1, 0, 0, one, many(ok, 65)), "05 26 08"},
		"LID4, N_Port_Name":                {extendedCopy4, lid4(1, 0, 0, []string{"e0" + first[2:]}, nil), "05 26 07 80 00 30"},
		"LID4, stream to stream":           {extendedCopy4, lid4(1, 0, 0, one, []string{"03 00 0010 00*16"}), "05 26 09 80 00 50"},
		"LID4, inline data":                {extendedCopy4, append(patch(four(), 47, 1), 0), "05 26 0b"},
	} {
		t.Run(name, func(t *testing.T) {
			test.send(h, test.list).Sense(test.want)
			require.Empty(t, m.took())
			h.Fetch("84 00 01 00*7 0000000c 00 00", 12).Sense("05 24 00 cf 00 02") // there has been no operation
		})
	}
	h.Send("83 00 00*12 00 00").Good() // no list
	h.Send("83 01 00*12 00 00").Good()
	extendedCopy1(h, lid1(1, 0, nil, nil)).Good() // no descriptors
	extendedCopy1(h, lid1(1, 0, many(first, 16), many(ok, 64))).Good()
	extendedCopy1(h, append(lid1(0, 0x18, one, []string{ok}), make([]byte, 100)...)).Good() // more than the list
}

// TestCopyAborted: what goes wrong while segments are processed is COPY ABORTED, with the number of the segment in the
// COMMAND-SPECIFIC INFORMATION, and a pointer into the parameter list where that is to blame.
func TestCopyAborted(t *testing.T) {
	targets := []string{first, second, "e4 00 0000 01 03 00 10 60014050000000000000000000000000 00*4 00 000200", "e4 01" + second[5:]}
	good := blocks(0, 0, 1, 1, 0, 0)
	for name, test := range map[string]struct {
		segment string
		want    string // the segment is at byte ACh of the list
	}{
		"CSCD ID past the list":        {blocks(0, 0, 4, 1, 0, 0), "0a 08 04 80 00 b2"},
		"CSCD ID that is reserved":     {blocks(0, 0x0800, 0, 1, 0, 0), "0a 08 04 80 00 b0"},
		"null logical unit":            {blocks(0, 0xc000, 0, 1, 0, 0), "0a 08 04 80 00 b0"},
		"nobody's designator":          {blocks(0, 2, 0, 1, 0, 0), "0a 0d 02 80 00 50"},
		"a tape":                       {blocks(0, 0, 3, 1, 0, 0), "0a 0d 03 80 00 71"},
		"source out of range":          {blocks(0, 0, 1, 2, 2047, 0), "0a 00 00 80 00 b8"},
		"destination out of range":     {blocks(0, 0, 1, 2, 0, 2047), "0a 00 00 80 00 c0"},
		"destination far out of range": {blocks(0, 0, 1, 1, 0, 1<<64-1), "0a 00 00 80 00 c0"},
		"nothing, out of range":        {blocks(0, 0, 1, 0, 2049, 0), "0a 00 00 80 00 b8"},
		"an address that wraps":        {offsets(0, 0, 1, 512, 1<<64-1, 0, 512, 0), "0a 00 00 80 00 b8"},
		"fast copy only":               {blocks(4, 0, 1, 1, 0, 0), "0a 26 16 8a 00 ad"},
		"less than a block":            {offsets(0, 0, 1, 511, 0, 0, 0, 0), "0a 26 0a 80 00 b4"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTwoDisks(t)
			list := lid1(1, 0, targets, []string{good, test.segment, good})
			a := extendedCopy1(p.first, list)
			w := scsitest.Hex(test.want)
			a.Raw(fmt.Sprintf("70 00 %02x 00000000 0a 00000001 %x 00 %x", w[0], w[1:3], w[3:]))
			require.Len(t, p.m2.took(), 1, "the first segment, and none after the one that failed")
			ends(t, extendedCopy4(p.first, lid4(1, 0, 0, targets, []string{good, test.segment})), w)
		})
	}
}

// TestCopyAsksTheDisks: a disk that could not be read or written by a command is not by a copy.
func TestCopyAsksTheDisks(t *testing.T) {
	for name, test := range map[string]struct {
		change func(d *sbc.Disk)
		source string // what reading from it ends in
		target string // what writing to it does
	}{
		"write protected":          {func(d *sbc.Disk) { d.Set(scsi.WriteProtect, true) }, "", "0a 27 00"},
		"software write protected": {func(d *sbc.Disk) { d.Set(scsi.SoftwareWriteProtect, true) }, "", "0a 27 02"},
		"stopped":                  {func(d *sbc.Disk) { d.Set(scsi.Stopped, true) }, "0a 04 02", "0a 04 02"},
		"empty":                    {func(d *sbc.Disk) { d.Set(scsi.Empty, true) }, "0a 3a 00", "0a 3a 00"},
		"formatting": {func(d *sbc.Disk) {
			d.Hold(func(*scsi.Op) scsi.Result { return scsi.FormatInProgress.WithProgress(7) })
		}, "0a 04 04", "0a 04 04"},
		"gone": {func(d *sbc.Disk) { d.Close() }, "0a 0d 02", "0a 0d 02"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTwoDisks(t)
			test.change(p.d2)
			ends(t, extendedCopy1(p.first, lid1(1, 0, []string{first, second}, []string{blocks(0, 1, 0, 1, 0, 0)})), scsitest.Hex(test.source))
			ends(t, extendedCopy1(p.first, lid1(1, 0, []string{first, second}, []string{blocks(0, 0, 1, 1, 0, 0)})), scsitest.Hex(test.target))
			require.Equal(t, pattern(1<<20, 2), p.m2.data)
		})
	}
}

// TestCopyReaches only what who sends it reaches.
func TestCopyReaches(t *testing.T) {
	p := newTwoDisks(t)
	p.manager.Reaches = func(from, to *sbc.Disk) bool {
		require.NotSame(t, from, to)
		return from == p.d2
	}
	list := lid1(1, 0, []string{first, second}, []string{blocks(0, 0, 1, 1, 0, 0)})
	extendedCopy1(p.first, list).Sense("0a 0d 02 80 00 30")
	extendedCopy1(p.second, list).Good()
	extendedCopy1(p.first, lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 1)})).Good()
	writeUsingToken(p.second, 1, writeList(0, 0, tokenOf(p.first, 0, 1), ranges(3, 1))).Good()
}

func TestCopyHonoursReservations(t *testing.T) {
	var manager sbc.CopyManager
	m1, m2 := patterned(1), patterned(2)
	other := newDisk(t, m2, with(&manager), isSecond)
	other.Stranger().Bar(scsi.BarWrites, scsi.BarWrites)
	h := newHost(t, m1, with(&manager))
	extendedCopy1(h, lid1(1, 0, []string{first, second}, []string{blocks(0, 1, 0, 1, 0, 0)})).Good()
	extendedCopy1(h, lid1(1, 0, []string{first, second}, []string{blocks(0, 0, 1, 1, 0, 0)})).Sense("0a 0d 01 80 00 64")
	require.Equal(t, pattern(1<<20, 2), m2.data)
}

// TestCopyMeetsErrors of the stores.
func TestCopyMeetsErrors(t *testing.T) {
	for _, test := range []struct {
		op   backend.Op
		err  error
		want string
	}{
		{backend.OpRead, errBroken, "0a 0d 01"}, {backend.OpWrite, errBroken, "0a 0d 01"},
		{backend.OpWrite, syscall.ENOSPC, "0a 27 07"}, {backend.OpWrite, syscall.EROFS, "0a 27 00"}, {backend.OpFlush, errBroken, "0a 0c 00"},
	} {
		t.Run(fmt.Sprint(test.op, test.err), func(t *testing.T) {
			var reported []string
			h := newHost(t, backend.Intercept(volatile(), backend.FailNth(test.op, 1, test.err)), writeThrough, func(c *sbc.Config) {
				c.Report = func(c *scsi.Command, err error) { reported = append(reported, c.Name()+": "+err.Error()) }
			})
			list := lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 1)})
			extendedCopy1(h, list).Sense(test.want)
			require.Equal(t, []string{"EXTENDED COPY (LID1): " + test.err.Error()}, reported)
			extendedCopy1(h, list).Good()
		})
	}
}

// TestCopyIsDurable where a write would be.
func TestCopyIsDurable(t *testing.T) {
	m := volatile()
	extendedCopy1(newHost(t, m, writeThrough), lid1(1, 0, []string{first}, []string{blocks(0, 0, 0, 1, 0, 1)})).Good()
	require.Equal(t, []string{"read 0+512", "write 512+512", "flush"}, m.took())
}

// TestCopiesCross: copies between two disks in both directions, among commands that own blocks on either, all end, and a
// disk that goes meanwhile stops none of the others.
func TestCopiesCross(t *testing.T) {
	p := newTwoDisks(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			h, from, to := p.first, 0, 1
			if i%2 == 1 {
				h, from, to = p.second, 1, 0
			}
			for range 50 {
				extendedCopy1(h, lid1(0, 0x18, []string{first, second}, []string{blocks(0, from, to, 2048, 0, 0), blocks(0, to, to, 1000, 0, 900)})).Good()
				h.Send("8b 00 0000000000000000 00000800 00 00", make([]byte, 1<<20)).Good() // ORWRITE (16)
			}
		})
	}
	all.Wait()
	p.d2.Close()
	extendedCopy1(p.first, lid1(0, 0x18, []string{first, second}, []string{blocks(0, 1, 0, 1, 0, 0)})).Sense("0a 0d 02 80 00 30")
}
