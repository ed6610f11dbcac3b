// Package uring reads and writes files by Linux' io_uring (io_uring_setup(2), io_uring_enter(2)), for one thread that has
// other things to do while the kernel is at it.
//
//	ring, err := uring.New(128)           // on a thread that runtime.LockOSThread has made one's own
//	ring.Queue(uring.Transfer{FD: fd, Iov: iov, Off: off, Tag: 7})
//	err = ring.Submit()                   // and poll(2) ring.FD, or call Wait
//	err = ring.Collect()
//	tag, n, ok := ring.Next()             // 7, the number of bytes or a negative errno
package uring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Transfer is bytes between memory and a file.
type Transfer struct {
	Write bool // to the file
	FD    int
	// Iov is where in memory, up to 1024 segments. It has to stay where it is until it is submitted, and the memory itself
	// until the Transfer has ended.
	Iov []unix.Iovec
	Off int64  // in the file
	Tag uint64 // Next returns it
}

// Ring is an io_uring. It belongs to the thread that has made it: the kernel has ended nothing before that thread asks, and
// refuses others.
type Ring struct {
	fd                       int
	rings, entries           []byte // the kernel's memory, mapped
	sqTail, sqFlags          *atomic.Uint32
	cqHead, cqTail           *atomic.Uint32
	sqMask, cqMask           uint32
	submissions              []submission
	completions              []completion
	queued, inFlight, atOnce int
}

// New makes a ring for up to n transfers at once, a power of two. It fails with an errno: ENOSYS, EPERM or EINVAL where the
// kernel has no io_uring (Linux 6.1 or later has what is used here), or does not let this process have one.
func New(n int) (*Ring, error) {
	// Who is busy is not interrupted, and Collect does at one go what has come. (Flags of 6.0, 6.1 and 5.19.)
	p := params{flags: setupSingleIssuer | setupDeferTaskrun | setupTaskrunFlag}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &Ring{fd: int(fd), atOnce: n}
	if err := r.mmap(&p); err != nil {
		unix.Close(r.fd)
		return nil, err
	}
	return r, nil
}

// mmap maps what is shared with the kernel. Both queues are in one piece of memory since Linux 5.4.
func (r *Ring) mmap(p *params) (err error) {
	size := max(p.sq.array+p.sqEntries*4, p.cq.array+p.cqEntries*uint32(unsafe.Sizeof(completion{})))
	const access = unix.PROT_READ | unix.PROT_WRITE
	if r.rings, err = unix.Mmap(r.fd, offsetRings, int(size), access, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("mmap of an io_uring: %w", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(submission{}))
	if r.entries, err = unix.Mmap(r.fd, offsetEntries, int(size), access, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		unix.Munmap(r.rings)
		return fmt.Errorf("mmap of an io_uring: %w", err)
	}
	at := func(off uint32) unsafe.Pointer { return unsafe.Pointer(&r.rings[off]) }
	r.sqTail, r.sqFlags = (*atomic.Uint32)(at(p.sq.tail)), (*atomic.Uint32)(at(p.sq.flags))
	r.cqHead, r.cqTail = (*atomic.Uint32)(at(p.cq.head)), (*atomic.Uint32)(at(p.cq.tail))
	r.sqMask, r.cqMask = *(*uint32)(at(p.sq.mask)), *(*uint32)(at(p.cq.mask))
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.completions = unsafe.Slice((*completion)(at(p.cq.array)), p.cqEntries)
	places := unsafe.Slice((*uint32)(at(p.sq.array)), p.sqEntries)
	for i := range places {
		places[i] = uint32(i)
	}
	return nil
}

// Close lets go of the ring, once nothing is in flight.
func (r *Ring) Close() error {
	unix.Munmap(r.rings)
	unix.Munmap(r.entries)
	return unix.Close(r.fd)
}

// FD is a descriptor that is readable when Collect has something to do, with or without an end of a transfer.
func (r *Ring) FD() int { return r.fd }

// InFlight is how many transfers have been queued and not been returned by Next.
func (r *Ring) InFlight() int { return r.inFlight }

// Queue adds t to what the next Submit submits, and says whether there was room.
func (r *Ring) Queue(t Transfer) bool {
	if r.inFlight == r.atOnce {
		return false
	}
	op := uint8(opReadv)
	if t.Write {
		op = opWritev
	}
	tail := r.sqTail.Load()
	r.submissions[tail&r.sqMask] = submission{
		op: op, fd: int32(t.FD), off: uint64(t.Off), tag: t.Tag,
		addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(t.Iov)))), n: uint32(len(t.Iov)),
	}
	r.sqTail.Store(tail + 1)
	r.inFlight++
	r.queued++
	return true
}

// Retract takes back the transfer that was queued last, if it has not been submitted.
func (r *Ring) Retract() (tag uint64, ok bool) {
	if r.queued == 0 {
		return 0, false
	}
	tail := r.sqTail.Load() - 1
	r.sqTail.Store(tail)
	r.inFlight--
	r.queued--
	return r.submissions[tail&r.sqMask].tag, true
}

// Submit has the kernel begin with what is queued. After an error some of it still is, for Submit or Retract.
func (r *Ring) Submit() error {
	for r.queued > 0 {
		n, err := r.enter(r.queued, 0)
		if err != nil {
			return err
		}
		r.queued -= n
	}
	return nil
}

// Ready says whether Collect has something to do. It makes no system call.
func (r *Ring) Ready() bool {
	return r.sqFlags.Load()&taskrun != 0 || r.cqHead.Load() != r.cqTail.Load()
}

// Collect finds out what has ended, for Next.
func (r *Ring) Collect() error {
	_, err := r.enter(0, 0)
	return err
}

// Wait is Collect once something has ended.
func (r *Ring) Wait() error {
	_, err := r.enter(0, 1)
	return err
}

// Next is a transfer that has ended, as far as Collect has found out: its number of bytes, which may be less than was
// asked for, or a negative errno.
func (r *Ring) Next() (tag uint64, n int, ok bool) {
	head := r.cqHead.Load()
	if head == r.cqTail.Load() {
		return 0, 0, false
	}
	c := r.completions[head&r.cqMask]
	r.cqHead.Store(head + 1)
	r.inFlight--
	return c.tag, int(c.result), true
}

// enter submits so many entries, and returns how many the kernel has taken, when so many transfers at least have ended.
func (r *Ring) enter(submit, wait int) (n int, err error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(wait), enterGetEvents, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, fmt.Errorf("io_uring_enter: %w", errno)
		}
	}
}
