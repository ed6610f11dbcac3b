package backend

import (
	"fmt"
	"io"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxIovec is the kernel's IOV_MAX: the segments one call may have.
const maxIovec = 1024

// ioVector is the segments of one call as the kernel reads them.
type ioVector [maxIovec]unix.Iovec

// iovecs holds those not in use. x/sys would allocate one for every call of more than a few segments.
var iovecs = sync.Pool{New: func() any { return new(ioVector) }}

// transfer repeats preadv2 or pwritev2, which trap says, until all of iov has moved from or to off on; flags are those of the
// call. It returns a plain errno, or io.ErrUnexpectedEOF where the file ends early.
func transfer(trap uintptr, fd int, iov [][]byte, off int64, flags int) error {
	vec := iovecs.Get().(*ioVector)
	defer iovecs.Put(vec)
	for c := (cursor{iov: iov}); !c.empty(); {
		used := c.vector(vec)
		n, err := callv(trap, fd, vec, used, off, flags)
		clear(vec[:used]) // the pool must not keep the caller's memory alive
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		c.skip(n)
		off += n
	}
	return nil
}

// vector describes what is left of c in vec, as much as fits, and returns how many elements it used.
func (c cursor) vector(vec *ioVector) (used int) {
	for used < len(vec) {
		b := c.next(1 << 62)
		if b == nil {
			break
		}
		vec[used].Base = &b[0]
		vec[used].SetLen(len(b))
		used++
	}
	return used
}

// callv is preadv2(2) or pwritev2(2). The Go runtime hears of a call only if it may wait: then it gives the processor to
// others, at a cost.
func callv(trap uintptr, fd int, vec *ioVector, used int, off int64, flags int) (int64, error) {
	var n uintptr
	var errno unix.Errno
	// off is pos_l, and off>>32 pos_h; where a long has 64 bits the kernel looks at pos_l only.
	if flags&unix.RWF_NOWAIT != 0 {
		n, _, errno = unix.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(vec)), uintptr(used), uintptr(off), uintptr(off>>32), uintptr(flags))
	} else {
		n, _, errno = unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(vec)), uintptr(used), uintptr(off), uintptr(off>>32), uintptr(flags))
	}
	if errno != 0 {
		return 0, errno
	}
	return int64(n), nil
}

// fallocate is fallocate(2), repeated while signals interrupt it: the Go runtime sends its own all the time.
func fallocate(fd int, mode uint32, off, n int64) error {
	for {
		if err := unix.Fallocate(fd, mode, off, n); err != unix.EINTR {
			return err
		}
	}
}

// fdatasync is fdatasync(2), repeated while signals interrupt it.
func fdatasync(fd int) error {
	for {
		if err := unix.Fdatasync(fd); err != unix.EINTR {
			return err
		}
	}
}

// copyFileRange is copy_file_range(2), repeated while signals interrupt it.
func copyFileRange(from int, fromOff *int64, to int, toOff *int64, n int64) (int, error) {
	for {
		k, err := unix.CopyFileRange(from, fromOff, to, toOff, int(n), 0)
		if err != unix.EINTR {
			return k, err
		}
	}
}

// lock takes the advisory lock (flock(2)) on fd, so that two programs never serve one file; how is unix.LOCK_EX or
// unix.LOCK_SH. The kernel drops it when fd is closed or its process ends.
func lock(fd int, how int, path string) error {
	err := unix.Flock(fd, how|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		return fmt.Errorf("%s is in use by another program (it holds a lock): stop that program, \"fuser -v\" shows it: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return nil
}
