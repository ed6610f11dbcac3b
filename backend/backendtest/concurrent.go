package backendtest

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const workers = 8

// together runs do in as many goroutines as there are workers and waits for them.
func together(do func(worker int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { do(w) })
	}
	wg.Wait()
}

// testDisjoint lets each worker own every eighth block, so that neighbours within a page have different owners.
func testDisjoint(t *testing.T, d disk) {
	const rounds = 400
	blocks := int64(MinSize) / d.block / workers
	together(func(w int) {
		r := rand.New(rand.NewPCG(uint64(w), 1))
		model := make(map[int64]byte)
		iov := [][]byte{make([]byte, d.block)}
		for range rounds {
			i := r.Int64N(min(blocks, 100))
			off := (i*workers + int64(w)) * d.block
			var err error
			switch value := byte(r.UintN(255) + 1); r.IntN(4) {
			case 0:
				err = d.Discard(off, d.block)
				model[i] = 0
			case 1:
				err = d.Zero(off, d.block, false)
				model[i] = 0
			case 2:
				copy(iov[0], bytes.Repeat([]byte{value}, len(iov[0])))
				err = d.Writev(iov, off, r.IntN(16) == 0)
				model[i] = value
			case 3:
				err = d.Readv(iov, off)
				assert.Equal(t, bytes.Repeat([]byte{model[i]}, len(iov[0])), iov[0], "worker %d, block %d", w, i)
			}
			assert.NoError(t, err)
		}
		assert.NoError(t, d.Flush())
	})
}

// testOverlapping lets all workers at the same blocks. In the end each block holds what one of them left there.
func testOverlapping(t *testing.T, d disk) {
	const rounds = 50
	blocks := 64 << 10 / d.block
	together(func(w int) {
		r := rand.New(rand.NewPCG(uint64(w), 2))
		data := bytes.Repeat([]byte{byte(w + 1)}, int(8*d.block))
		got := make([]byte, 8*d.block)
		for range rounds {
			n := (1 + r.Int64N(8)) * d.block
			off := r.Int64N(blocks-8) * d.block
			assert.NoError(t, d.Writev(split(data[:n], 4096), off, false))
			assert.NoError(t, d.Readv([][]byte{got}, off))
			assert.NoError(t, d.Discard(off, d.block))
		}
	})
	for i := range blocks {
		block := d.read(t, i*d.block, d.block)
		require.LessOrEqual(t, block[0], byte(workers), "block %d", i)
		same(t, i*d.block, bytes.Repeat(block[:1], len(block)), block)
	}
}
