package backend

import (
	"errors"
	"fmt"
	"syscall"
)

// AtomicWriter is a store that can write many blocks as one.
type AtomicWriter interface {
	// WriteAtomic is Writev, of MaxAtomic bytes at most, after which all of them are there or none, also when the
	// process died or power was lost meanwhile, once the store is open again. It changes nothing afterwards: what is
	// written later stays. Only when it returns an error may each block be the old or the new one, as with Writev.
	// Whoever reads the range at the same time may see any mixture; those above keep readers off.
	WriteAtomic(iov [][]byte, off int64, durable bool) error
	// MaxAtomic is constant for the life of the store. 0: there are no atomic writes.
	MaxAtomic() int64
}

// maxAtomic is MaxAtomic of the stores that have atomic writes, in bytes.
const maxAtomic = 1 << 20

// errNotAtomic wraps errors.ErrUnsupported.
var errNotAtomic = fmt.Errorf("the store has no atomic writes: %w", errors.ErrUnsupported)

// WriteAtomic implements AtomicWriter, by the store. It is never made up.
func (m *Medium) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	switch {
	case m.traits.ReadOnly:
		return syscall.EROFS
	case m.atomic == nil:
		return errNotAtomic
	}
	return m.atomic.WriteAtomic(iov, off, durable)
}

// MaxAtomic implements AtomicWriter.
func (m *Medium) MaxAtomic() int64 {
	if m.atomic == nil || m.traits.ReadOnly {
		return 0
	}
	return m.atomic.MaxAtomic()
}

// atomicSpan is span for an atomic write.
func atomicSpan(iov [][]byte, off, size int64) (int64, error) {
	n, err := span(iov, off, size)
	if err == nil && n > maxAtomic {
		err = fmt.Errorf("%d bytes are more than the %d of an atomic write: %w", n, maxAtomic, syscall.EINVAL)
	}
	return n, err
}

// WriteAtomic implements AtomicWriter, by a journal. It is durable in any case, three times over: the record, the bytes in
// their place, and that the record no longer counts.
func (f *File) WriteAtomic(iov [][]byte, off int64, _ bool) error {
	if err := f.writable(); err != nil {
		return err
	}
	if f.journal == nil {
		return errNotAtomic
	}
	n, err := atomicSpan(iov, off, f.Size())
	if err != nil || n == 0 {
		return err
	}
	// A file system that is full says so now, not half way.
	if err := f.allocate(0, off, n); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return f.journal.write(iov, off, n, f.place)
}

// place writes the data of a journal's record durably.
func (f *File) place(p []byte, off int64) error { return f.Writev([][]byte{p}, off, true) }

// MaxAtomic implements AtomicWriter.
func (f *File) MaxAtomic() int64 {
	if f.journal == nil {
		return 0
	}
	return maxAtomic
}

// WriteAtomic implements AtomicWriter. A ramdisk in a file, which outlives the process, has a journal; without one, there
// is nobody left to see half of a write.
func (r *Ramdisk) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	n, err := atomicSpan(iov, off, r.Size())
	if err != nil || n == 0 {
		return err
	}
	if err := r.reserve(off, off+n); err != nil {
		return err
	}
	if r.journal == nil {
		return r.Writev(iov, off, durable)
	}
	return r.journal.write(iov, off, n, r.place)
}

func (r *Ramdisk) place(p []byte, off int64) error { return r.Writev([][]byte{p}, off, true) }

// reserve makes all pages of [off, end) present, so that a write finds memory for all or none of its bytes.
func (r *Ramdisk) reserve(off, end int64) error {
	for off < end {
		next := min(end, r.regionEnd(off))
		reg := r.makeRegion(off)
		reg.mu.Lock()
		err := within(off, next-off, r.Size())
		if err == nil {
			err = r.allocate(reg, off, next)
		}
		reg.mu.Unlock()
		if err != nil {
			return err
		}
		off = next
	}
	return nil
}

// MaxAtomic implements AtomicWriter.
func (r *Ramdisk) MaxAtomic() int64 { return maxAtomic }

// WriteAtomic implements AtomicWriter: nothing is kept of all of it.
func (s *Null) WriteAtomic([][]byte, int64, bool) error { return nil }

// MaxAtomic implements AtomicWriter.
func (s *Null) MaxAtomic() int64 { return maxAtomic }
