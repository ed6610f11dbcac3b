package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// modelBlocks is how much of the store the model covers, in blocks.
const modelBlocks = 40

// testModel does random operations on the store and on a byte slice, which must stay alike.
func testModel(t *testing.T, d disk) {
	rapid.Check(t, func(t *rapid.T) {
		// at the start, at the end, and around what may be a boundary within the store
		bases := []int64{0, 1<<20 - modelBlocks/2*d.block, d.Size() - modelBlocks*d.block}
		m := model{d, rapid.SampledFrom(bases).Draw(t, "base"), make([]byte, modelBlocks*d.block)}
		require.NoError(t, d.Discard(m.base, int64(len(m.bytes))))
		t.Repeat(map[string]func(*rapid.T){
			"write":   m.write,
			"read":    m.read,
			"zero":    m.zero,
			"discard": m.discard,
			"flush":   func(t *rapid.T) { require.NoError(t, d.Flush()) },
		})
		d.holds(t, m.base, m.bytes)
	})
}

type model struct {
	d     disk
	base  int64
	bytes []byte // what the store holds from base on
}

// draw returns a range of whole blocks.
func (m model) draw(t *rapid.T) (off, n int64) {
	first := rapid.Int64Range(0, modelBlocks-1).Draw(t, "block")
	count := rapid.Int64Range(1, modelBlocks-first).Draw(t, "blocks")
	return first * m.d.block, count * m.d.block
}

// drawShape returns sizes for split. The last is large: sizes of nothing but bytes belong to the test of shapes.
func drawShape(t *rapid.T) []int {
	return append(rapid.SliceOfN(rapid.IntRange(0, 5000), 0, 4).Draw(t, "segments"), rapid.IntRange(512, 8192).Draw(t, "segment"))
}

func (m model) write(t *rapid.T) {
	off, n := m.draw(t)
	data := random(rapid.Int64Range(0, 1<<16-1).Draw(t, "seed"), n)
	durable := rapid.IntRange(0, 15).Draw(t, "durable") == 15
	require.NoError(t, m.d.Writev(split(data, drawShape(t)...), m.base+off, durable))
	copy(m.bytes[off:], data)
}

func (m model) read(t *rapid.T) {
	off, n := m.draw(t)
	got := make([]byte, n)
	require.NoError(t, m.d.Readv(split(got, drawShape(t)...), m.base+off))
	same(t, m.base+off, m.bytes[off:][:n], got)
}

func (m model) zero(t *rapid.T) {
	off, n := m.draw(t)
	require.NoError(t, m.d.Zero(m.base+off, n, false))
	clear(m.bytes[off:][:n])
}

func (m model) discard(t *rapid.T) {
	off, n := m.draw(t)
	require.NoError(t, m.d.Discard(m.base+off, n))
	clear(m.bytes[off:][:n])
}
