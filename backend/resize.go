package backend

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Resizer is a store whose size can change while it is in use.
type Resizer interface {
	// Resize makes the store size bytes long, a multiple of the block size above 0. After an error the store is as
	// long as before. What is added reads as what is stored there, zeros where never written.
	//
	// It runs concurrently with all methods but Close and itself. Operations on what stays are not disturbed. One that
	// is under way on what is cut off is carried out or fails with syscall.EINVAL: those that give out ranges stop
	// giving out these before they shrink a store, and give out new ones after they have grown it.
	Resize(size int64) error
}

// Resize implements Resizer, by the store; an error that wraps errors.ErrUnsupported says that the store cannot.
func (m *Medium) Resize(size int64) error {
	if r, ok := m.Store.(Resizer); ok {
		return r.Resize(size)
	}
	return fmt.Errorf("the store keeps the size that it was opened with: %w", errors.ErrUnsupported)
}

// Resize implements Resizer. The file or device must have that many bytes: it is made longer before, and a file shorter
// afterwards, by others. A file keeps its bytes beyond the size.
func (f *File) Resize(size int64) error {
	if size <= 0 { // which would be all there is
		return fmt.Errorf("%s: size %d: a disk needs at least one block", f.path, size)
	}
	size, err := f.usable(size)
	if err == nil {
		f.size.Store(size)
	}
	return err
}

// Resize implements Resizer.
func (s *Null) Resize(size int64) error {
	s.size.Store(size)
	return nil
}

// Resize implements Resizer. Shrinking gives memory back, and what is added later reads as zeros.
func (r *Ramdisk) Resize(size int64) error {
	old := r.Size()
	var err error
	switch {
	case size <= 0:
		err = errors.New("a ramdisk needs at least one block")
	case size > old:
		err = r.enlarge(old, size)
	case size < old:
		err = r.cut(old, size)
	}
	if err != nil {
		return fmt.Errorf("ramdisk %q: size %d: %w", r.path, size, err)
	}
	return nil
}

func (r *Ramdisk) enlarge(old, size int64) error {
	if err := unix.Ftruncate(r.fd, size); err != nil {
		return fmt.Errorf("no tmpfs can hold that, ask for less: %w", err)
	}
	if err := r.extend(size); err != nil {
		return errors.Join(err, unix.Ftruncate(r.fd, old))
	}
	return nil
}

// extend maps the file up to size, if it is not, and lets operations have it. A mapping that is replaced is unmapped
// after the last operation in it: they load it with a region locked, so whoever has had every lock since it was replaced
// knows that they have ended.
func (r *Ramdisk) extend(size int64) error {
	old := r.mem.Load()
	if old == nil || int64(len(*old)) < size {
		mem, err := unix.Mmap(r.fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return os.NewSyscallError("mmap", err)
		}
		r.leaves.grow(r.leafOf(size - 1))
		r.mem.Store(&mem)
		if old != nil {
			r.quiesce()
			_ = unix.Munmap(*old) // cannot fail: it is a whole mapping of ours
		}
	}
	r.size.Store(size)
	return nil
}

// quiesce waits until operations in regions that had begun before have ended.
func (r *Ramdisk) quiesce() {
	for _, chunk := range r.leaves {
		for i := range chunk {
			l := chunk[i].Load()
			if l == nil {
				continue
			}
			for j := range l {
				l[j].mu.Lock()
				//lint:ignore SA2001 to have had it is all
				l[j].mu.Unlock()
			}
		}
	}
}

// cut takes away [size, old). Once the size is stored no operation begins there, and an earlier one either has its
// region locked, and erasing waits for it, or looks at the size again when it gets the lock.
func (r *Ramdisk) cut(old, size int64) (err error) {
	defer func() {
		if err != nil {
			r.size.Store(old) // what was erased is zeros, as an operation that fails may leave it
		}
	}()
	defer caught(debug.SetPanicOnFault(true), &err)
	r.size.Store(size)
	for off := size; off < old; {
		next := min(old, r.regionEnd(off))
		if err := r.erase(off, next); err != nil {
			return err
		}
		off = next
	}
	return os.NewSyscallError("ftruncate", unix.Ftruncate(r.fd, size))
}
