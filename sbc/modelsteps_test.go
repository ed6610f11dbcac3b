package sbc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tcmud/tcmud/scsi"
)

func (m *model) write(*rapid.T) {
	lba, n := m.extent()
	p := m.data(n)
	copy(m.at(lba, n), p)
	m.good(m.one(
		fmt.Sprintf("2a 00 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("2a 08 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("aa 10 %08x %08x 00 00", lba, n),
		fmt.Sprintf("8a 00 %016x %08x 00 00", lba, n),
	), m.cut(p))
}

func (m *model) read(*rapid.T) {
	lba, n := m.extent()
	room := rapid.IntRange(0, (n+1)*m.block).Draw(m.t, "room")
	p := m.cut(make([]byte, room))
	m.good(m.one(
		fmt.Sprintf("28 00 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("a8 08 %08x %08x 00 00", lba, n),
		fmt.Sprintf("88 00 %016x %08x 00 00", lba, n),
	), p)
	want := make([]byte, room)
	copy(want, m.at(lba, n))
	require.True(m.t, bytes.Equal(want, bytes.Join(p, nil)), "READ of %d blocks at %d", n, lba)
}

func (m *model) verify(*rapid.T) {
	lba, n := m.extent()
	p := m.data(n)
	if m.either("equal") {
		p = m.at(lba, n)
	}
	want := scsi.Result{}
	if !bytes.Equal(p, m.at(lba, n)) {
		want = scsi.MiscompareDuringVerify
	}
	r := m.do(fmt.Sprintf("8f 02 %016x %08x 00 00", lba, n), m.cut(p))
	require.Equal(m.t, want.Code, r.Code)
	require.Equal(m.t, want.Status, r.Status)
}

func (m *model) unmap(*rapid.T) {
	var pairs []uint64
	for range rapid.IntRange(0, 4).Draw(m.t, "descriptors") {
		lba, n := m.extent()
		pairs = append(pairs, uint64(lba), uint64(n))
		clear(m.at(lba, n))
	}
	list := unmapList(pairs...)
	m.good(fmt.Sprintf("42 00 00000000 00 %04x 00", len(list)), scsi.Buffer{list})
}

func (m *model) writeSame(*rapid.T) {
	lba, n := m.extent()
	p := m.data(1)
	to := n
	if n == 0 {
		to = modelBlocks - lba // to the end
	}
	same := m.at(lba, to)
	bits := 0
	if m.has(0x42, 0) && m.either("UNMAP") {
		bits = unmapped
	}
	if m.either("NDOB") {
		clear(same)
		m.good(fmt.Sprintf("93 %02x %016x %08x 00 00", bits|noData, lba, n), nil)
		return
	}
	copy(same, bytes.Repeat(p, to))
	if bits == unmapped { // zeros, whatever the data
		clear(same)
	}
	m.good(m.one(
		fmt.Sprintf("41 %02x %08x 00 %04x 00", bits, lba, n),
		fmt.Sprintf("93 %02x %016x %08x 00 00", bits, lba, n),
	), m.cut(p))
}

// compareAndWrite writes where it finds what it is told; else the INFORMATION field says which byte was the first to
// differ (SBC-3 5.2).
func (m *model) compareAndWrite(*rapid.T) {
	lba, n := m.extent()
	have := m.at(lba, n)
	p := m.data(n)
	if m.either("equal") {
		p = bytes.Clone(have)
	}
	next := m.data(n)
	want := scsi.Result{}
	for i := range p {
		if p[i] != have[i] {
			want = scsi.MiscompareDuringVerify.WithInfo(uint64(i))
			break
		}
	}
	if want.OK() {
		copy(have, next)
	}
	require.Equal(m.t, want, m.do(fmt.Sprintf("89 00 %016x 000000 %02x 00 00", lba, n), m.cut(append(p, next...))))
}

func (m *model) orWrite(*rapid.T) {
	lba, n := m.extent()
	p := m.data(n)
	for i, b := range p {
		m.at(lba, n)[i] |= b
	}
	m.good(fmt.Sprintf("8b 00 %016x %08x 00 00", lba, n), m.cut(p))
}

// writeAtomic writes as much as the Block Limits page allows, from where it allows (SBC-4 6.6.4).
func (m *model) writeAtomic(*rapid.T) {
	const maximum, alignment, granularity = 44, 48, 52
	lba, n := m.extent()
	lba -= lba % max(1, m.limits(alignment))
	n = min(n, m.limits(maximum))
	n -= n % max(1, m.limits(granularity))
	p := m.data(n)
	copy(m.at(lba, n), p)
	m.good(fmt.Sprintf("9c 00 %016x 0000 %04x 00 00", lba, n), m.cut(p))
}

// copy is EXTENDED COPY (LID1) of one segment (SPC-4 6.4), from one place of the disk to another that it does not meet.
func (m *model) copy(*rapid.T) {
	half := modelBlocks / 2
	n := rapid.IntRange(0, half).Draw(m.t, "blocks")
	from := rapid.IntRange(0, half-n).Draw(m.t, "from")
	to := half + rapid.IntRange(0, half-n).Draw(m.t, "to")
	if m.either("down") {
		from, to = to, from
	}
	copy(m.at(to, n), m.at(from, n))
	list := copyList(m.target(), from, to, n)
	m.good(fmt.Sprintf("83 00 00*8 %08x 00 00", len(list)), m.cut(list))
}

// target is the CSCD descriptor of the disk itself, by its first NAA or EUI-64 designator (SPC-4 6.4.5.2).
func (m *model) target() []byte {
	page := m.in("12 01 83 00ff 00", 255)
	for d := page[4 : 4+binary.BigEndian.Uint16(page[2:])]; len(d) > 0; d = d[4+int(d[3]):] {
		if kind := d[1] & 0x3f; kind == 2 || kind == 3 {
			t := make([]byte, 32)
			t[0] = 0xe4
			copy(t[4:], d[:4+int(d[3])])
			binary.BigEndian.PutUint32(t[28:], uint32(m.block))
			return t
		}
	}
	require.FailNow(m.t, "page 83h names the logical unit by no NAA and no EUI-64 designator")
	return nil
}

// copyList is a parameter list of one CSCD descriptor and one segment descriptor 02h, block to block (SPC-4 6.4.6.4).
func copyList(target []byte, from, to, n int) []byte {
	be := binary.BigEndian
	p := make([]byte, 16)
	p[1] = 0x18                                 // no list is held
	be.PutUint16(p[2:], uint16(len(target)))    // CSCD DESCRIPTOR LIST LENGTH
	be.PutUint32(p[8:], 28)                     // SEGMENT DESCRIPTOR LIST LENGTH
	p = append(p, target...)                    //
	p = append(p, 0x02, 0, 0, 0x18, 0, 0, 0, 0) // from CSCD 0 to CSCD 0
	p = be.AppendUint32(p, uint32(n))           // BLOCK DEVICE NUMBER OF BLOCKS, in bytes 10 and 11
	p = be.AppendUint64(p, uint64(from))
	return be.AppendUint64(p, uint64(to))
}

// status is GET LBA STATUS (SBC-3 5.6): extents that follow one another up to the end, none like the one before it, and
// all that is deallocated reads as zeros.
func (m *model) status(*rapid.T) {
	lba := rapid.IntRange(0, modelBlocks-1).Draw(m.t, "lba")
	be := binary.BigEndian
	const room = 8 + 16*modelBlocks
	p := m.in(fmt.Sprintf("9e 12 %016x %08x 00 00", lba, room), room)
	list := p[8 : 4+be.Uint32(p)]
	before := byte(0xff)
	for next := lba; next < modelBlocks; list = list[16:] {
		require.NotEmpty(m.t, list, "nothing is said of block %d", next)
		first, n, how := be.Uint64(list), int(be.Uint32(list[8:])), list[12]&0xf
		require.EqualValues(m.t, next, first)
		require.NotEqual(m.t, before, how, "two extents that are one, at %d", next)
		require.True(m.t, n > 0 && next+n <= modelBlocks, "%d blocks at %d", n, next)
		if how != 0 {
			require.False(m.t, slices.ContainsFunc(m.at(next, n), func(b byte) bool { return b != 0 }), "blocks from %d on are unmapped, and not zero", next)
		}
		before, next = how, next+n
	}
}
