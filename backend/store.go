// Package backend says what a store is - the bytes behind a logical unit - and brings the stores that tcmud serves:
// ramdisk, file and null, an adapter for io.ReaderAt and io.WriterAt, and wrappers for tests.
//
// A store knows bytes and offsets. It knows nothing of SCSI: no blocks, no sense, no initiators. The logical unit above
// it has checked every range before it calls.
package backend

import "io"

// Store is the least that a disk needs. Package backendtest holds the suite that every store passes.
//
// Offsets and lengths are in bytes; they are multiples of the logical unit's block size, and off+len never exceeds Size.
// All methods but Close may run concurrently with each other, on overlapping ranges too; what overlapping operations
// leave behind is any mixture of them, block by block.
//
// Errors: what an initiator is told follows from CauseOf the error, and nothing else is read from it. An error that wraps
// syscall.ENOSPC is answered as "space allocation failed", one that wraps ErrUnavailable so that the initiator tries again,
// one that says nothing of itself as a medium error.
type Store interface {
	// Size is the length of the store. It takes no lock and does no I/O.
	Size() int64

	// Readv fills all of iov, in order, from off on, or returns an error; then the content of iov is undefined.
	// Bytes never written read as zeros, and each block is that of one write, also of those that run at the same time:
	// no block is seen half written. It may be given the memory of the kernel's ring: it neither keeps iov nor
	// reads back what it put there.
	Readv(iov [][]byte, off int64) error

	// Writev stores all of iov from off on, or returns an error; then each block of the range holds the old or the
	// new bytes. A later Readv sees the bytes once Writev has returned. They survive power loss when durable is set
	// and Writev has returned nil, else only after a Flush that began later. iov may change under it (it is the
	// initiator's memory): a store must not decide anything on what it read there. It neither keeps nor changes iov.
	Writev(iov [][]byte, off int64, durable bool) error

	// Flush returns nil only when every Writev, Zero and Discard that had returned before the call is durable.
	Flush() error

	// Close releases what the store holds. It is called once, after every other method has returned. It does not
	// make data durable: callers that want that call Flush first.
	io.Closer
}

// Zeroer is a store that writes zeros more cheaply than from a buffer. A store without it, or whose Zero returns an error
// that wraps errors.ErrUnsupported and has changed nothing, is given zeros by Writev: see Medium.
type Zeroer interface {
	// Zero makes the range read as zeros. Durability, errors and concurrency are those of Writev. The space stays,
	// or becomes, allocated where that means something to the store: a file's does, a ramdisk's does not.
	Zero(off, n int64, durable bool) error
}

// Discarder is a store that can give space back. What Zeroer says of stores that cannot is true of Discard too: it becomes
// Zero.
type Discarder interface {
	// Discard makes the range read as zeros and frees the space of it where it can. Any multiple of the block size
	// is allowed: what is too small or badly aligned to be freed is zeroed. Durability is that of Writev with
	// durable unset.
	Discard(off, n int64) error
}

// Describer is a store that says more of itself than its methods show. A store without it is taken for
// Traits{Blocking: true, Volatile: true}.
type Describer interface {
	// Traits is constant for the life of the store.
	Traits() Traits
}

// Traits is what the unit and the ring above a store decide by.
type Traits struct {
	// ReadOnly: Writev, Zero and Discard always fail with syscall.EROFS.
	ReadOnly bool
	// Volatile: data may be lost by power loss until Flush; the unit then reports a write cache.
	Volatile bool
	// Blocking: methods may wait for a device; a ring then runs them on workers instead of inline.
	Blocking bool
	// Granularity is the size in bytes, a power of two, of the pieces in which Discard frees space. 0: unknown.
	Granularity int64
}
