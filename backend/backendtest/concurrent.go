package backendtest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
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

// testOverlapping lets all workers at the same blocks. Whoever reads one, then or in the end, finds what one of them left there.
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
			if assert.NoError(t, d.Readv([][]byte{got}, off)) {
				oneWrite(t, d.block, off, got)
			}
			assert.NoError(t, d.Discard(off, d.block))
		}
	})
	oneWrite(t, d.block, 0, d.read(t, 0, blocks*d.block))
}

// oneWrite says whether each of the blocks, which were read at off, is what one worker wrote, or zeros.
func oneWrite(t *testing.T, size, off int64, blocks []byte) {
	t.Helper()
	for block := range slices.Chunk(blocks, int(size)) {
		assert.LessOrEqual(t, block[0], byte(workers), "block at offset %d", off)
		assert.True(t, bytes.Equal(bytes.Repeat(block[:1], len(block)), block), "the block at offset %d is of several writes", off)
		off += size
	}
}
