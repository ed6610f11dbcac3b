package backend

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// File is a store in a regular file or on a block device. It goes through the page cache, or past it if opened so: what
// is written is durable after Flush, or at once when asked (Traits().Volatile).
type File struct {
	path     string
	identity string // of what was opened; "" where nothing identifies it
	fd       int
	device   bool
	plain    bool      // in a file system that cannot share space between files
	block    int64     // the size is a multiple of
	direct   bool      // past the page cache
	align    alignment // of direct I/O
	busy     *extents  // in the page cache, which shows blocks half written; nil: of direct I/O, and where nobody writes
	size     atomic.Int64
	readOnly bool
	discards Support
	granule  int64
	journal  *journal // nil: no atomic writes

	noDsync  atomic.Bool           // the kernel or the file system does not know RWF_DSYNC
	noNowait atomic.Bool           // nor RWF_NOWAIT
	pace     pace                  // of buffered writes
	lost     atomic.Pointer[error] // the first failure to make data durable; see sync

	unflushed atomic.Bool           // something has been written since the last Flush that is not durable
	owed      atomic.Pointer[error] // what the next Flush is to say, once; see LostWrites
}

// Size implements Store.
func (f *File) Size() int64 { return f.size.Load() }

// Readv implements Store.
func (f *File) Readv(iov [][]byte, off int64) error {
	n, err := span(iov, off, f.Size())
	if err != nil {
		return err
	}
	e := extent{off, n, false}
	f.busy.take(e)
	defer f.busy.release(e)
	switch err := f.move(unix.SYS_PREADV2, iov, off, 0); {
	case err == nil:
		return nil
	case f.removed():
		return f.away(err)
	case err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%s: no data at offset %d, was it truncated?: %w", f.path, off, err)
	default:
		return fmt.Errorf("%s: read at offset %d: %w", f.path, off, err)
	}
}

// Writev implements Store.
func (f *File) Writev(iov [][]byte, off int64, durable bool) error {
	e, err := f.written(iov, off)
	if err != nil {
		return err
	}
	f.busy.take(e)
	defer f.busy.release(e)
	return f.write(iov, off, durable)
}

// written is the extent that a write of iov takes.
func (f *File) written(iov [][]byte, off int64) (extent, error) {
	if err := f.writable(); err != nil {
		return extent{}, err
	}
	n, err := span(iov, off, f.Size())
	return extent{off, n, true}, err
}

// write is Writev of an extent that has been taken.
func (f *File) write(iov [][]byte, off int64, durable bool) error {
	var err error
	if durable {
		err = f.writeDurable(iov, off)
	} else {
		err = f.move(unix.SYS_PWRITEV2, iov, off, 0)
	}
	switch {
	case err == nil:
		if !durable {
			f.wrote()
		}
		return nil
	case f.removed():
		return f.away(err)
	}
	return fmt.Errorf("%s: write at offset %d: %w", f.path, off, err)
}

// writeDurable writes with RWF_DSYNC, which waits for these bytes only, or else waits for all of the file.
func (f *File) writeDurable(iov [][]byte, off int64) error {
	if err := f.lost.Load(); err != nil {
		return *err
	}
	if !f.noDsync.Load() {
		err := f.move(unix.SYS_PWRITEV2, iov, off, unix.RWF_DSYNC)
		if !errors.Is(err, errors.ErrUnsupported) {
			return f.durable(err)
		}
		f.noDsync.Store(true)
	}
	if err := f.move(unix.SYS_PWRITEV2, iov, off, 0); err != nil {
		return err
	}
	return f.sync()
}

// Flush implements Store.
func (f *File) Flush() error {
	if f.readOnly {
		return nil
	}
	wrote := !f.direct && f.unflushed.Swap(false) // of direct I/O by an Engine nobody tells us the end
	err := f.sync()
	if err == nil {
		return nil
	}
	if wrote {
		f.unflushed.Store(true)
	}
	if f.removed() {
		return f.away(err)
	}
	return fmt.Errorf("%s: flush: %w", f.path, err)
}

// sync makes all that was written durable, and once that has failed never says again that it did.
//
// When Linux cannot write a page back it tells so once, to whoever syncs the descriptor next, and counts the page as
// clean from then on: the next fdatasync would succeed although the data, which an initiator was told is written, is
// gone. So the first failure stays until the file is opened anew. Reads and cached writes go on.
func (f *File) sync() error {
	if err := f.lost.Load(); err != nil {
		return *err
	}
	if err := f.owed.Swap(nil); err != nil {
		return *err
	}
	err := fdatasync(f.fd)
	if err != nil {
		f.lose(err)
	}
	return err
}

// durable looks at the outcome of a write with RWF_DSYNC. A failed write-back that it reports may be another write's.
// A file system without space says so before it writes anything, which loses nothing.
func (f *File) durable(err error) error {
	if errors.Is(err, unix.EIO) {
		f.lose(err)
	}
	return err
}

func (f *File) lose(err error) {
	err = fmt.Errorf("earlier writes were lost, check the storage below and open the file anew: %w", err)
	f.lost.CompareAndSwap(nil, &err)
}

// Zero implements Zeroer, by the file system.
func (f *File) Zero(off, n int64, durable bool) error {
	if err := f.allocate(unix.FALLOC_FL_ZERO_RANGE, off, n); err != nil {
		return err
	}
	if durable {
		return f.Flush()
	}
	return nil
}

// Discard implements Discarder. The kernel zeroes what of the range is smaller than a block of the file system.
func (f *File) Discard(off, n int64) error {
	return f.allocate(unix.FALLOC_FL_PUNCH_HOLE, off, n)
}

// allocate is fallocate(2) within the file. What the file system cannot do is errors.ErrUnsupported.
func (f *File) allocate(mode uint32, off, n int64) error {
	if err := f.writable(); err != nil {
		return err
	}
	if err := within(off, n, f.Size()); err != nil || n == 0 {
		return err
	}
	e := extent{off, n, true}
	f.busy.take(e)
	defer f.busy.release(e)
	switch err := fallocate(f.fd, mode|unix.FALLOC_FL_KEEP_SIZE, off, n); {
	case err == nil:
		f.wrote()
		return nil
	case f.removed():
		return f.away(err)
	default:
		return fmt.Errorf("%s: fallocate of %d bytes at offset %d: %w", f.path, n, off, err)
	}
}

func (f *File) writable() error {
	if f.readOnly {
		return fmt.Errorf("%s is open for reading only: %w", f.path, syscall.EROFS)
	}
	return nil
}

// Close implements Store. It gives up the lock too.
func (f *File) Close() error { return errors.Join(f.journal.close(), unix.Close(f.fd)) }

// Traits implements Describer.
func (f *File) Traits() Traits {
	return Traits{ReadOnly: f.readOnly, Volatile: true, Blocking: true, Granularity: f.granule}
}

// Zeroes implements Supporter. A file system without ZERO_RANGE shows at the first Zero only; a Medium then writes zeros.
func (f *File) Zeroes() Support { return Native }

// Discards implements Supporter.
func (f *File) Discards() Support { return f.discards }

var _ interface {
	Store
	Zeroer
	Discarder
	Copier
	Mapper
	Spacer
	AtomicWriter
	Prompter
	Delegator
	Describer
	Supporter
	Resizer
	Returner
} = (*File)(nil)
