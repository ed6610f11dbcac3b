package tcmu

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// doorbell tells the kernel to look at the tail. That is no cheap notice: the kernel reaps all completions, with the
// copies of their Data-In, before write(2) returns. So there is one writer at a time, and what others announce
// meanwhile it covers with one more write.
type doorbell struct {
	fd      int
	pending atomic.Int64  // announcements that no finished write covers
	written atomic.Uint64 // writes, for Stats
}

// four is what is written: the length has to be 4, the value means nothing.
var four = make([]byte, 4)

// ring announces completions whose tail is stored already.
func (b *doorbell) ring() error {
	if b.pending.Add(1) > 1 {
		return nil // whoever made it 1 will write after this
	}
	for {
		covered := b.pending.Load()
		if err := writeWord(b.fd); err != nil {
			return err // the ring is gone, and pending stays, so that nobody else tries
		}
		b.written.Add(1)
		if b.pending.Add(-covered) == 0 {
			return nil
		}
	}
}

// writeWord writes behind the Go runtime's back, for the reason that hold gives. The kernel waits for nothing in it but its
// own lock and memory.
func writeWord(fd int) error {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&four[0])), uintptr(len(four)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}
