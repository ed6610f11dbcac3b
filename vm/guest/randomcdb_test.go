//go:build guest

package guest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// exchange is a command as it is sent: with Data-Out, or else with room for Data-In.
type exchange struct {
	op   scsi.Op
	cdb  []byte
	out  []byte
	room int
}

// generator draws commands at random from the fields of our rows: most are valid, and meet on few blocks.
type generator struct {
	*rand.Rand
	ops    []scsi.Op
	block  int                            // bytes
	blocks uint64                         // of the disk
	page   uint64                         // blocks that are unmapped together
	have   func(lba uint64, n int) []byte // what the disk holds
}

// newGenerator draws from the rows that are judged, for a disk of 8 MiB with blocks of so many bytes.
func newGenerator(t *testing.T, seed uint64, d disk, block int) *generator {
	ops := slices.DeleteFunc(everyRow(t), func(op scsi.Op) bool { return !slices.Contains(judged, op.Name) })
	for _, name := range judged {
		require.True(t, slices.ContainsFunc(ops, func(op scsi.Op) bool { return op.Name == name }), "there is no row %s", name)
	}
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0)), ops: ops, block: block, blocks: uint64(8 * mib / block), page: uint64(4096 / block),
		have: func(lba uint64, n int) []byte {
			e := raw(t, fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), nil)
			e.room = n * block
			p, err := hex.DecodeString(e.send(t, d).data)
			require.NoError(t, err)
			return p
		}}
}

// everyRow is the rows of a fixed disk that has all commands.
func everyRow(t *testing.T) []scsi.Op {
	d, err := sbc.New(sbc.Config{Store: backend.NewNull(mib), Identity: func() spc.Identity { return spc.Identity{} }})
	require.NoError(t, err)
	return slices.Clone(d.Ops())
}

// one in n.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func (g *generator) next() exchange {
	for {
		op := g.ops[g.IntN(len(g.ops))]
		e := exchange{op: op, cdb: make([]byte, op.Len)}
		bare := scsi.Op{Code: op.Code, SA: op.SA, Len: op.Len}
		bare.Usage(e.cdb)
		for _, f := range op.Fields {
			put(e.cdb, f, g.value(op, f))
		}
		if op.Flags&scsi.AltersMedium == 0 && g.one(10) { // what one refuses and the other writes would set them apart for good
			g.flip(e.cdb)
		}
		if g.data(&e) {
			return e
		}
	}
}

// value draws a value of a field by what it is called.
func (g *generator) value(op scsi.Op, f scsi.Field) uint64 {
	switch {
	case strings.Contains(f.Name, "BLOCK ADDRESS") || strings.HasSuffix(f.Name, "LBA"):
		return g.lba()
	case f == op.Xfer.Len && op.Xfer.Rule == scsi.Allocation:
		return []uint64{0, 4, 8, 24, 32, 36, 252, 255}[g.IntN(8)]
	case f == op.Extent.Blocks || f == op.Xfer.Len:
		return g.length()
	case f.Name == "REQUESTED OPERATION CODE":
		return uint64(g.ops[g.IntN(len(g.ops))].Code)
	case f.Name == "PAGE CODE" && !g.one(4):
		return pageCodes[g.IntN(len(pageCodes))] & (1<<f.Width - 1)
	case f.Width == 1:
		return uint64(btoi(g.one(8)))
	case g.one(2):
		return 0
	case g.one(2):
		return g.Uint64N(1 << min(f.Width, 2))
	}
	return g.Uint64() >> (64 - f.Width)
}

// pageCodes are those of mode, log and VPD pages that disks have.
var pageCodes = []uint64{0x00, 0x01, 0x02, 0x03, 0x08, 0x0a, 0x0d, 0x19, 0x1c, 0x2f, 0x3f, 0x80, 0x83, 0x84, 0x86, 0x87, 0x88, 0x89, 0xb0, 0xb1, 0xb2}

// lba is most often one of the first, sometimes one of the last, seldom one that there is not.
func (g *generator) lba() uint64 {
	switch {
	case g.one(16):
		return g.blocks - 8 + g.Uint64N(16)
	case g.one(32):
		return g.Uint64() >> g.IntN(64)
	case g.one(2):
		return g.Uint64N(16) * g.page
	}
	return g.Uint64N(128)
}

func (g *generator) length() uint64 {
	if g.one(2) {
		return g.Uint64N(4) * g.page
	}
	return g.Uint64N(20)
}

// flip turns one bit of the CDB, but none of the operation code.
func (g *generator) flip(cdb []byte) {
	cdb[1+g.IntN(len(cdb)-1)] ^= 1 << g.IntN(8)
}

// mostData is the most that a command here moves, in bytes.
const mostData = 256 << 10

// data adds the data that the CDB asks for. It says no to a CDB that asks for too much.
func (g *generator) data(e *exchange) bool {
	op := e.op
	n := uint64(0)
	if op.Extent.Blocks.Width > 0 {
		n = op.Extent.Blocks.Uint(e.cdb)
	}
	if n > uint64(mostData/g.block/2) && op.Xfer.Dir != scsi.NoData {
		return false
	}
	blocks := int(n)
	switch {
	case op.Name == "UNMAP":
		e.out = g.unmapList()
		binary.BigEndian.PutUint16(e.cdb[7:], uint16(len(e.out)))
	case strings.HasPrefix(op.Name, "COMPARE AND WRITE"):
		lba := op.Extent.LBA.Uint(e.cdb)
		e.out = append(g.expected(lba, blocks), g.filling(blocks)...)
	case strings.HasPrefix(op.Name, "VERIFY"):
		return g.verifyData(e, blocks)
	case strings.HasPrefix(op.Name, "WRITE SAME"):
		if blocks == 0 {
			return false // scsi_debug writes a block all the same
		}
		g.sameData(e)
	case op.Xfer.Dir == scsi.DataOut:
		e.out = g.filling(blocks)
	case op.Xfer.Rule == scsi.Blocks:
		e.room = blocks * g.block
	case op.Xfer.Dir == scsi.DataIn && (op.Xfer.Rule == scsi.NoLength || op.Xfer.Len.Uint(e.cdb) > 0):
		e.room = 512
	}
	return true
}

// sameData is one block, or none with NDOB. What is to be unmapped is whole pages: what becomes of parts is the store's own
// choice, and scsi_debug unmaps also where the block is not zero.
func (g *generator) sameData(e *exchange) {
	const unmap, ndob = 0x08, 0x01
	x := e.op.Extent
	if e.op.Code == 0x41 || e.cdb[1]&ndob == 0 {
		e.out = g.filling(1)
	}
	if e.cdb[1]&unmap != 0 {
		clear(e.out)
		lba, n := x.LBA.Uint(e.cdb), x.Blocks.Uint(e.cdb)
		put(e.cdb, x.LBA, lba-lba%g.page)
		put(e.cdb, x.Blocks, n+(g.page-n%g.page)%g.page)
	}
}

// verifyData is as much as BYTCHK asks for.
func (g *generator) verifyData(e *exchange, blocks int) bool {
	lba := e.op.Extent.LBA.Uint(e.cdb)
	switch e.cdb[1] >> 1 & 3 {
	case 1:
		e.out = g.expected(lba, blocks)
	case 3:
		e.out = g.expected(lba, min(blocks, 1))
	}
	return true
}

// filling is n blocks of a kind of which there are few.
func (g *generator) filling(n int) []byte { return bytes.Repeat([]byte{byte(g.IntN(3))}, n*g.block) }

// expected is, every other time, what the disk holds.
func (g *generator) expected(lba uint64, n int) []byte {
	if lba < g.blocks && uint64(n) <= g.blocks-lba && g.one(2) {
		return g.have(lba, n)
	}
	return g.filling(n)
}

// unmapList is a parameter list for whole pages: what becomes of parts is the store's own choice.
func (g *generator) unmapList() []byte {
	n := g.IntN(4)
	p := binary.BigEndian.AppendUint16(nil, uint16(6+16*n))
	p = binary.BigEndian.AppendUint16(p, uint16(16*n))
	p = append(p, 0, 0, 0, 0)
	for range n {
		lba := g.lba() / g.page * g.page
		if n > 1 { // scsi_debug has unmapped what comes before one that it refuses
			lba %= 128
		}
		p = binary.BigEndian.AppendUint64(p, lba)
		p = binary.BigEndian.AppendUint32(p, uint32(g.length()/g.page*g.page))
		p = append(p, 0, 0, 0, 0)
	}
	return p
}

// reserved says that a bit of the CDB is set that is in none of the row's fields.
func (e exchange) reserved() bool {
	known := make([]byte, e.op.Len)
	e.op.Usage(known) // of a service action, that one
	known[0] = 0xff
	for _, f := range e.op.Fields {
		put(known, f, math.MaxUint64)
	}
	for i, b := range e.cdb {
		if b&^known[i] != 0 {
			return true
		}
	}
	return false
}

// put writes the value of a field into a CDB.
func put(cdb []byte, f scsi.Field, v uint64) {
	for i := range f.Width {
		at := f.Byte*8 + 7 - f.Bit + i // counted from the highest bit of byte 0
		bit := byte(v>>(f.Width-1-i)&1) << (7 - at%8)
		cdb[at/8] = cdb[at/8]&^(1<<(7-at%8)) | bit
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
