package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Ramdisk is a store in shared memory, a sparse file on a tmpfs that is mapped whole: a read or a write is one copy.
// Memory is taken when a page is first written and given back by Discard and Zero. The file outlives the process, and
// so do the contents.
//
// A mapping of a tmpfs has two traps. Reading a hole through it allocates a page; writing a hole when the tmpfs is full
// raises SIGBUS. Neither happens here, for holes are never touched through the mapping: each region of the disk keeps a
// word that says which of its pages are there (see region), reads of the others are answered with zeros, and writes of
// the others first ask the kernel for the pages, which may say ENOSPC.
type Ramdisk struct {
	path string // "": anonymous
	fd   int
	size atomic.Int64
	mem  atomic.Pointer[[]byte] // the file, mapped to its end or beyond; loaded with a region locked, see Resize
	geometry
	leaves  directory
	journal *journal // nil: the contents go with the process
}

// OpenRamdisk opens the ramdisk kept in the file at path, with its contents, or makes an empty one of size bytes. The
// file must lie on a tmpfs; its folder is made with mode 0700 when missing. The file is locked until Close, so that two
// processes never serve one ramdisk: the error of the second wraps syscall.EWOULDBLOCK.
func OpenRamdisk(path string, size int64) (*Ramdisk, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ramdisk: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil, fmt.Errorf("ramdisk: statfs %s: %w", dir, err)
	}
	if fs.Type != unix.TMPFS_MAGIC {
		return nil, fmt.Errorf("ramdisk: %s is not on a tmpfs: choose a path under /dev/shm, or use fileio to keep data on a disk", path)
	}
	fd, err := openLocked(path)
	if err != nil {
		return nil, fmt.Errorf("ramdisk: %w", err)
	}
	return newRamdisk(fd, path, size)
}

// NewRamdisk makes an empty ramdisk of size bytes without a name. Its contents go with Close.
func NewRamdisk(size int64) (*Ramdisk, error) {
	fd, err := unix.MemfdCreate("tcmud-ramdisk", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("ramdisk: memfd_create: %w", err)
	}
	return newRamdisk(fd, "", size)
}

// openLocked opens or makes the file and locks it. Between the two another process may have removed the file: then the
// lock is on a file without a name, and the name must be opened again.
func openLocked(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
		if err := lock(fd, unix.LOCK_EX, path); err != nil {
			unix.Close(fd)
			return -1, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err == nil && st.Nlink > 0 {
			return fd, nil
		}
		unix.Close(fd)
	}
}

// newRamdisk takes over fd, which is closed when it fails; a file that was new is removed then.
func newRamdisk(fd int, path string, size int64) (*Ramdisk, error) {
	r := &Ramdisk{path: path, fd: fd, geometry: newGeometry(os.Getpagesize())}
	fresh, owner, err := r.prepare(size)
	if err == nil {
		err = r.extend(size)
	}
	if err == nil {
		err = r.find()
	}
	if err == nil && path != "" {
		r.journal, err = openJournal(path+JournalSuffix, owner, true, size, r.place)
	}
	if err != nil {
		if fresh {
			err = errors.Join(err, r.Remove())
		}
		r.Close()
		return nil, fmt.Errorf("ramdisk %q: %w", path, err)
	}
	return r, nil
}

// prepare checks that the file is one that a ramdisk of size bytes can be in, and gives a new file that size. A file
// without a length is new, or was left by a process that died right after it had made it. owner tells it from a later file
// of its name.
func (r *Ramdisk) prepare(size int64) (fresh bool, owner string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(r.fd, &st); err != nil {
		return false, "", fmt.Errorf("fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, "", errors.New("not a regular file: remove it or choose another path")
	}
	fresh, owner = st.Size == 0, fmt.Sprintf("inode %d", st.Ino)
	switch {
	case size <= 0:
		return fresh, owner, fmt.Errorf("size %d: a ramdisk needs at least one block", size)
	case fresh:
		if err := unix.Ftruncate(r.fd, size); err != nil {
			return fresh, owner, fmt.Errorf("no tmpfs can hold %d bytes, ask for less: %w", size, err)
		}
	case st.Size != size:
		return fresh, owner, fmt.Errorf("the file holds a ramdisk of %d bytes, not %d: ask for its size, or remove the file and its data", st.Size, size)
	}
	return fresh, owner, nil
}

// Path is the name of the file the contents are in, empty when it has none.
func (r *Ramdisk) Path() string { return r.path }

// Remove unlinks the file, so that the memory is freed by Close. It is called before Close, while the lock still keeps
// other processes away.
func (r *Ramdisk) Remove() error {
	if r.path == "" {
		return nil
	}
	return errors.Join(os.Remove(r.path), r.journal.close())
}

// Size implements Store.
func (r *Ramdisk) Size() int64 { return r.size.Load() }

// Readv implements Store.
func (r *Ramdisk) Readv(iov [][]byte, off int64) (err error) {
	n, err := span(iov, off, r.Size())
	if err != nil {
		return err
	}
	defer caught(debug.SetPanicOnFault(true), &err)
	c := cursor{iov: iov}
	for end := off + n; off < end; {
		next := min(end, r.regionEnd(off))
		if err := r.read(&c, off, next); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// Writev implements Store. Durable and not are the same: what is written survives the process, and nothing survives
// power loss.
func (r *Ramdisk) Writev(iov [][]byte, off int64, _ bool) (err error) {
	n, err := span(iov, off, r.Size())
	if err != nil {
		return err
	}
	defer caught(debug.SetPanicOnFault(true), &err)
	c := cursor{iov: iov}
	for end := off + n; off < end; {
		next := min(end, r.regionEnd(off))
		if err := r.write(&c, off, next); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// Zero implements Zeroer. It is Discard: memory on demand needs none for zeros.
func (r *Ramdisk) Zero(off, n int64, _ bool) error { return r.Discard(off, n) }

// Discard implements Discarder.
func (r *Ramdisk) Discard(off, n int64) (err error) {
	if err := within(off, n, r.Size()); err != nil {
		return err
	}
	defer caught(debug.SetPanicOnFault(true), &err)
	for end := off + n; off < end; {
		next := min(end, r.regionEnd(off))
		if err := r.erase(off, next); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// Flush implements Store: there is nothing to flush.
func (r *Ramdisk) Flush() error { return nil }

// Close implements Store. The contents stay in the file, if it has a name.
func (r *Ramdisk) Close() error {
	err := r.journal.close()
	if mem := r.mem.Load(); mem != nil {
		err = errors.Join(err, unix.Munmap(*mem))
	}
	return errors.Join(err, unix.Close(r.fd))
}

// Traits implements Describer.
func (r *Ramdisk) Traits() Traits { return Traits{Granularity: r.page()} }

// caught ends a function that touches mapped memory. A fault there - somebody truncated the file, a page of memory is
// broken, the caller's own mapping went away - is an error of one command, not the end of the process.
func caught(old bool, err *error) {
	debug.SetPanicOnFault(old)
	p := recover()
	if p == nil {
		return
	}
	fault, ok := p.(interface{ Addr() uintptr })
	if !ok {
		panic(p)
	}
	*err = fmt.Errorf("ramdisk: memory fault at address %#x, was the file truncated?: %w", fault.Addr(), unix.EIO)
}
