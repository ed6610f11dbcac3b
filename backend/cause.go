package backend

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// ErrUnavailable is what the error of a store wraps that cannot be reached now and may come back, where no error of the
// system says so: see Unavailable.
var ErrUnavailable = errors.New("the store cannot be reached")

// Cause is what an error of a store tells an initiator.
type Cause uint8

// The causes.
const (
	// BadMedium is that bytes cannot be read or written, and trying again would not help. Errors that say nothing else
	// are of this cause.
	BadMedium Cause = iota
	// Unavailable is that the store cannot be reached: its device, server or connection is away. Nothing is known of the
	// data, and initiators do well to try again.
	Unavailable
	// NoSpace is that there is no room for what is written.
	NoSpace
	// Protected is that nothing may be written.
	Protected
	// Exhausted is that memory or another resource of this host has run out, for a moment.
	Exhausted
	// Broken is that the device has answered that it has failed.
	Broken
)

// causes are the errors that have a cause of their own. Of an error that wraps several the first here counts: without
// space the rest follows. What block devices say by them is in Linux' block/blk-core.c, blk_errors.
var causes = []struct {
	err   error
	cause Cause
}{
	{syscall.ENOSPC, NoSpace},
	{syscall.EDQUOT, NoSpace},
	{syscall.EROFS, Protected},

	{ErrUnavailable, Unavailable},
	{os.ErrDeadlineExceeded, Unavailable},
	{context.DeadlineExceeded, Unavailable},
	{syscall.ENODEV, Unavailable}, // a block device that is offline
	{syscall.ENXIO, Unavailable},
	{syscall.ENOLINK, Unavailable},   // a block device whose transport has failed, all paths of a multipath one
	{syscall.ETIMEDOUT, Unavailable}, // also of block devices
	{syscall.ESTALE, Unavailable},    // NFS
	{syscall.ESHUTDOWN, Unavailable},
	{syscall.EPIPE, Unavailable},
	{syscall.ENOTCONN, Unavailable},
	{syscall.ECONNREFUSED, Unavailable},
	{syscall.ECONNRESET, Unavailable},
	{syscall.ECONNABORTED, Unavailable},
	{syscall.EHOSTDOWN, Unavailable},
	{syscall.EHOSTUNREACH, Unavailable},
	{syscall.ENETDOWN, Unavailable},
	{syscall.ENETUNREACH, Unavailable},

	{syscall.ENOMEM, Exhausted},
	{syscall.ENOBUFS, Exhausted},
	{syscall.EAGAIN, Exhausted},
	{syscall.EBUSY, Exhausted},
	{syscall.EMFILE, Exhausted},
	{syscall.ENFILE, Exhausted},

	{syscall.EREMOTEIO, Broken},
}

// CauseOf is the cause of an error that a method of a store has returned.
func CauseOf(err error) Cause {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.cause
		}
	}
	return BadMedium
}
