// Package backendtest is the acceptance suite of stores: what passes it keeps the contract of backend.Store.
//
//	func TestMyStore(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T) backend.Store { return mystore.New(16 << 20) })
//	}
//
// Run it with -race. What a suite cannot see is left to the store's own tests: durability against power loss, full
// disks, allocations.
package backendtest

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// MinSize is the least size, in bytes, of a store that Run can test.
const MinSize = 4 << 20

// Option changes what Run does.
type Option func(*suite)

// BlockSize sets the block size of the unit that is imagined above the store, in bytes; 512 without it.
func BlockSize(n int64) Option { return func(s *suite) { s.block = n } }

// Reopen says that the contents outlive Close: open is called after a Close and opens the store that the function given
// to Run opened in the same test.
func Reopen(open func(t *testing.T) backend.Store) Option {
	return func(s *suite) { s.reopen = open }
}

type suite struct {
	open   func(t *testing.T) backend.Store
	reopen func(t *testing.T) backend.Store // nil: contents go with Close
	block  int64
}

// Run runs the suite. Each test calls open for a store of its own, writable, empty and at least MinSize long, and
// closes it.
func Run(t *testing.T, open func(t *testing.T) backend.Store, opts ...Option) {
	s := &suite{open: open, block: 512}
	for _, opt := range opts {
		opt(s)
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, disk)
	}{
		{"description", testDescription},
		{"zeros at first", testZerosAtFirst},
		{"segment shapes", testSegmentShapes},
		{"durable", testDurable},
		{"neighbours", testNeighbours},
		{"erase exactly", testErase},
		{"erase, then write a part", testEraseThenWrite},
		{"last block", testLastBlock},
		{"large", testLarge},
		{"resize, if it can", testResize},
		{"mapped, if it knows", testMapped},
		{"space, if it knows", testSpace},
		{"copy", testCopy},
		{"copy onto itself", testCopyOverlapping},
		{"atomic writes, if it has them", testAtomic},
		{"disjoint ranges concurrently", testDisjoint},
		{"overlapping ranges concurrently", testOverlapping},
		{"atomic writes and copies concurrently", testAtomicTogether},
		{"model", testModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := s.disk(t, s.open)
			test.run(t, d)
			require.NoError(t, d.Close())
		})
	}
	if s.reopen != nil {
		t.Run("reopen", s.testReopen)
	}
}

// disk is the store under test with all that a store may have, and the block size of the test.
type disk struct {
	*backend.Medium
	block int64
}

func (s *suite) disk(t *testing.T, open func(t *testing.T) backend.Store) disk {
	d := disk{backend.Resolve(open(t)), s.block}
	require.GreaterOrEqual(t, d.Size(), int64(MinSize), "the suite needs a larger store")
	require.Zero(t, d.Size()%d.block, "size is not a multiple of the block size")
	return d
}

// write stores data from off on.
func (d disk) write(t require.TestingT, off int64, data []byte) {
	require.NoError(t, d.Writev([][]byte{data}, off, false))
}

// read returns n bytes from off on. The buffer is full of something else before.
func (d disk) read(t require.TestingT, off, n int64) []byte {
	data := bytes.Repeat([]byte{0xee}, int(n))
	require.NoError(t, d.Readv([][]byte{data}, off))
	return data
}

// holds checks the content from off on, and says where it first differs.
func (d disk) holds(t require.TestingT, off int64, want []byte) {
	same(t, off, want, d.read(t, off, int64(len(want))))
}

func same(t require.TestingT, off int64, want, got []byte) {
	if bytes.Equal(want, got) {
		return
	}
	at := 0
	for want[at] == got[at] {
		at++
	}
	require.Failf(t, "content differs", "at byte %d of the store: want %#02x, got %#02x", off+int64(at), want[at], got[at])
}

// random returns n bytes, no two blocks alike and none of zeros; the same for the same seed.
func random(seed, n int64) []byte {
	r := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8)})
	data := make([]byte, n)
	r.Read(data)
	return data
}

// split cuts data in segments of the given sizes, which are used again and again.
func split(data []byte, sizes ...int) [][]byte {
	var iov [][]byte
	for i := 0; len(data) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(data))
		iov = append(iov, data[:n])
		data = data[n:]
	}
	return iov
}
