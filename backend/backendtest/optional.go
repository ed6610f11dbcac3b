package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// testMapped walks over the store after writing here and there: what was written is mapped, what is not mapped is zeros.
func testMapped(t *testing.T, d disk) {
	model := make([]byte, MinSize)
	for _, r := range []span{{0, d.block}, {1 << 20, d.block}, {1<<20 + 64<<10, 128 << 10}, {MinSize - d.block, d.block}} {
		data := random(r.off, r.n)
		d.write(t, r.off, data)
		copy(model[r.off:], data)
	}
	d.mapsAllBut(t, model)
	require.NoError(t, d.Discard(1<<20, 128<<10))
	clear(model[1<<20:][:128<<10])
	d.mapsAllBut(t, model)

	for _, bad := range []span{{0, 0}, {4096, -4096}, {-512, 1024}, {d.Size(), 512}, {d.Size() - 512, 1024}} {
		_, _, err := d.Mapped(bad.off, bad.off+bad.n)
		require.Error(t, err, "%+v", bad)
	}
}

// mapsAllBut checks that what is not mapped of the first bytes is zeros in model.
func (d disk) mapsAllBut(t *testing.T, model []byte) {
	limit := int64(len(model))
	for off := int64(0); off < limit; {
		mapped, end, err := d.Mapped(off, limit)
		require.NoError(t, err)
		require.Greater(t, end, off)
		require.LessOrEqual(t, end, limit)
		if !mapped {
			same(t, off, make([]byte, end-off), model[off:end])
			d.holds(t, off, make([]byte, end-off))
		}
		off = end
	}
}

// testSpace asks what the store takes. What is left is shared with others, so only that it is asked for can be said of it.
func testSpace(t *testing.T, d disk) {
	before, free, err := d.Space()
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	require.NoError(t, err)
	require.Positive(t, free)
	d.write(t, 0, random(1, 1<<20))
	require.NoError(t, d.Flush())
	after, _, err := d.Space()
	require.NoError(t, err)
	require.GreaterOrEqual(t, after, before+1<<20)
}

// testCopy copies within the store and from another one, on and off the boundaries of pages.
func testCopy(t *testing.T, d disk) {
	ramdisk, err := backend.NewRamdisk(1 << 20)
	require.NoError(t, err)
	defer ramdisk.Close()
	other := disk{backend.Resolve(ramdisk), d.block}
	const n = 256 << 10
	for i, r := range ranges(d.block, 64<<10) {
		model := random(int64(i), n)
		d.write(t, 0, model)
		other.write(t, 0, random(int64(100+i), n/2)) // what follows is not mapped
		from := n/2 - int64(i)*d.block
		require.NoError(t, d.CopyFrom(r.off, other.Medium, from, r.n))
		copy(model[r.off:], other.read(t, from, r.n))
		d.holds(t, 0, model)

		to := n - 128<<10 + r.off
		require.NoError(t, d.CopyFrom(to, d.Medium, r.off, r.n))
		copy(model[to:], model[r.off:][:r.n])
		d.holds(t, 0, model)
	}
	require.Error(t, d.CopyFrom(d.Size()-d.block, d.Medium, 0, 2*d.block), "behind the end")
	require.Error(t, d.CopyFrom(0, d.Medium, d.Size()-d.block, 2*d.block), "from behind the end")
	require.NoError(t, d.CopyFrom(0, d.Medium, d.Size(), 0), "nothing")
}

// testCopyOverlapping copies ranges of the store onto parts of themselves, larger ones than a store moves at a time.
func testCopyOverlapping(t *testing.T, d disk) {
	const n = 1 << 20
	for _, distance := range []int64{d.block, 4096, 64 << 10, n - d.block, n} {
		for _, r := range []struct{ to, from int64 }{{distance, 0}, {0, distance}} {
			model := random(distance, 2*n)
			d.write(t, 0, model)
			require.NoError(t, d.CopyFrom(r.to, d.Medium, r.from, n))
			copy(model[r.to:], model[r.from:][:n])
			d.holds(t, 0, model)
		}
	}
	model := random(1, n)
	d.write(t, 0, model)
	require.NoError(t, d.CopyFrom(0, d.Medium, 0, n), "onto itself")
	d.holds(t, 0, model)
}

func testAtomic(t *testing.T, d disk) {
	most := d.MaxAtomic()
	if most == 0 {
		err := d.WriteAtomic([][]byte{make([]byte, d.block)}, 0, false)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		return
	}
	require.GreaterOrEqual(t, most, d.block)
	require.Zero(t, most%d.block)
	model := random(1, most+2*d.block)
	d.write(t, 0, model)
	for i, r := range append(ranges(d.block, 64<<10), span{d.block, most}) {
		data := random(int64(10+i), r.n)
		want := bytes.Clone(data)
		require.NoError(t, d.WriteAtomic(split(data, 700, 0, 5000), r.off, i%2 == 0))
		same(t, r.off, want, data)
		copy(model[r.off:], data)
		d.holds(t, 0, model)
	}
	require.NoError(t, d.WriteAtomic(nil, d.Size(), false), "nothing")
	require.Error(t, d.WriteAtomic([][]byte{make([]byte, most+d.block)}, 0, false), "more than the most")
	require.Error(t, d.WriteAtomic([][]byte{make([]byte, 2*d.block)}, d.Size()-d.block, false), "behind the end")
	d.holds(t, 0, model)
}

// testAtomicTogether lets workers write their own ranges, some atomically, and copy and look at what others have.
func testAtomicTogether(t *testing.T, d disk) {
	const n, rounds = 64 << 10, 12
	together(func(w int) {
		r := rand.New(rand.NewPCG(uint64(w), 3))
		off := int64(w) * 2 * n
		for round := range rounds {
			data := bytes.Repeat([]byte{byte(16*round + w + 1)}, n)
			write := d.WriteAtomic
			if d.MaxAtomic() < n || r.IntN(3) == 0 {
				write = d.Writev
			}
			assert.NoError(t, write([][]byte{data}, off, false))
			got := make([]byte, n)
			assert.NoError(t, d.Readv([][]byte{got}, off))
			assert.True(t, bytes.Equal(data, got), fmt.Sprintf("worker %d, round %d", w, round))
			assert.NoError(t, d.CopyFrom(off+n, d.Medium, r.Int64N(workers)*2*n, n))
			_, _, err := d.Mapped(0, d.Size())
			assert.NoError(t, err)
		}
	})
}
