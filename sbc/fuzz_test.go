package sbc_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// fuzzDisk is a thin disk of 64 blocks with a volatile cache. Its store panics when it is asked for what it has not.
func fuzzDisk(t testing.TB) (*sbc.Disk, *recorder) {
	m := newRecorder(64 * 512)
	m.traits.Volatile = true
	copy(m.data, pattern(len(m.data), 1))
	return newDisk(t, m), m
}

// seeds are CDBs made from the table: all zero, all bits that are used, each other bit, each length that is too short.
func seeds(ops []scsi.Op) (cdbs [][]byte) {
	for i := range ops {
		var p [scsi.MaxCDB]byte
		used := p[:ops[i].Usage(p[:])]
		zero := make([]byte, len(used))
		zero[0] = used[0]
		switch v, ok := ops[i].SA.Value(); {
		case ops[i].Code == scsi.VariableLength:
			copy(zero[7:10], used[7:])
		case ok:
			zero[1] = byte(v)
		}
		cdbs = append(cdbs, zero, bytes.Clone(used))
		for n := range used {
			cdbs = append(cdbs, zero[:n])
			for bit := range 8 {
				if n > 0 && used[n]&(1<<bit) == 0 {
					forbidden := bytes.Clone(zero)
					forbidden[n] |= 1 << bit
					cdbs = append(cdbs, forbidden)
				}
			}
		}
	}
	return cdbs
}

// FuzzDo sends any CDB with any data, in two segments, to a disk that is well, and to one with a block that is not.
func FuzzDo(f *testing.F) {
	d, _ := fuzzDisk(f)
	for _, cdb := range seeds(d.Ops()) {
		f.Add(cdb, []byte(nil), uint16(0), uint16(0))
	}
	for _, r := range rows {
		for _, n := range []uint16{0, 1, 511, 512, 1024} {
			f.Add(scsitest.Hex(r.cdb), r.out, n, n/3)
		}
	}
	f.Fuzz(func(t *testing.T, cdb, data []byte, more, cut uint16) {
		well, m := fuzzDisk(t)
		ill := newDisk(t, backend.Intercept(m, func(op backend.Op, off, n int64) error {
			return errors.Join(badBlock(backend.OpRead, 1)(op, off, n), badBlock(backend.OpWrite, 1)(op, off, n))
		}))
		before := append(bytes.Clone(data), make([]byte, more)...)
		at := int(cut) % (len(before) + 1)
		for _, d := range []*sbc.Disk{well, ill} {
			buffer := bytes.Clone(before)
			c := &scsi.Command{CDB: bytes.Clone(cdb), Data: scsi.Buffer{buffer[:at], buffer[at:]}, Nexus: d.Join("host a")}
			checkEnd(t, c, d.Do(c), before, buffer)
			require.Equal(t, cdb, c.CDB, "the CDB is the transport's")
		}
	})
}

// checkEnd holds the end of a command to what is true of all of them.
func checkEnd(t *testing.T, c *scsi.Command, r scsi.Result, before, buffer []byte) {
	t.Helper()
	moved, in := c.Moved()
	require.LessOrEqual(t, moved, int64(len(buffer)))
	if r.OK() || r.Delivers() {
		if !in {
			moved = 0
		}
		require.Equal(t, before[moved:], buffer[moved:], "%s: written past the Data-In, or into the Data-Out", c.Name())
	}
	if r.OK() {
		return
	}
	if r == scsi.Conflict && c.Op().Access == scsi.Reserves {
		return // of one who has registered nothing
	}
	require.Equal(t, scsi.CheckCondition, r.Status, c.Name())
	require.NotContains(t, r.Code.String(), "additional sense code", "%s: a code without a name", c.Name())
	require.False(t, strings.HasPrefix(r.Key.String(), "sense key"), c.Name())
	var sense [scsi.SenseSize]byte
	require.Contains(t, []int{8, 16, 18, 20, 28}, r.Sense(sense[:]))
	if !in {
		require.Equal(t, before, buffer, "%s: the Data-Out has changed", c.Name())
	}
}

// FuzzParamList sends any parameter list with MODE SELECT and UNMAP. One that is refused has had no effect.
func FuzzParamList(f *testing.F) {
	for i := range len(parameterLists) {
		f.Add(uint8(i), []byte(nil))
		for _, list := range []string{
			"00*8", "00 00 00 08 00000040 00 000200", "0000 00 00 01 00 0010 0000000000000040 00000000 00000200",
			"00000000 08 12 00 00*17", "00000000 0a 0a 04 10 08 40 0000 ffff 003c", "00000000 1c 0a 00*10",
			"00*8 08 12 00 00*17", "00*8 0a 0a 04 10 00 40 0000 ffff 003c", "00000000 4a 05 0003 00*3",
			"00000000 08 12 00 00*17 0a 0a 00 10 01 40 0000 ffff 0000", "00000000 08 ff 00*17",
			"0016 0010 00000000 0000000000000000 00000001 00000000", "0015 000f 00000000 00*16",
			"0026 0020 00000000 0000000000000000 00000001 00000000 0000000000000040 00000001 00000000",
			"0016 0010 00000000 ffffffffffffffff 00000002 00000000", "ffff ffff 00000000 00*64",
			"0e 00 000a 0002 01 06 323032363437", "0e 00 000a 0001 01 06 323032363437", "0d 00 0000 0e 00 000a 0002 01 06 323032363437",
			"0e 00 000a 0002 01 06 323032363437 0f 00 0100 0000 03 fc 00*252", "0f 00 0100 0000 03 fc 01*252 0e 00 0000",
		} {
			p := scsitest.Hex(list)
			f.Add(uint8(i), p)
			f.Add(uint8(i), p[:len(p)-1])
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, list []byte) {
		d, m := fuzzDisk(t)
		format := parameterLists[int(which)%len(parameterLists)]
		list = list[:min(len(list), format.longest)]
		other := d.Join("host b")
		pages, data := settablePages(t, d), bytes.Clone(m.data)
		buffer := bytes.Clone(list)
		c := &scsi.Command{CDB: scsitest.Hex(fmt.Sprintf(format.cdb, len(list))), Data: scsi.Buffer{buffer}, Nexus: d.Join("host a")}
		r := d.Do(c)
		checkEnd(t, c, r, list, buffer)
		if r.OK() {
			return
		}
		require.Equal(t, scsi.IllegalRequest, r.Key, "%v", r)
		require.Equal(t, data, m.data, "%v: blocks are gone all the same", r)
		require.True(t, other.TakeAttention().OK(), "%v: others were told of a change", r)
		require.Equal(t, pages, settablePages(t, d), "%v: a page has changed all the same", r)
	})
}

// parameterLists are the commands that FuzzParamList sends, and the longest list that each can state.
var parameterLists = []struct {
	cdb     string
	longest int
}{
	{"15 10 0000 %02x 00", 0xff},
	{"55 10 0000000000 %04x 00", 0xffff},
	{"42 00 00000000 00 %04x 00", 0xffff},
	{"4c 00 40 00 000000 %04x 00", 0xffff},
}

// settablePages are all mode pages, and the log pages that can be set.
func settablePages(t *testing.T, d *sbc.Disk) (all []byte) {
	t.Helper()
	for _, cdb := range []string{"5a 08 3f ff 000000 ffff 00", "4d 00 4e 00 00 0000 ffff 00", "4d 00 4f 00 00 0000 ffff 00"} {
		p := make([]byte, 0xffff)
		c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{p}}
		require.True(t, d.Do(c).OK())
		n, _ := c.Moved()
		all = append(all, p[:n]...)
	}
	return all
}
