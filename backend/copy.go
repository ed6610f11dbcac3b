package backend

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Copier is a store that copies from another one more cheaply than through a buffer of ours.
type Copier interface {
	// CopyFrom makes n bytes from off on those that src has from srcOff on. Durability, errors and concurrency are those
	// of Writev without durable. An error that wraps errors.ErrUnsupported says that nothing was changed, and that
	// it cannot be done for this src and these ranges: ranges of one store that overlap are always refused so.
	CopyFrom(off int64, src Store, srcOff, n int64) error
}

// CopyFrom makes n bytes from off on those that src had from srcOff on: as if all were read before any is written, also
// where both are one store and the ranges overlap. It is not durable before a Flush; after an error each block of the
// range holds the old or the new bytes. Where there is nothing in either (see Mapper) nothing comes to be: the copy of a
// thin store is thin.
func (m *Medium) CopyFrom(off int64, src *Medium, srcOff, n int64) error {
	if m.traits.ReadOnly {
		return syscall.EROFS
	}
	if err := errors.Join(within(off, n, m.Size()), within(srcOff, n, src.Size())); err != nil {
		return err
	}
	if srcOff < off && off < srcOff+n { // in one store, the first bytes to be written would be the last to be read
		return m.copyBackwards(off, src, srcOff, n)
	}
	for n > 0 {
		k, err := m.copyStretch(off, src, srcOff, n)
		if err != nil {
			return err
		}
		off, srcOff, n = off+k, srcOff+k, n-k
	}
	return nil
}

// copyStretch copies the first k of n bytes, which are all mapped in src or all not.
func (m *Medium) copyStretch(off int64, src *Medium, srcOff, n int64) (k int64, err error) {
	mapped, end, err := src.Mapped(srcOff, srcOff+n)
	if err != nil {
		return 0, err
	}
	k = end - srcOff
	if mapped {
		return k, m.copyMapped(off, src, srcOff, k)
	}
	mapped, end, err = m.Mapped(off, off+k)
	if err != nil || !mapped {
		return end - off, err
	}
	return end - off, m.Zero(off, end-off, false)
}

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

// copyBackwards begins with the last bytes.
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

// copyBuffer is what an emulated copy goes through, piece by piece.
type copyBuffer [256 << 10]byte

var copyBuffers = sync.Pool{New: func() any { return new(copyBuffer) }}

func (m *Medium) copyPiece(p []byte, off int64, src *Medium, srcOff int64) error {
	if err := src.Readv([][]byte{p}, srcOff); err != nil {
		return err
	}
	return m.Writev([][]byte{p}, off, false)
}

// takeBoth takes an extent of each file, in an order that is the same for all, and returns what gives them back.
func takeBoth(a *File, ofA extent, b *File, ofB extent) (release func()) {
	if a.fd > b.fd || a == b && ofA.off > ofB.off {
		a, ofA, b, ofB = b, ofB, a, ofA
	}
	a.busy.take(ofA)
	b.busy.take(ofB)
	return func() {
		b.busy.release(ofB)
		a.busy.release(ofA)
	}
}

// CopyFrom implements Copier, by copy_file_range(2) between regular files: the file system lets both share the space
// (reflink), or has its server copy. Of ext4 and tmpfs, which can do neither, the kernel reads and writes page by page, and
// takes up to half as long again as a buffer.
func (f *File) CopyFrom(off int64, src Store, srcOff, n int64) error {
	from, ok := src.(*File)
	switch {
	case !ok || f.device || from.device || f.plain:
		return fmt.Errorf("%s: the kernel copies no better than by a buffer: %w", f.path, errors.ErrUnsupported)
	case from == f && off < srcOff+n && srcOff < off+n:
		return fmt.Errorf("%s: the ranges of the copy overlap: %w", f.path, errors.ErrUnsupported)
	}
	if err := errors.Join(f.writable(), within(off, n, f.Size()), within(srcOff, n, from.Size())); err != nil {
		return err
	}
	read, written := extent{srcOff, n, false}, extent{off, n, true}
	defer takeBoth(from, read, f, written)()
	for first := true; n > 0; first = false {
		k, err := copyFileRange(from.fd, &srcOff, f.fd, &off, n)
		switch {
		case first && (err == unix.EXDEV || err == unix.EINVAL): // not between these file systems
			return fmt.Errorf("%s: copy from %s: %w (%v)", f.path, from.path, errors.ErrUnsupported, err)
		case err == nil && k == 0:
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("%s: copy of %d bytes from %s: %w", f.path, n, from.path, err)
		}
		n -= int64(k)
	}
	f.wrote()
	return nil
}
