package backend

import (
	"fmt"
	"io"
)

// ReaderWriterAt is the least that Adapt can make a disk of. *os.File is one.
type ReaderWriterAt interface {
	io.ReaderAt
	io.WriterAt
}

// Adapt makes a store of size bytes from anything that can be read and written at an offset. Calls go straight to rw,
// one for each segment, in parallel as far as io.ReaderAt and io.WriterAt allow: never while a write is under way in
// the same range.
//
// A read that ends before the end of the store is an error, not zeros: rw must hold all of size. If rw has a method
// Sync() error it is called for Flush and after durable writes, perhaps during other calls, and the unit reports a
// write cache; if it has Close() error it is called by Close; if it has Traits (see Describer) they are the store's.
func Adapt(rw ReaderWriterAt, size int64) Store {
	return &adapter{rw: rw, size: size, busy: newExtents()}
}

type adapter struct {
	rw   ReaderWriterAt
	size int64
	busy *extents
}

type syncer interface{ Sync() error }

// Size implements Store.
func (a *adapter) Size() int64 { return a.size }

// Readv implements Store.
func (a *adapter) Readv(iov [][]byte, off int64) error {
	n, err := span(iov, off, a.size)
	if err != nil {
		return err
	}
	e := extent{off, n, false}
	a.busy.take(e)
	defer a.busy.release(e)
	for _, b := range iov {
		if err := readAt(a.rw, b, off); err != nil {
			return fmt.Errorf("read of %d bytes at offset %d: %w", len(b), off, err)
		}
		off += int64(len(b))
	}
	return nil
}

// readAt fills b. A reader may say EOF along with the last byte, and must not be short without an error.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	if len(b) == 0 {
		return nil
	}
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// Writev implements Store.
func (a *adapter) Writev(iov [][]byte, off int64, durable bool) error {
	n, err := span(iov, off, a.size)
	if err != nil {
		return err
	}
	if err := a.write(iov, extent{off, n, true}); err != nil {
		return err
	}
	if durable {
		return a.Flush()
	}
	return nil
}

func (a *adapter) write(iov [][]byte, e extent) error {
	a.busy.take(e)
	defer a.busy.release(e)
	off := e.off
	for _, b := range iov {
		n, err := a.rw.WriteAt(b, off)
		if err == nil && n < len(b) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("write of %d bytes at offset %d: %w", len(b), off, err)
		}
		off += int64(len(b))
	}
	return nil
}

// Flush implements Store.
func (a *adapter) Flush() error {
	if s, ok := a.rw.(syncer); ok {
		return s.Sync()
	}
	return nil
}

// Close implements Store.
func (a *adapter) Close() error {
	if c, ok := a.rw.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Traits implements Describer.
func (a *adapter) Traits() Traits {
	if d, ok := a.rw.(Describer); ok {
		return d.Traits()
	}
	_, volatile := a.rw.(syncer)
	return Traits{Blocking: true, Volatile: volatile}
}
