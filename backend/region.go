package backend

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// region is 64 neighbouring pages of a ramdisk (256 KiB where a page is 4 KiB).
//
// Its lock is held for reading while pages of it are read and for writing while they are written, made or given back,
// never two locks at a time. So a page that was seen present stays so until the copy is over: no discard can turn it
// into a hole, which the copy would have to fill, under a writer on a full tmpfs. And a block is never seen half written.
type region struct {
	mu sync.RWMutex
	// present has a bit for each page that the file holds; guarded by mu. A page without its bit reads as zeros,
	// and so does the file, should it hold the page all the same.
	present uint64
}

// leaf is the regions of 128 MiB, made when one of their pages is. An empty 1 TiB ramdisk is 16383 nil pointers.
type leaf [1 << leafBits]region

const (
	regionBits = 6 // pages in a region, as a power of two: the bits of a word
	leafBits   = 9 // regions in a leaf
)

// geometry knows where pages, regions and leaves begin.
type geometry struct{ pageShift, regionShift, leafShift uint }

func newGeometry(page int) geometry {
	p := uint(bits.TrailingZeros(uint(page)))
	return geometry{p, p + regionBits, p + regionBits + leafBits}
}

func (g geometry) page() int64                 { return 1 << g.pageShift }
func (g geometry) pageStart(off int64) int64   { return off &^ (g.page() - 1) }
func (g geometry) pageIndex(off int64) uint    { return uint(off>>g.pageShift) & (1<<regionBits - 1) }
func (g geometry) regionStart(off int64) int64 { return off &^ (1<<g.regionShift - 1) }
func (g geometry) regionEnd(off int64) int64   { return g.regionStart(off) + 1<<g.regionShift }
func (g geometry) regionIndex(off int64) int64 { return off >> g.regionShift & (1<<leafBits - 1) }
func (g geometry) leafOf(off int64) int64      { return off >> g.leafShift }

// pages is the bits of the pages that [off, end), within one region and not empty, touches.
func (g geometry) pages(off, end int64) uint64 {
	first, last := g.pageIndex(off), g.pageIndex(end-1)
	return ^uint64(0) << first & (^uint64(0) >> (63 - last))
}

// region returns the region that off lies in, nil when nothing was ever written near it.
func (r *Ramdisk) region(off int64) *region {
	l := r.leaves.at(r.leafOf(off)).Load()
	if l == nil {
		return nil
	}
	return &l[r.regionIndex(off)]
}

// makeRegion is region, but makes what is missing.
func (r *Ramdisk) makeRegion(off int64) *region {
	p := r.leaves.at(r.leafOf(off))
	l := p.Load()
	if l == nil {
		p.CompareAndSwap(nil, new(leaf)) // who loses takes the winner's
		l = p.Load()
	}
	return &l[r.regionIndex(off)]
}

// read fills the next bytes of c from [off, end), which lies in one region.
func (r *Ramdisk) read(c *cursor, off, end int64) error {
	reg := r.region(off)
	if reg == nil {
		c.zero(end - off)
		return nil
	}
	reg.mu.RLock()
	defer reg.mu.RUnlock()
	mem, err := r.mapped(off, end)
	if err != nil {
		return err
	}
	for off < end {
		next, present := r.run(reg, off, end)
		if present {
			c.fill(mem[off:next])
		} else {
			c.zero(next - off)
		}
		off = next
	}
	return nil
}

// mapped is the mapping of the file, valid while a region is locked, for an access to [off, end): the size may have
// become less since the operation began.
func (r *Ramdisk) mapped(off, end int64) ([]byte, error) {
	return *r.mem.Load(), within(off, end-off, r.Size())
}

// run returns the end of the longest stretch from off on whose pages are all present, or all not.
func (r *Ramdisk) run(reg *region, off, end int64) (next int64, present bool) {
	word := reg.present >> r.pageIndex(off)
	present = word&1 != 0
	if present {
		word = ^word
	}
	pages := int64(bits.TrailingZeros64(word))
	return min(end, r.pageStart(off)+pages<<r.pageShift), present
}

// write stores the next bytes of c in [off, end), which lies in one region.
func (r *Ramdisk) write(c *cursor, off, end int64) error {
	reg := r.makeRegion(off)
	reg.mu.Lock()
	defer reg.mu.Unlock()
	mem, err := r.mapped(off, end)
	if err != nil {
		return err
	}
	if err := r.allocate(reg, off, end); err != nil {
		return err
	}
	c.drain(mem[off:end])
	return nil
}

// allocate makes the pages of [off, end) present. New ones hold zeros; when it fails there are no new ones.
func (r *Ramdisk) allocate(reg *region, off, end int64) error {
	missing := r.pages(off, end) &^ reg.present
	if missing == 0 {
		return nil
	}
	first, past := bits.TrailingZeros64(missing), bits.Len64(missing)
	start, n := r.regionStart(off)+int64(first)<<r.pageShift, int64(past-first)<<r.pageShift
	err := fallocate(r.fd, unix.FALLOC_FL_KEEP_SIZE, start, n)
	if errors.Is(err, unix.ENOMEM) { // what a full memory cgroup says
		err = errors.Join(err, unix.ENOSPC)
	}
	if err != nil {
		return fmt.Errorf("ramdisk %q: no memory for %d bytes, free some or enlarge the tmpfs: %w", r.path, n, err)
	}
	reg.present |= missing
	return nil
}

// erase makes [off, end), which lies in one region, read as zeros: whole pages go, of others the part is cleared.
func (r *Ramdisk) erase(off, end int64) error {
	reg := r.region(off)
	if reg == nil {
		return nil
	}
	reg.mu.Lock()
	defer reg.mu.Unlock()
	head := min(end, r.pageStart(off+r.page()-1))
	tail := end
	if end < r.Size() { // the last page is whole where the disk ends
		tail = max(head, r.pageStart(end))
	}
	r.clear(reg, off, head)
	r.clear(reg, tail, end)
	if head == tail {
		return nil
	}
	// Also where no page is present, which takes 1 to 2.4 µs: one of 2 MiB, in a tmpfs that has such, came with the first of its parts.
	err := fallocate(r.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, head, r.pageStart(tail+r.page()-1)-head)
	if err != nil {
		return fmt.Errorf("ramdisk %q: cannot give back memory: %w", r.path, err)
	}
	reg.present &^= r.pages(head, tail)
	return nil
}

// clear zeroes [off, end), which lies in one page, if the page is there.
func (r *Ramdisk) clear(reg *region, off, end int64) {
	if off < end && reg.present&r.pages(off, end) != 0 {
		clear((*r.mem.Load())[off:end])
	}
}

// directory finds leaves by number. Its chunk k has room for 1<<k of them: it grows without moving any, so that looking
// one up takes no lock.
type directory [40][]atomic.Pointer[leaf]

// grow makes room for leaves up to number last. Those who look one of the new ones up have been told of it since.
func (d *directory) grow(last int64) {
	chunk, _ := place(last)
	for k := range d[:chunk+1] {
		if d[k] == nil {
			d[k] = make([]atomic.Pointer[leaf], 1<<k)
		}
	}
}

// at is where leaf number i is kept, nil when nothing is there.
func (d *directory) at(i int64) *atomic.Pointer[leaf] {
	chunk, at := place(i)
	return &d[chunk][at]
}

// place is the chunk of a directory that leaf number i is in, and its place there: 0; 1, 2; 3, 4, 5, 6; ...
func place(i int64) (chunk int, at int64) {
	chunk = bits.Len64(uint64(i+1)) - 1
	return chunk, i + 1 - 1<<chunk
}

// find learns from the file which pages are there.
func (r *Ramdisk) find() error {
	for off := int64(0); off < r.Size(); {
		data, err := unix.Seek(r.fd, off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // only a hole is left
			return nil
		}
		if err != nil {
			return fmt.Errorf("SEEK_DATA: %w", err)
		}
		hole, err := unix.Seek(r.fd, data, unix.SEEK_HOLE)
		if err != nil {
			return fmt.Errorf("SEEK_HOLE: %w", err)
		}
		for off = data; off < hole; {
			next := min(hole, r.regionEnd(off))
			r.makeRegion(off).present |= r.pages(off, next) // nobody else has r yet: no lock
			off = next
		}
	}
	return nil
}

var _ interface {
	Store
	Zeroer
	Discarder
	Mapper
	Spacer
	AtomicWriter
	Describer
	Resizer
} = (*Ramdisk)(nil)
