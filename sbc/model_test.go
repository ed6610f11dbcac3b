package sbc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// model is a disk beside the bytes that it should hold.
type model struct {
	t     *rapid.T
	disk  *sbc.Disk
	thin  bool
	block int
	bytes []byte
}

// modelBlocks is few enough for commands to meet, and more than a page of the ramdisk.
const modelBlocks = 40

// extent draws a range of the disk that may be empty or end at the end.
func (m *model) extent() (lba, n int) {
	lba = rapid.IntRange(0, modelBlocks).Draw(m.t, "lba")
	return lba, rapid.IntRange(0, modelBlocks-lba).Draw(m.t, "blocks")
}

func (m *model) at(lba, n int) []byte { return m.bytes[lba*m.block:][:n*m.block] }

// data draws n blocks, in segments of any length. They come from few, so that some are equal and some are zero.
func (m *model) data(n int) ([]byte, scsi.Buffer) {
	p := make([]byte, 0, n*m.block)
	for range n {
		p = append(p, bytes.Repeat([]byte{rapid.Byte().Draw(m.t, "filling") % 4}, m.block)...)
	}
	if n > 0 && rapid.Bool().Draw(m.t, "odd byte") {
		p[rapid.IntRange(0, len(p)-1).Draw(m.t, "at")]++
	}
	cut := rapid.IntRange(0, len(p)).Draw(m.t, "cut")
	return p, scsi.Buffer{bytes.Clone(p[:cut]), bytes.Clone(p[cut:])}
}

func (m *model) do(cdb string, data scsi.Buffer) scsi.Result {
	return m.disk.Do(&scsi.Command{CDB: scsitest.Hex(cdb), Data: data})
}

func (m *model) good(cdb string, data scsi.Buffer) {
	require.Equal(m.t, scsi.Result{}, m.do(cdb, data), cdb)
}

func (m *model) write(*rapid.T) {
	lba, n := m.extent()
	p, data := m.data(n)
	copy(m.at(lba, n), p)
	m.good(rapid.SampledFrom([]string{
		fmt.Sprintf("2a 00 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("2a 08 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("aa 10 %08x %08x 00 00", lba, n),
		fmt.Sprintf("8a 00 %016x %08x 00 00", lba, n),
	}).Draw(m.t, "cdb"), data)
}

func (m *model) read(*rapid.T) {
	lba, n := m.extent()
	room := rapid.IntRange(0, (n+1)*m.block).Draw(m.t, "room")
	p := make([]byte, room)
	cut := rapid.IntRange(0, room).Draw(m.t, "cut")
	m.good(rapid.SampledFrom([]string{
		fmt.Sprintf("28 00 %08x 00 %04x 00", lba, n),
		fmt.Sprintf("a8 08 %08x %08x 00 00", lba, n),
		fmt.Sprintf("88 00 %016x %08x 00 00", lba, n),
	}).Draw(m.t, "cdb"), scsi.Buffer{p[:cut], p[cut:]})
	want := make([]byte, room)
	copy(want, m.at(lba, n))
	require.True(m.t, bytes.Equal(want, p), "READ of %d blocks at %d", n, lba)
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
	p, data := m.data(1)
	to := n
	if n == 0 {
		to = modelBlocks - lba // to the end
	}
	same := m.at(lba, to)
	bits := 0
	if m.thin && rapid.Bool().Draw(m.t, "UNMAP") {
		bits = unmapped
	}
	if rapid.Bool().Draw(m.t, "NDOB") {
		clear(same)
		m.good(fmt.Sprintf("93 %02x %016x %08x 00 00", bits|noData, lba, n), nil)
		return
	}
	copy(same, bytes.Repeat(p, to))
	m.good(rapid.SampledFrom([]string{
		fmt.Sprintf("41 %02x %08x 00 %04x 00", bits, lba, n),
		fmt.Sprintf("93 %02x %016x %08x 00 00", bits, lba, n),
	}).Draw(m.t, "cdb"), data)
}

func (m *model) verify(*rapid.T) {
	lba, n := m.extent()
	p, data := m.data(n)
	same := bytes.Equal(p, m.at(lba, n))
	if rapid.Bool().Draw(m.t, "equal") {
		same, data = true, scsi.Buffer{bytes.Clone(m.at(lba, n))}
	}
	want := scsi.Result{}
	if !same {
		want = scsi.MiscompareDuringVerify
	}
	require.Equal(m.t, want, m.do(fmt.Sprintf("8f 02 %016x %08x 00 00", lba, n), data))
}

// whole compares the disk with the model after each command.
func (m *model) whole(*rapid.T) {
	p := make([]byte, len(m.bytes))
	m.good(fmt.Sprintf("88 00 %016x %08x 00 00", 0, modelBlocks), scsi.Buffer{p})
	require.True(m.t, bytes.Equal(m.bytes, p), "the disk holds something else")
}

// TestModel sends commands at random to a disk and to a slice of bytes.
func TestModel(t *testing.T) {
	for _, block := range []int{512, 4096} {
		for name, open := range map[string]func() (backend.Store, error){
			"ramdisk":          func() (backend.Store, error) { return backend.NewRamdisk(int64(modelBlocks * block)) },
			"without discards": func() (backend.Store, error) { return &plain{newRecorder(modelBlocks * block)}, nil },
		} {
			t.Run(fmt.Sprint(name, " ", block), rapid.MakeCheck(func(t *rapid.T) {
				store, err := open()
				require.NoError(t, err)
				defer store.Close()
				d, err := sbc.New(sbc.Config{Store: store, BlockSize: block, Identity: identity})
				require.NoError(t, err)
				m := &model{t, d, len(d.Rows(0x42)) > 0, block, make([]byte, modelBlocks*block)}
				actions := map[string]func(*rapid.T){"": m.whole, "write": m.write, "read": m.read,
					"verify": m.verify, "write same": m.writeSame}
				if m.thin {
					actions["unmap"] = m.unmap
				}
				t.Repeat(actions)
			}))
		}
	}
}

// plain is a store with none of the optional methods: all of them are emulated, and the disk is not thin.
type plain struct{ backend.Store }
