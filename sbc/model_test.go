package sbc_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// model is a disk beside the bytes that it should hold. Each of its steps sends a command that is drawn at random.
type model struct {
	t     *rapid.T
	disk  *sbc.Disk
	block int
	bytes []byte
}

// modelBlocks is few enough for commands to meet, and more than a page of the stores.
const modelBlocks = 40

// modelStores are the stores that keep data, and how to make one of size bytes.
var modelStores = []struct {
	name string
	open func(t *testing.T, size int64) (backend.Store, error)
}{
	{"ramdisk", func(_ *testing.T, size int64) (backend.Store, error) { return backend.NewRamdisk(size) }},
	{"file", func(t *testing.T, size int64) (backend.Store, error) {
		return backend.OpenFile(newFile(t, size), backend.FileOptions{})
	}},
	{"device", openLoop},
	{"adapter", func(t *testing.T, size int64) (backend.Store, error) {
		return backend.Adapt(make(inMemory, size), size), nil
	}},
	{"without optional methods", func(t *testing.T, size int64) (backend.Store, error) { return &plain{newRecorder(int(size))}, nil }},
}

// plain is a store with none of the optional methods: all of them are emulated, and the disk is not thin.
type plain struct{ backend.Store }

// newFile makes a sparse file.
func newFile(t *testing.T, size int64) string {
	path := filepath.Join(t.TempDir(), "model.img")
	_, err := backend.CreateFile(path, size)
	require.NoError(t, err)
	return path
}

// openLoop opens a block device over a sparse file.
func openLoop(t *testing.T, size int64) (backend.Store, error) {
	if os.Getuid() != 0 {
		t.Skip("making a loop device needs root")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("this kernel has no loop devices: ", err)
	}
	out, err := exec.Command("losetup", "--find", "--show", newFile(t, size)).CombinedOutput()
	require.NoError(t, err, string(out))
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { require.NoError(t, exec.Command("losetup", "--detach", device).Run()) })
	return backend.OpenFile(device, backend.FileOptions{})
}

// Without flags it is a few thousand commands.
func init() { _ = flag.Set("rapid.checks", "20") }

// TestModel sends commands at random to a disk and to a slice of bytes; "make model" sends a million.
func TestModel(t *testing.T) {
	for _, s := range modelStores {
		for _, block := range []int{512, 4096} {
			t.Run(fmt.Sprintf("%s, blocks of %d", s.name, block), func(t *testing.T) {
				store, err := s.open(t, int64(modelBlocks*block))
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, store.Close()) })
				d, err := sbc.New(sbc.Config{Store: store, BlockSize: block, Identity: identity})
				require.NoError(t, err)
				rapid.Check(t, func(t *rapid.T) {
					m := &model{t, d, block, make([]byte, modelBlocks*block)}
					m.good(fmt.Sprintf("93 %02x %016x %08x 00 00", noData, 0, modelBlocks), nil)
					t.Repeat(m.steps())
				})
			})
		}
	}
}

// steps are those that the disk has a row for.
func (m *model) steps() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){"": m.whole}
	for _, s := range []struct {
		name string
		code scsi.Opcode
		sa   scsi.Action
		step func(*rapid.T)
	}{
		{"read", 0x88, 0, m.read}, {"write", 0x8a, 0, m.write}, {"verify", 0x8f, 0, m.verify},
		{"write same", 0x93, 0, m.writeSame}, {"unmap", 0x42, 0, m.unmap}, {"status", 0x9e, scsi.SA(0x12), m.status},
		{"compare and write", 0x89, 0, m.compareAndWrite}, {"orwrite", 0x8b, 0, m.orWrite},
		{"write atomic", 0x9c, 0, m.writeAtomic}, {"copy", 0x83, scsi.SA(0x00), m.copy},
	} {
		if m.has(s.code, s.sa) {
			all[s.name] = s.step
		}
	}
	return all
}

func (m *model) has(code scsi.Opcode, sa scsi.Action) bool {
	return slices.ContainsFunc(m.disk.Rows(code), func(op scsi.Op) bool { return op.SA == sa })
}

// extent draws a range of the disk that may be empty or end at the end.
func (m *model) extent() (lba, n int) {
	lba = rapid.IntRange(0, modelBlocks).Draw(m.t, "lba")
	return lba, rapid.IntRange(0, modelBlocks-lba).Draw(m.t, "blocks")
}

func (m *model) at(lba, n int) []byte { return m.bytes[lba*m.block:][:n*m.block] }

// data draws n blocks. They come from few, so that some are equal and some are zero.
func (m *model) data(n int) []byte {
	p := make([]byte, 0, n*m.block)
	for range n {
		p = append(p, bytes.Repeat([]byte{rapid.Byte().Draw(m.t, "filling") % 4}, m.block)...)
	}
	if n > 0 && m.either("odd byte") {
		p[rapid.IntRange(0, len(p)-1).Draw(m.t, "at")]++
	}
	return p
}

func (m *model) either(what string) bool { return rapid.Bool().Draw(m.t, what) }

// cut copies p to a buffer of two segments.
func (m *model) cut(p []byte) scsi.Buffer {
	cut := rapid.IntRange(0, len(p)).Draw(m.t, "cut")
	return scsi.Buffer{bytes.Clone(p[:cut]), bytes.Clone(p[cut:])}
}

// one draws one of several CDBs for the same thing.
func (m *model) one(cdbs ...string) string { return rapid.SampledFrom(cdbs).Draw(m.t, "cdb") }

func (m *model) do(cdb string, data scsi.Buffer) scsi.Result {
	return m.disk.Do(&scsi.Command{CDB: scsitest.Hex(cdb), Data: data})
}

func (m *model) good(cdb string, data scsi.Buffer) {
	require.Equal(m.t, scsi.Result{}, m.do(cdb, data), cdb)
}

// in is the n bytes of Data-In of a command.
func (m *model) in(cdb string, n int) []byte {
	p := make([]byte, n)
	m.good(cdb, scsi.Buffer{p})
	return p
}

// whole compares the disk with the model after each command.
func (m *model) whole(*rapid.T) {
	p := m.in(fmt.Sprintf("88 00 %016x %08x 00 00", 0, modelBlocks), len(m.bytes))
	require.True(m.t, bytes.Equal(m.bytes, p), "the disk holds something else")
}

// limits is the Block Limits page.
func (m *model) limits(at int) int {
	return int(binary.BigEndian.Uint32(m.in("12 01 b0 0040 00", 64)[at:]))
}
