package backend

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Returner is a store that what it was opened of can be taken away from, and put back, so that only opening it anew leads to it.
type Returner interface {
	// Returned says that what the store was opened of has gone, for good as far as this store is concerned, and that the same
	// is there again. It may wait as long as a store may.
	Returned() bool
	// Unflushed says that something was written that may not be durable.
	Unflushed() bool
}

// Returned implements Returner: a device that was removed, a file whose server knows it no more (ESTALE), and then one of the
// same identity under the path. What nothing identifies does not return: a disk may get the name of another.
func (f *File) Returned() bool {
	return f.identity != "" && f.gone() && identityAt(f.path) == f.identity
}

// Unflushed implements Returner.
func (f *File) Unflushed() bool { return f.unflushed.Load() }

// wrote notes that something was.
func (f *File) wrote() {
	if !f.unflushed.Load() {
		f.unflushed.Store(true)
	}
}

// LostWrites is for a file opened anew: what had been written before, and not flushed, is lost. Initiators that were told it is
// written hear of it when they ask that it be durable: once, from the next Flush.
func (f *File) LostWrites() {
	err := fmt.Errorf("%s: what was written before it was taken away is lost", f.path)
	f.owed.Store(&err)
}

// removed says whether the store's device has been taken away. Reads then find no data, and writes no space.
func (f *File) removed() bool { return f.device && f.gone() }

// away is the error of an operation on a device that was removed; err is what the kernel said.
func (f *File) away(err error) error {
	return fmt.Errorf("%s has been removed (%v): %w", f.path, err, ErrUnavailable)
}

// gone says whether the descriptor leads to nothing any more.
func (f *File) gone() bool {
	if f.device {
		return f.attribute("dev") == ""
	}
	var st unix.Stat_t
	return errors.Is(unix.Fstat(f.fd, &st), unix.ESTALE)
}

// identityAt is the identity of what a path leads to; "" if it leads nowhere. Nothing is opened for I/O.
func identityAt(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	device, err := isBlockDevice(path, info.Mode())
	if err != nil {
		return ""
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	f := &File{fd: fd, device: device}
	return f.owner()
}
