package backend

import (
	"errors"
	"sync"
	"syscall"
)

// Copier is a store that copies from another one more cheaply than through a buffer of ours.
type Copier interface {
	// CopyFrom makes n bytes from off on those that src has from srcOff on. Durability, errors and concurrency are those
	// of Writev without durable. An error that wraps errors.ErrUnsupported says that nothing was changed, and that
	// it cannot be done for this src and these ranges: ranges of one store that overlap are always refused so.
	CopyFrom(off int64, src Store, srcOff, n int64) error
}

// CopyFrom makes n bytes from off on those that src had from srcOff on: as if all were read before any is written, also
// where both are one store and the ranges overlap. What is not allocated in src is discarded, so that a copy is as thin as
// what it was made of. Not durable before a Flush; after an error each block of the range holds the old or the new bytes.
func (m *Medium) CopyFrom(off int64, src *Medium, srcOff, n int64) error {
	if m.traits.ReadOnly {
		return syscall.EROFS
	}
	if err := errors.Join(within(off, n, m.Size()), within(srcOff, n, src.Size())); err != nil {
		return err
	}
	if srcOff < off && off < srcOff+n { // in one store, the beginning of the copy is the end of the source
		return m.copyBackwards(off, src, srcOff, n)
	}
	for n > 0 {
		mapped, end, err := src.Mapped(srcOff, srcOff+n)
		if err != nil {
			return err
		}
		k := end - srcOff
		if mapped {
			err = m.copyMapped(off, src, srcOff, k)
		} else {
			err = m.Discard(off, k)
		}
		if err != nil {
			return err
		}
		off, srcOff, n = off+k, srcOff+k, n-k
	}
	return nil
}

// copyBuffer is what an emulated copy goes through, piece by piece.
type copyBuffer [256 << 10]byte

var copyBuffers = sync.Pool{New: func() any { return new(copyBuffer) }}

func (m *Medium) copyMapped(off int64, src *Medium, srcOff, n int64) error {
	if m.copier != nil {
		if err := m.copier.CopyFrom(off, src.Store, srcOff, n); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	for n > 0 {
		k := min(n, int64(len(buf)))
		if err := m.copyPiece(buf[:k], off, src, srcOff); err != nil {
			return err
		}
		off, srcOff, n = off+k, srcOff+k, n-k
	}
	return nil
}

func (m *Medium) copyBackwards(off int64, src *Medium, srcOff, n int64) error {
	buf := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buf)
	for n > 0 {
		k := min(n, int64(len(buf)))
		n -= k
		if err := m.copyPiece(buf[:k], off+n, src, srcOff+n); err != nil {
			return err
		}
	}
	return nil
}

func (m *Medium) copyPiece(p []byte, off int64, src *Medium, srcOff int64) error {
	if err := src.Readv([][]byte{p}, srcOff); err != nil {
		return err
	}
	return m.Writev([][]byte{p}, off, false)
}
