package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const page = 4096

func TestGeometry(t *testing.T) {
	g := newGeometry(page)
	const off = 5<<27 + 3<<18 + 7*page + 100 // leaf 5, region 3, page 7
	require.EqualValues(t, page, g.page())
	require.EqualValues(t, 5, g.leafOf(off))
	require.EqualValues(t, 3, g.regionIndex(off))
	require.EqualValues(t, 7, g.pageIndex(off))
	require.EqualValues(t, off-100, g.pageStart(off))
	require.EqualValues(t, 5<<27+3<<18, g.regionStart(off))
	require.EqualValues(t, 5<<27+4<<18, g.regionEnd(off))
}

func TestPagesOfRange(t *testing.T) {
	g := newGeometry(page)
	for _, test := range []struct {
		name     string
		off, end int64
		want     uint64
	}{
		{"one byte", 0, 1, 0x1},
		{"one page", page, 2 * page, 0x2},
		{"two halves", page / 2, page + page/2, 0x3},
		{"last page", 63 * page, 64 * page, 1 << 63},
		{"region", 0, 64 * page, 1<<64 - 1},
		{"region but its ends", page, 63 * page, (1<<64 - 1) &^ (1<<63 | 1)},
		{"in a later region", 130 * page, 132 * page, 0xc},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, g.pages(test.off, test.end))
		})
	}
}

func TestRuns(t *testing.T) {
	r := &Ramdisk{geometry: newGeometry(page)}
	type run struct {
		end     int64
		present bool
	}
	for _, test := range []struct {
		name     string
		present  uint64
		off, end int64
		want     []run
	}{
		{"hole", 0, 100, 64 * page, []run{{64 * page, false}}},
		{"all there", 1<<64 - 1, 100, 64 * page, []run{{64 * page, true}}},
		{"alternating", 0x5, page / 2, 3*page + 1, []run{{page, true}, {2 * page, false}, {3 * page, true}, {3*page + 1, false}}},
		{"last page", 1 << 63, 62 * page, 64 * page, []run{{63 * page, false}, {64 * page, true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []run
			for off := test.off; off < test.end; {
				next, present := r.run(&region{present: test.present}, off, test.end)
				got = append(got, run{next, present})
				off = next
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestEmptyRamdiskMakesNoLeaves(t *testing.T) {
	r, err := NewRamdisk(1 << 40)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Readv([][]byte{make([]byte, 1<<20)}, 1<<39))
	require.NoError(t, r.Discard(0, 1<<40))
	for i := range int64(8192) {
		require.Nil(t, r.leaves.at(i).Load())
	}
}

// What the full-disk tests meet only by chance: pages stay as they were seen until the copy is over.
func TestRegionLock(t *testing.T) {
	r, err := NewRamdisk(1 << 20)
	require.NoError(t, err)
	defer r.Close()
	iov := [][]byte{make([]byte, page)}
	require.NoError(t, r.Writev(iov, 0, false))
	mu := &r.region(0).mu
	for _, test := range []struct {
		name         string
		lock, unlock func()
		op           func() error
	}{
		{"a read waits for a writer", mu.Lock, mu.Unlock, func() error { return r.Readv(iov, 0) }},
		{"a write waits for readers", mu.RLock, mu.RUnlock, func() error { return r.Writev(iov, 0, false) }},
		{"a discard waits for readers", mu.RLock, mu.RUnlock, func() error { return r.Discard(0, page) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := make(chan error, 1)
			test.lock()
			go func() { done <- test.op() }()
			select {
			case <-done:
				t.Error("it did not wait")
			case <-time.After(20 * time.Millisecond):
			}
			test.unlock()
			require.NoError(t, <-done)
		})
	}
}
