package sbc_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// unmapList is an UNMAP parameter list (SBC-3 5.28.2) of pairs of LBA and number of blocks.
func unmapList(pairs ...uint64) []byte {
	be := binary.BigEndian
	n := len(pairs) / 2 * 16
	p := be.AppendUint16(nil, uint16(n+6)) // UNMAP DATA LENGTH
	p = be.AppendUint16(p, uint16(n))      // UNMAP BLOCK DESCRIPTOR DATA LENGTH
	p = append(p, 0, 0, 0, 0)
	for i := 0; i < len(pairs); i += 2 {
		p = be.AppendUint64(p, pairs[i])
		p = be.AppendUint32(p, uint32(pairs[i+1]))
		p = append(p, 0, 0, 0, 0)
	}
	return p
}

// unmap sends UNMAP with a parameter list as long as it is.
func unmap(h *scsitest.Host, list []byte) *scsitest.Answer {
	return h.Send(fmt.Sprintf("42 00 00000000 00 %04x 00", len(list)), list)
}

func TestUnmap(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	unmap(h, scsitest.Hex("0016 0010 00000000", "0000000000000005 00000003 00000000")).Good()
	require.Equal(t, []string{"discard 2560+1536"}, m.took())
	unmap(h, unmapList(2047, 1, 0, 2048, 7, 0, 7, 1, 7, 1)).Good() // in any order, overlapping, repeated, empty
	require.Equal(t, []string{"discard 1048064+512", "discard 0+1048576", "discard 3584+512", "discard 3584+512"}, m.took())
	h.Send("42 00 00000000 1f 0018 00", unmapList(0, 1)).Good() // GROUP NUMBER
	require.Equal(t, []string{"discard 0+512"}, m.took())
}

// TestUnmappedBlocksAreZero, whatever their alignment: LBPRZ promises it.
func TestUnmappedBlocksAreZero(t *testing.T) {
	for name, test := range map[string]struct{ block, at, n int }{
		"one block in a page":      {512, 3, 1},
		"parts of two pages":       {512, 5, 6},
		"whole pages and edges":    {512, 7, 100},
		"all of the disk":          {512, 0, 2048},
		"blocks as large as pages": {4096, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, ramdisk(t))
			if test.block == 4096 {
				h = newHost(t, ramdisk(t), blocksOf4096)
			}
			data := pattern(1<<20, 9)
			h.Send(fmt.Sprintf("8a 00 %016x %08x 00 00", 0, len(data)/test.block), data).Good()
			unmap(h, unmapList(uint64(test.at), uint64(test.n))).Good()
			clear(data[test.at*test.block:][:test.n*test.block])
			h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", 0, len(data)/test.block), len(data)).Good(hex(data))
		})
	}
}

// What is in the list but asks for nothing is no error (SBC-3 5.28).
func TestUnmapNothing(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	h.Send("42 00 00000000 00 0000 00").Good()                                           // no list
	unmap(h, unmapList()).Good()                                                         // no descriptor
	unmap(h, unmapList(0, 0, 2048, 0)).Good()                                            // no blocks
	unmap(h, scsitest.Hex("0015 000f 00000000 0000000000000000 00000001 000000")).Good() // less than a descriptor
	require.Empty(t, m.took())
	unmap(h, append(scsitest.Hex("001e 0018 00000000"), unmapList(1, 1, 2, 1)[8:32]...)).Good()
	require.Equal(t, []string{"discard 512+512"}, m.took(), "an incomplete descriptor is ignored")
	h.Send("42 00 00000000 00 0008 00", unmapList(1, 1)[:8]).Sense("05 1a 00")
	h.Send("42 00 00000000 00 0018 00", append(unmapList(1, 1), make([]byte, 100)...)).Good() // more than the list
	require.Equal(t, []string{"discard 512+512"}, m.took())
}

// TestUnmapRefuses: all of the list is found good before any of it has an effect.
func TestUnmapRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for name, test := range map[string]struct {
		list []byte
		want string
	}{
		"out of range":                     {unmapList(0, 1, 2048, 1), "05 21 00 80 00 18"},
		"out of range by length":           {unmapList(0, 1, 1, 1, 2047, 2), "05 21 00 80 00 28"},
		"out of range, nothing to unmap":   {unmapList(2049, 0), "05 21 00 80 00 08"},
		"wrapping LBA":                     {unmapList(1<<64-1, 2), "05 21 00 80 00 08"},
		"LBA of 63 bits":                   {unmapList(1<<63, 0xffffffff), "05 21 00 80 00 08"},
		"header cut short":                 {unmapList()[:7], "05 1a 00"},
		"descriptor cut short":             {unmapList(0, 1)[:23], "05 1a 00"},
		"descriptors that are not there":   {scsitest.Hex("0026 0020 00000000 0000000000000000 00000001 00000000"), "05 1a 00"},
		"one descriptor more than allowed": {unmapList(make([]uint64, 2*257)...), "05 26 00 80 00 02"},
	} {
		t.Run(name, func(t *testing.T) {
			unmap(h, test.list).Sense(test.want)
			require.Empty(t, m.took())
		})
	}
	h.Send("42 00 00000000 00 0019 00", unmapList(0, 1)).Sense("05 1a 00")          // the initiator offers less
	h.Send("42 01 00000000 00 0018 00", unmapList(0, 1)).Sense("05 24 00 c8 00 01") // ANCHOR: ANC_SUP is 0
	require.Empty(t, m.took())
	unmap(h, unmapList(make([]uint64, 2*256)...)).Good() // MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT
}

// MAXIMUM UNMAP LBA COUNT limits the blocks of one command, in however many descriptors.
func TestMaximumUnmapCount(t *testing.T) {
	h := newHost(t, backend.NewNull(1<<40))
	unmap(h, unmapList(0, 1<<20)).Good()
	unmap(h, unmapList(1<<30, 1<<19, 0, 1<<19)).Good()
	unmap(h, unmapList(0, 1<<20+1)).Sense("05 26 00 80 00 10")
	unmap(h, unmapList(0, 1<<20, 0, 1)).Sense("05 26 00 80 00 20")
	unmap(h, unmapList(0, 0xffffffff)).Sense("05 21 00 80 00 08")
}

func TestThickDiskHasNoUnmap(t *testing.T) {
	m := newRecorder(1 << 20)
	m.thin = false
	h := newHost(t, m)
	unmap(h, unmapList(0, 1)).Sense("05 20 00")
	h.Send("41 08 00000000 00 0001 00", make([]byte, 512)).Sense("05 24 00 cb 00 01")
	h.Send("93 08 0000000000000000 00000001 00 00", make([]byte, 512)).Sense("05 24 00 cb 00 01")
	require.Empty(t, m.took())
}
