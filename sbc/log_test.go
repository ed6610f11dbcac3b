package sbc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// spacious is a store that knows how much space there is: as much as a test says.
type spacious struct {
	*recorder
	used, free int64
	err        error
}

func (s *spacious) Space() (used, free int64, err error) { return s.used, s.free, s.err }

func newSpacious(size int) *spacious { return &spacious{recorder: newRecorder(size)} }

// readLog reads a log page.
func readLog(h *scsitest.Host, page byte) *scsitest.Answer {
	return h.Fetch(fmt.Sprintf("4d 00 %02x 00 00 0000 ffff 00", 0x40|page), 0xffff)
}

// Log pages of a disk (SPC-4 7.3, SBC-3 6.4).
func TestLogPages(t *testing.T) {
	s := newSpacious(1 << 20)
	s.used, s.free = 3<<20-1, 1<<60
	h := newHost(t, s)
	readLog(h, 0x00).Good("00 00 0009 00 0c 0d 0e 0f 10 11 19 2f")
	h.Fetch("4d 00 40 ff 00 0000 ffff 00", 255).Good("40 ff 0024", "0000 00ff",
		"0c00 0cff 0d00 0dff 0e00 0eff 0f00 0fff 1000 10ff 1100 11ff 1900 19ff 2f00 2fff")
	readLog(h, 0x0c).Good("8c 00 0018",
		"0001 03 08 ffffffff 02 000000", // available to whoever is first, more than can be said
		"0002 03 08 00000002 01 000000") // used, by this disk alone
	readLog(h, 0x11).Good("91 00 0008 0001 03 04 00000000")
	readLog(h, 0x19).Good("99 00 005c", "0001 02 40 00*64", "0002 02 08 00*8", "0003 03 08 00000006 00000001") // microseconds

	s.err = errors.New("nobody knows")
	readLog(h, 0x0c).Good("8c 00 0000")
	h.Fetch("4d 00 4c 00 00 0001 00ff 00", 255).Sense("05 24 00 cf 00 05")
	readLog(newHost(t, newRecorder(1<<20)), 0x0c).Sense("05 24 00 cd 00 02")
	readLog(newHost(t, newSpacious(1<<20), thick), 0x0c).Sense("05 24 00 cd 00 02")
	readLog(newHost(t, newRecorder(1<<20)), 0x00).Good("00 00 0008 00 0d 0e 0f 10 11 19 2f")
}

func TestLogSelectOfDisk(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	a, b := host(t, d), host(t, d)
	a.Send("4c 00 40 00 000000 000e 00", scsitest.Hex("0e 00 000a 0002 01 06 323032363437")).Good()
	b.Send("00 00000000 00").Sense("06 2a 02")
	readLog(b, 0x0e).Good("0e 00 0024 0001 01 06 202020202020 0002 01 06 323032363437 0003 03 04 ffffffff 0004 03 04 00000000")
	a.Send("4c 00 40 00 000000 000e 00", scsitest.Hex("0e 00 000a 0001 01 06 323032363437")).Sense("05 26 00 80 00 04")
	a.Send("4c 00 40 00 000000 000e 00", scsitest.Hex("0e 00 000b 0002 01 06 323032363437")).Sense("05 1a 00")
}

// TestLogsAreSaved, by whoever asks: what cannot be kept is no GOOD.
func TestLogsAreSaved(t *testing.T) {
	state := newMemory()
	keeps := func(c *sbc.Config) { c.State = state }
	list := scsitest.Hex("0e 00 000a 0002 01 06 323032363437")
	h := newHost(t, newRecorder(1<<20), keeps)
	h.Send("4c 01 40 00 000000 000e 00", list).Good()
	d := newDisk(t, newRecorder(1<<20), keeps)
	require.NoError(t, d.Restore())
	h = host(t, d)
	h.Fetch("4d 00 4e 00 00 0002 000e 00", 14).Good("0e 00 001a 0002 01 06 323032363437")
	state.broken = errBroken
	h.Send("4c 01 40 00 000000 000e 00", list).Sense("04 44 00")
	h.Fetch("4d 01 4e 00 00 0002 000e 00", 14).Sense("04 44 00")
	h.Send("1b 00 0000 00 00").Good() // it has stopped, though it could not be counted for ever

	h = newHost(t, newRecorder(1<<20), stateless)
	h.Send("4c 01 40 00 000000 000e 00", list).Sense("05 24 00 c8 00 01")
	h.Fetch("4d 01 4e 00 00 0002 000e 00", 14).Sense("05 24 00 c8 00 01")
	readLog(h, 0x0e).Good("8e 00 0024 0001 01 06 202020202020 0002 01 06 202020202020 0003 03 04 ffffffff 0004 03 04 00000000")
}

// TestStartStopCycles: one has come to its end when a unit that ran has stopped.
func TestStartStopCycles(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	count := func() *scsitest.Answer { return h.Fetch("4d 00 4e 00 00 0004 000c 00", 12) }
	h.Send("1b 00 0000 00 00").Good()
	h.Send("1b 00 0000 00 00").Good() // it had stopped
	h.Send("1b 00 0000 01 00").Good()
	count().Good("0e 00 0008 0004 03 04 00000001")
	h.Send("1b 00 0000 00 00").Good()
	count().Good("0e 00 0008 0004 03 04 00000002")
}

// statistics are the first four numbers of page 19h: commands that read, that write, blocks received, transmitted.
func statistics(h *scsitest.Host) *scsitest.Answer { return h.Fetch("4d 00 59 00 00 0000 0028 00", 40) }

const statisticsHead = "99 00 005c 0001 02 40"

func TestStatistics(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	expect := func(reads, writes, received, transmitted int) {
		t.Helper()
		statistics(h).Good(statisticsHead, fmt.Sprintf("%016x %016x %016x %016x", reads, writes, received, transmitted))
	}
	block := make([]byte, 512)
	h.Send("2a 00 00000000 00 0002 00", block, block).Good()
	h.Fetch("28 00 00000000 00 0003 00", 3*512).Data()
	expect(1, 1, 2, 3)
	h.Fetch("08 000000 00 00", 256*512).Data() // 256 blocks
	h.Fetch("88 00 00*8 00000001 00 00", 512).Data()
	expect(3, 1, 2, 260)
	h.Send("8a 00 00*8 00000001 00 00", block).Good()
	h.Send("41 00 00000000 00 0010 00", block).Good()           // of 16 blocks, one has come
	h.Send("93 01 00*8 00000010 00 00").Good()                  // and here none
	h.Send("42 00 00000000 00 0018 00", unmapList(0, 1)).Good() // which is no write
	h.Send("2f 00 00000000 00 0001 00").Good()                  // nor this a read
	h.Send("35 00 00000000 00 0000 00").Good()
	expect(3, 4, 4, 260)
	h.Fetch("28 00 00000000 00 0000 00", 0).Data()
	h.Send("2a 00 00000000 00 0002 00", block).Sense("05 24 00 cf 00 07") // it has begun, and moved nothing
	h.Send("2a 00 ffffffff 00 0001 00", block).Sense("05 21 00 cf 00 02") // it has not
	expect(4, 5, 4, 260)
	h.Send("89 00 00*8 000000 01 00 00", make([]byte, 1024)).Data()
	h.Send("9f 12 00 00 0001 0000 0001 00000002 00 00", scsitest.Hex("00*32 00*8 00000001 00*20 00*448"), block).Good()
	expect(4, 7, 8, 260) // of each, what has come

	h.Fetch("4d 00 d9 00 00 0000 0028 00", 40).Good(statisticsHead, "00*32") // by default
	h.Fetch("4d 00 19 00 00 0000 0028 00", 40).Sense("05 24 00 cf 00 02")    // thresholds: none
	h.Send("4c 02 40 00 000000 0000 00").Good()
	expect(0, 0, 0, 0)
}

// TestTimesAreSampled: of every 64 commands one is timed, and stands for all.
func TestTimesAreSampled(t *testing.T) {
	h := newHost(t, backend.NewNull(1<<20))
	times := func() (read, write bool) {
		p := h.Fetch("4d 00 59 00 00 0000 ffff 00", 255).Data()
		return !strings.HasPrefix(hex(p[40:48]), "0000000000000000"), !strings.HasPrefix(hex(p[48:56]), "0000000000000000")
	}
	for range 63 {
		h.Fetch("28 00 00000000 00 0100 00", 256*512).Data()
	}
	read, write := times()
	require.False(t, read || write)
	h.Fetch("28 00 00000000 00 0100 00", 256*512).Data()
	read, write = times()
	require.True(t, read, "64 commands of 128 KiB take more than a microsecond")
	require.False(t, write)
}

func thick(c *sbc.Config) { c.Thick = true }
