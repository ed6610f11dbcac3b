package sbc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// goldenModes are the mode pages of a disk with a volatile cache, whose store does not know how much space there is: current,
// changeable and default values (SPC-4 7.5, SBC-3 6.5, and of what has no physical meaning nothing).
var goldenModes = []struct {
	code, sub byte
	values    [3]string
}{
	{0x01, 0x00, same("81 0a 00*10")},
	{0x02, 0x00, same("82 0e 00*14")},
	{0x07, 0x00, same("87 0a 00*10")},
	{0x08, 0x00, same("88 12 04 00*17")}, // WCE
	{0x0a, 0x00, control},
	{0x0a, 0x01, [3]string{"ca 01 001c 06 00*27", "ca 01 001c 00*28", "ca 01 001c 06 00*27"}}, // TCMOS, SCSIP
	{0x0a, 0x05, [3]string{hints, "ca 05 040c 00*1036", hints}},
	{0x10, 0x00, [3]string{"90 16 02 00*21", "90 16 00*22", "90 16 02 00*21"}}, // XORDIS
	{0x19, 0x00, [3]string{"99 06 0f 00*5", "99 06 00*6", "99 06 0f 00*5"}},    // no specific protocol
	{0x1a, 0x00, same("9a 26 00*38")},
	{0x1c, 0x00, same(exceptions)},
	{0x1c, 0x01, same("dc 01 000c 00*12")},
}

var (
	control = [3]string{
		"8a 0a 00 10 00 40 0000 ffff 003c", // unrestricted reordering; TAS; busy without limit; self-test in a minute
		"8a 0a 06 00 08 00 0000 0000 0000", // D_SENSE, GLTSD; SWP
		"8a 0a 00 10 00 40 0000 ffff 003c",
	}
	hints = "ca 05 040c 00*12" + strings.Repeat(" 40 00*15", 64) // no markup descriptor is valid
)

const (
	caching    = "88 12 04 00*17"
	exceptions = "9c 0a 00*10"
)

// stateless is a disk that remembers nothing.
func stateless(c *sbc.Config) { c.State = nil }

func same(page string) [3]string { return [3]string{page, page, page} }

func TestModeSense(t *testing.T) {
	h := newHost(t, volatile())
	const (
		descriptor6 = "00000800 00 000200"                 // 2048 blocks of 512 bytes
		long        = "0000000000000800 00000000 00000200" // LONGLBA
	)
	for pc := range 3 {
		p := byte(pc << 6)
		var all, pages []string
		for _, m := range goldenModes {
			page := m.values[pc]
			all = append(all, page)
			n := len(scsitest.Hex(page))
			h.Fetch(fmt.Sprintf("5a 00 %02x %02x 000000 0fff 00", p|m.code, m.sub), 4095).Good(
				fmt.Sprintf("%04x 00 10 00 00 0008", n+14), descriptor6, page)
			h.Fetch(fmt.Sprintf("5a 08 %02x %02x 000000 0fff 00", p|m.code, m.sub), 4095).Good(
				fmt.Sprintf("%04x 00 10 00 00 0000", n+6), page)
			h.Fetch(fmt.Sprintf("5a 10 %02x %02x 000000 0fff 00", p|m.code, m.sub), 4095).Good(
				fmt.Sprintf("%04x 00 10 01 00 0010", n+22), long, page) // LLBAA
			h.Fetch(fmt.Sprintf("5a 18 %02x %02x 000000 0fff 00", p|m.code, m.sub), 4095).Good(
				fmt.Sprintf("%04x 00 10 01 00 0000", n+6), page)
			if m.sub != 0 {
				continue
			}
			pages = append(pages, page)
			h.Fetch(fmt.Sprintf("1a 00 %02x 00 ff 00", p|m.code), 255).Good(
				fmt.Sprintf("%02x 00 10 08", n+11), descriptor6, page)
			h.Fetch(fmt.Sprintf("1a 08 %02x 00 ff 00", p|m.code), 255).Good(
				fmt.Sprintf("%02x 00 10 00", n+3), page) // DBD
		}
		h.Fetch(fmt.Sprintf("1a 08 %02x ff ff 00", p|0x08), 255).Good("17 00 10 00", goldenModes[3].values[pc])
		h.Fetch(fmt.Sprintf("1a 08 %02x ff ff 00", p|0x1c), 255).Good("1f 00 10 00", goldenModes[10].values[pc], goldenModes[11].values[pc])
		h.Fetch(fmt.Sprintf("1a 00 %02x 00 ff 00", p|0x3f), 255).Good(append([]string{"a7 00 10 08", descriptor6}, pages...)...)
		h.Fetch(fmt.Sprintf("5a 10 %02x 00 000000 00ff 00", p|0x3f), 255).Good(append([]string{"00b2 00 10 01 00 0010", long}, pages...)...)
		h.Fetch(fmt.Sprintf("5a 00 %02x ff 000000 ffff 00", p|0x3f), 4096).Good(append([]string{"04ea 00 10 00 00 0008", descriptor6}, all...)...)
	}
}

func TestModeSenseRefuses(t *testing.T) {
	h := newHost(t, volatile(), stateless)
	for _, sense := range []struct{ cdb, rest string }{{"1a 00", "ff 00"}, {"5a 00", "000000 00ff 00"}} {
		send := func(page string) *scsitest.Answer { return h.Fetch(sense.cdb+page+sense.rest, 255) }
		send("c8 00").Sense("05 39 00") // saved values
		send("ff 00").Sense("05 39 00")
		send("03 00").Sense("05 24 00 cd 00 02") // PAGE CODE
		send("43 00").Sense("05 24 00 cd 00 02")
		send("c3 00").Sense("05 24 00 cd 00 02")
		send("3e ff").Sense("05 24 00 cd 00 02")
		send("08 01").Sense("05 24 00 cf 00 03") // SUBPAGE CODE
		send("0a 04").Sense("05 24 00 cf 00 03")
		send("1c 02").Sense("05 24 00 cf 00 03") // nobody knows how much space there is
		send("3f 01").Sense("05 24 00 cf 00 03")
	}
	h.Fetch("1a 10 3f 00 ff 00", 255).Sense("05 24 00 cc 00 01") // LLBAA is not in the short form
}

func TestModeSenseIsCut(t *testing.T) {
	h := newHost(t, volatile())
	whole := hex(h.Fetch("1a 00 3f 00 ff 00", 255).Data())
	long := hex(h.Fetch("5a 00 3f 00 000000 ffff 00", 255).Data())
	for n := range 180 {
		h.Fetch(fmt.Sprintf("1a 00 3f 00 %02x 00", n), 255).Good(whole[:min(2*n, len(whole))])
		h.Fetch(fmt.Sprintf("5a 00 3f 00 000000 %04x 00", n), 255).Good(long[:min(2*n, len(long))])
	}
}

// SBC-3 6.4.2: a number of blocks that does not fit is all ones.
func TestBlockDescriptor(t *testing.T) {
	for _, disk := range []struct {
		blocks      int64
		short, long string
	}{
		{1, "00000001", "0000000000000001"},
		{1<<32 - 1, "ffffffff", "00000000ffffffff"},
		{1 << 32, "ffffffff", "0000000100000000"},
		{1<<40 + 5, "ffffffff", "0000010000000005"},
	} {
		h := newHost(t, backend.NewNull(disk.blocks*4096), blocksOf4096)
		h.Fetch("1a 00 1c 00 0c 00", 255).Good("17 00 10 08", disk.short, "00 001000")
		h.Fetch("5a 00 1c 00 000000 0010 00", 255).Good("001a 00 10 00 00 0008", disk.short, "00 001000")
		h.Fetch("5a 10 1c 00 000000 0018 00", 255).Good("0022 00 10 01 00 0010", disk.long, "00000000 00001000")
	}
}

// TestCachingPage says what the store is: WCE may be changed only where there is a cache.
func TestCachingPage(t *testing.T) {
	for name, test := range map[string]struct {
		host                          *scsitest.Host
		current, changeable, original string
	}{
		"volatile":                {newHost(t, volatile()), "04", "04", "04"},
		"volatile, write-through": {newHost(t, volatile(), writeThrough), "00", "04", "00"},
		"durable":                 {newHost(t, ramdisk(t)), "00", "00", "00"},
		"adapted, with Sync":      {newHost(t, backend.Adapt(&syncedFile{}, 1<<20)), "04", "04", "04"},
	} {
		t.Run(name, func(t *testing.T) {
			test.host.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12", test.current)
			test.host.Fetch("1a 08 48 00 07 00", 7).Good("17 00 10 00 88 12", test.changeable)
			test.host.Fetch("1a 08 88 00 07 00", 7).Good("17 00 10 00 88 12", test.original)
		})
	}
}

// select6 and select10 send MODE SELECT with PF, and a parameter list as long as it is.
func select6(h *scsitest.Host, list ...string) *scsitest.Answer {
	p := scsitest.Hex(list...)
	return h.Send(fmt.Sprintf("15 10 0000 %02x 00", len(p)), p)
}

func select10(h *scsitest.Host, list ...string) *scsitest.Answer {
	p := scsitest.Hex(list...)
	return h.Send(fmt.Sprintf("55 10 0000000000 %04x 00", len(p)), p)
}

const header6, header10 = "00 00 00 00", "0000 00 00 00 00 0000"

// TestModeSelectTellsTheOthers: one unit attention, to each nexus but the one that made the change (SPC-4 6.11).
func TestModeSelectTellsTheOthers(t *testing.T) {
	d := newDisk(t, volatile())
	a, b, c := host(t, d), host(t, d), host(t, d)
	select6(a, header6, "08 12 00 00*17").Good()
	a.Send("00 00000000 00").Good()
	for _, other := range []*scsitest.Host{b, c} {
		other.Send("00 00000000 00").Sense("06 2a 01")
		other.Send("00 00000000 00").Good()
		other.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12 00")
	}
	select10(b, header10, "08 12 04 00*17", control[0]).Good() // two pages, one of them as it was
	a.Send("00 00000000 00").Sense("06 2a 01")
	b.Send("00 00000000 00").Good()

	select6(c, header6).Sense("06 2a 01")
	select6(c, header6, "08 12 04 00*17").Good() // as it is
	select6(c, header6, exceptions, control[0], caching).Good()
	select6(c, header6).Good()
	c.Send("15 10 0000 00 00").Good()
	a.Send("00 00000000 00").Good()
	b.Send("00 00000000 00").Good()
}

// TestSoftwareWriteProtect is SWP of the Control mode page: WP follows it, and writes are refused.
func TestSoftwareWriteProtect(t *testing.T) {
	m := newRecorder(1 << 20)
	d := newDisk(t, m)
	h := host(t, d)
	select6(h, header6, "0a 0a 00 10 08 40 0000 ffff 003c").Good()
	h.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 90 00 8a 0a 00 10 08 40 0000 ffff 003c")
	h.Fetch("1a 08 8a 00 ff 00", 255).Good("0f 00 90 00", control[0])
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 02")
	unmap(h, unmapList(0, 1)).Sense("07 27 02")
	h.Fetch("28 00 00000000 00 0001 00", 512).Data()
	h.Send("35 00 00000000 00 0000 00").Good()
	select10(h, header10, control[0]).Good()
	h.Fetch("1a 08 1c 00 04 00", 4).Good("0f 00 10 00")
	h.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good()
	require.Equal(t, []string{"read 0+512", "flush", "write 0+512"}, m.took())
}

// TestDescriptorSense is D_SENSE of the Control mode page. DESC of REQUEST SENSE has its own say.
func TestDescriptorSense(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	h := host(t, d)
	h.Send("28 01 00000000 00 0001 00").Raw("70 00 05 00000000 0a 00000000 24 00 00 c8 00 01")
	select6(h, header6, "0a 0a 04 10 00 40 0000 ffff 003c").Good()
	h.Send("28 01 00000000 00 0001 00").Raw("72 05 24 00 000000 08 02 06 0000 c8 00 01 00")
	h.Send("01 00 0000 00 00").Raw("72 05 20 00 000000 00")
	h.Fetch("03 00 0000 ff 00", 255).Good("70 00*6 0a 00*10")
	h.Fetch("03 01 0000 ff 00", 255).Good("72 00*7")
	h.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 10 00 8a 0a 04 10 00 40 0000 ffff 003c")
	select6(h, header6, control[0]).Good()
	h.Send("01 00 0000 00 00").Raw("70 00 05 00000000 0a 00000000 20 00 00 00 00 00")
}

// TestModeSelectTakesWhatModeSenseGave, for disks whose number of blocks the descriptor can and cannot hold.
func TestModeSelectTakesWhatModeSenseGave(t *testing.T) {
	for _, blocks := range []int64{2048, 1<<32 + 1} {
		h := newHost(t, backend.NewNull(blocks*512))
		for _, sense := range []string{"00", "08"} {
			list := h.Fetch("1a "+sense+" 3f 00 ff 00", 255).Data()
			h.Send(fmt.Sprintf("15 10 0000 %02x 00", len(list)), list).Good()
		}
		for _, sense := range []string{"00", "08", "10", "18"} {
			list := h.Fetch("5a "+sense+" 3f 00 000000 00ff 00", 255).Data()
			h.Send(fmt.Sprintf("55 10 0000000000 %04x 00", len(list)), list).Good()
		}
	}
}

func TestModeSelectBlockDescriptor(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for descriptor, want := range map[string]string{
		"00000800 00 000200": "", // as it is
		"00000000 00 000200": "", // as it is
		"ffffffff 00 000200": "", // as many as there are
		"00000400 00 000200": "05 26 00 80 00 04",
		"00000800 00 001000": "05 26 00 80 00 08",
		"00000800 01 000200": "05 26 00 80 00 08",
	} {
		a := select6(h, "00 00 00 08", descriptor, control[0])
		if want == "" {
			a.Good()
		} else {
			a.Sense(want)
		}
	}
	select10(h, "0000 00 00 01 00 0010", "0000000000000800 00000000 00000200", control[0]).Good()
	select10(h, "0000 00 00 01 00 0010", "0000000000000400 00000000 00000200").Sense("05 26 00 80 00 08")
	select10(h, "0000 00 00 01 00 0010", "0000000000000800 00000000 00001000").Sense("05 26 00 80 00 10")
	select6(h, "00 00 00 10", "00000800 00 000200 00000800 00 000200").Sense("05 26 00 80 00 03") // two of them
	select10(h, "0000 00 00 00 00 0010", "00000800 00 000200 00000800 00 000200").Sense("05 26 00 80 00 06")
	select6(h, "00 00 00 07", "00000800 00 0002").Sense("05 26 00 80 00 03")
	select6(h, "00 00 00 08", "00000800 00 0002").Sense("05 1a 00")
}

// TestModeSelectRefuses what may not be, whole: WCE, which comes first in each list, stays as it was.
func TestModeSelectRefuses(t *testing.T) {
	d := newDisk(t, volatile())
	h, other := host(t, d), host(t, d)
	const wceOff = "08 12 00 00*17"
	for name, test := range map[string]struct{ page, want string }{
		"bit that is not changeable": {"0a 0a 00 11 00 40 0000 ffff 003c", "05 26 00 80 00 1b"}, // a reserved one
		"bit that is not, cleared":   {"0a 0a 00 10 00 00 0000 ffff 003c", "05 26 00 80 00 1d"}, // TAS
		"byte that is not":           {"0a 0a 00 10 00 40 0000 00ff 0000", "05 26 00 80 00 20"},
		"the last byte":              {"1c 0a 00*9 01", "05 26 00 80 00 23"},
		"page that is not there":     {"03 16 00*22", "05 26 00 8d 00 18"},
		"subpage that is not there":  {"4a 04 0008 00*8", "05 26 00 8d 00 18"},
		"all pages":                  {"3f 0a 00*10", "05 26 00 8d 00 18"},
		"page that is too short":     {"0a 08 00*8", "05 26 00 80 00 19"},
		"page that is too long":      {"0a 0c 00*12", "05 26 00 80 00 19"},
		"subpage that is too short":  {"4a 01 0008 00*8", "05 26 00 80 00 1a"},
		"page cut short":             {"0a 0a 00 10 00 40 0000 ffff 00", "05 1a 00"},
		"page without a length":      {"0a", "05 1a 00"},
		"subpage without a length":   {"4a 01 00", "05 1a 00"},
	} {
		t.Run(name, func(t *testing.T) {
			select6(h, header6, wceOff, test.page).Sense(test.want)
			other.Send("00 00000000 00").Good()
			require.True(t, d.WriteCache())
		})
	}
	list := scsitest.Hex(header6, wceOff)
	forgets := newHost(t, volatile(), stateless)
	forgets.Send("15 11 0000 18 00", list).Sense("05 24 00 c8 00 01") // SP
	forgets.Send("55 11 0000000000 001c 00", make([]byte, 28)).Sense("05 24 00 c8 00 01")
	h.Send("15 00 0000 18 00", list).Sense("05 24 00 cc 00 01") // PF
	h.Send("15 10 0000 19 00", list).Sense("05 1a 00")          // the initiator offers less
	h.Send("15 10 0000 03 00", list).Sense("05 1a 00")
	h.Send("55 00 0000000000 001c 00", make([]byte, 28)).Sense("05 24 00 cc 00 01")
	h.Send("55 10 0000000000 0007 00", make([]byte, 28)).Sense("05 1a 00")
	require.True(t, d.WriteCache())

	durable := newHost(t, ramdisk(t))
	select6(durable, header6, "08 12 04 00*17").Sense("05 26 00 80 00 06") // there is no cache to turn on
}

// TestModeSelectIgnoresTheHeader of pages and list, as far as MODE SENSE says other things there.
func TestModeSelectIgnoresTheHeader(t *testing.T) {
	d := newDisk(t, volatile())
	h := host(t, d)
	select6(h, "37 00 90 00", "88 12 00 00*17").Good() // MODE DATA LENGTH, WP, DPOFUA, PS
	require.False(t, d.WriteCache())
	h.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12 00")
}

// TestModesAreSaved, with SP, before GOOD.
func TestModesAreSaved(t *testing.T) {
	state := newMemory()
	keeps := func(c *sbc.Config) { c.State = state }
	d := newDisk(t, volatile(), keeps)
	h := host(t, d)
	h.Send("15 11 0000 18 00", scsitest.Hex(header6, "08 12 00 00*17")).Good()
	require.False(t, d.WriteCache())
	h.Fetch("1a 08 c8 00 07 00", 7).Good("17 00 10 00 88 12 00")

	d = newDisk(t, volatile(), keeps)
	require.NoError(t, d.Restore())
	require.False(t, d.WriteCache(), "the initiator has turned it off")
	h = host(t, d)
	h.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12 00")
	h.Fetch("1a 08 88 00 07 00", 7).Good("17 00 10 00 88 12 04")
	require.NoError(t, d.SetWriteCache(true))
	d = newDisk(t, volatile(), keeps)
	require.NoError(t, d.Restore())
	require.True(t, d.WriteCache(), "the operator has turned it on since")

	state.broken = errBroken
	h = host(t, d)
	h.Send("15 11 0000 18 00", scsitest.Hex(header6, "08 12 00 00*17")).Sense("04 44 00")
	h.Send("55 11 0000000000 001c 00", scsitest.Hex(header10, "08 12 00 00*17")).Sense("04 44 00")
}
