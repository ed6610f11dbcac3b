package backendtest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func testDescription(t *testing.T, d disk) {
	traits := d.Traits()
	require.Equal(t, traits, d.Traits(), "traits must be constant")
	require.False(t, traits.ReadOnly, "the suite needs a writable store")
	require.Zero(t, traits.Granularity&(traits.Granularity-1), "granularity %d is not a power of two", traits.Granularity)
	require.GreaterOrEqual(t, traits.Granularity, int64(0))
	size := d.Size()
	d.write(t, size-d.block, random(1, d.block))
	require.Equal(t, size, d.Size(), "size must be constant")
}

func testZerosAtFirst(t *testing.T, d disk) {
	const n = 1 << 20
	for _, off := range []int64{0, d.Size() / 2 / d.block * d.block, d.Size() - n} {
		d.holds(t, off, make([]byte, n))
	}
}

// shapes are sizes of segments, used again and again.
var shapes = []struct {
	name  string
	sizes []int
}{
	{"one", []int{1 << 30}},
	{"pages", []int{4096}},
	{"blocks", []int{512}},
	{"odd", []int{7, 512, 1, 4095, 3000}},
	{"empty ones between", []int{0, 100, 0, 0, 5000}},
	{"bytes, more than IOV_MAX", []int{1}},
}

func testSegmentShapes(t *testing.T, d disk) {
	n := 2 * max(d.block, 4096)
	for i, in := range shapes {
		for j, out := range shapes {
			off := d.block * int64(i+j)
			want := random(int64(i*len(shapes)+j), n)
			data := bytes.Clone(want)
			require.NoError(t, d.Writev(split(data, in.sizes...), off, false), "write %s", in.name)
			same(t, off, want, data) // the store must leave the caller's memory alone

			got := make([]byte, n)
			require.NoError(t, d.Readv(split(got, out.sizes...), off), "read %s", out.name)
			same(t, off, want, got)
		}
	}
	require.NoError(t, d.Writev(nil, 0, false), "no segments")
	require.NoError(t, d.Readv([][]byte{nil, {}}, d.Size()), "empty segments")
}

func testDurable(t *testing.T, d disk) {
	data := random(3, 3*d.block)
	require.NoError(t, d.Writev(split(data, 700), d.block, true))
	require.NoError(t, d.Flush())
	require.NoError(t, d.Zero(2*d.block, d.block, true))
	clear(data[d.block : 2*d.block])
	d.holds(t, d.block, data)
}

func testNeighbours(t *testing.T, d disk) {
	const n = 64 << 10
	model := random(4, n)
	d.write(t, 0, model)
	for _, r := range ranges(d.block, n) {
		data := random(r.off+r.n, r.n)
		d.write(t, r.off, data)
		copy(model[r.off:], data)
		d.holds(t, 0, model)
	}
}

type span struct{ off, n int64 }

// ranges are ranges of whole blocks within the first n bytes, on and off the boundaries of pages.
func ranges(block, n int64) []span {
	return []span{
		{0, block},                          // the first block
		{block, block},                      // one within a page, or a page
		{8192, 4096},                        // a page
		{16384 - block, 2 * block},          // across a boundary of pages
		{20480 + block, 4096},               // as long as a page, but not one
		{28672 + block, 16384 - 2*block},    // pages, and both edges
		{49152, 8192 + block},               // pages, and an edge
		{n - block, block},                  // the last block
		{n/2 - 8*block, min(n/2, 16*block)}, // over others
	}
}

// erasers are the two ways to make zeros.
var erasers = []struct {
	name string
	do   func(d disk, off, n int64) error
}{
	{"zero", func(d disk, off, n int64) error { return d.Zero(off, n, false) }},
	{"discard", func(d disk, off, n int64) error { return d.Discard(off, n) }},
}

func testErase(t *testing.T, d disk) {
	const n = 64 << 10
	for _, erase := range erasers {
		t.Run(erase.name, func(t *testing.T) {
			for _, r := range ranges(d.block, n) {
				model := random(5, n)
				d.write(t, 0, model)
				require.NoError(t, erase.do(d, r.off, r.n))
				clear(model[r.off:][:r.n])
				d.holds(t, 0, model)
				require.NoError(t, erase.do(d, r.off, r.n), "what is erased can be erased again")
				d.holds(t, 0, model)
			}
		})
	}
}

// testEraseThenWrite looks for old bytes that come back around a small write.
func testEraseThenWrite(t *testing.T, d disk) {
	const n = 1 << 20
	for _, erase := range erasers {
		t.Run(erase.name, func(t *testing.T) {
			d.write(t, 0, random(6, n))
			require.NoError(t, erase.do(d, 0, n))
			model := make([]byte, n)
			for off := int64(0); off < n; off += 64<<10 + d.block {
				data := random(off, d.block)
				d.write(t, off, data)
				copy(model[off:], data)
			}
			d.holds(t, 0, model)
		})
	}
}

func testLastBlock(t *testing.T, d disk) {
	end := d.Size()
	model := random(7, 2*d.block)
	d.write(t, end-2*d.block, model)
	d.holds(t, end-2*d.block, model)
	for _, erase := range erasers {
		d.write(t, end-d.block, model[d.block:])
		require.NoError(t, erase.do(d, end-d.block, d.block), erase.name)
		d.holds(t, end-2*d.block, append(model[:d.block:d.block], make([]byte, d.block)...))
	}
	require.Equal(t, end, d.Size())
}

func testLarge(t *testing.T, d disk) {
	model := random(8, MinSize)
	require.NoError(t, d.Writev(split(model, 4096), 0, false))
	got := make([]byte, MinSize)
	require.NoError(t, d.Readv(split(got, 1000), 0)) // more than IOV_MAX segments
	same(t, 0, model, got)
	for _, erase := range erasers {
		d.write(t, 0, model)
		require.NoError(t, erase.do(d, d.block, MinSize-2*d.block), erase.name)
		want := make([]byte, MinSize)
		copy(want, model[:d.block])
		copy(want[MinSize-d.block:], model[MinSize-d.block:])
		d.holds(t, 0, want)
	}
}

func (s *suite) testReopen(t *testing.T) {
	const n = 1 << 20
	d := s.disk(t, s.open)
	size := d.Size()
	model := random(9, n)
	d.write(t, 0, model)
	last := random(10, d.block)
	d.write(t, size-d.block, last)
	for _, r := range ranges(d.block, 64<<10) {
		require.NoError(t, d.Discard(r.off, r.n))
		clear(model[r.off:][:r.n])
	}
	require.NoError(t, d.Flush())
	require.NoError(t, d.Close())

	for range 2 { // the second time, what was opened and not written
		d = s.disk(t, s.reopen)
		require.Equal(t, size, d.Size())
		d.holds(t, 0, model)
		d.holds(t, n, make([]byte, n))
		d.holds(t, size-d.block, last)
		require.NoError(t, d.Close())
	}
}

// testResize shrinks the store and makes it as long as it was: how much longer it could be is not known here.
func testResize(t *testing.T, d disk) {
	size := d.Size()
	small := size / 2 / d.block * d.block
	want := random(1, d.block)
	d.write(t, small-d.block, want)
	err := d.Resize(small)
	if errors.Is(err, errors.ErrUnsupported) {
		require.Equal(t, size, d.Size())
		return
	}
	require.NoError(t, err)
	require.Equal(t, small, d.Size())
	d.holds(t, small-d.block, want)
	require.Error(t, d.Writev([][]byte{want}, small, false), "behind the end")
	require.Error(t, d.Resize(0))
	require.Equal(t, small, d.Size(), "an error changes nothing")

	require.NoError(t, d.Resize(size))
	require.Equal(t, size, d.Size())
	d.holds(t, small-d.block, want)
	d.holds(t, small, make([]byte, d.block))
	d.write(t, size-d.block, want)
	d.holds(t, size-d.block, want)
}
