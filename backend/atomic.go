package backend

import (
	"errors"
	"fmt"
	"syscall"
)

// AtomicWriter is a store that can write many blocks as one.
type AtomicWriter interface {
	// WriteAtomic is Writev of MaxAtomic bytes at most, of which also after the death of the process or a loss of power
	// either all are there or none. Once it has returned nil, that is so of what is there later: nothing of this
	// write comes back over a later one. After an error that the medium itself gave, each block holds the old or the
	// new bytes, as with Writev. Readers of the range at the same time may see any mixture: those above keep them off.
	WriteAtomic(iov [][]byte, off int64, durable bool) error
	// MaxAtomic is how many bytes WriteAtomic takes, constant for the life of the store. 0: it always fails with an
	// error that wraps errors.ErrUnsupported.
	MaxAtomic() int64
}

// WriteAtomic implements AtomicWriter, by the store.
func (m *Medium) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	if m.traits.ReadOnly {
		return syscall.EROFS
	}
	n, err := span(iov, off, m.Size())
	switch most := m.MaxAtomic(); {
	case err != nil:
		return err
	case most == 0:
		return fmt.Errorf("the store has no atomic writes: %w", errors.ErrUnsupported)
	case n > most:
		return fmt.Errorf("%d bytes are more than the %d of an atomic write: %w", n, most, syscall.EINVAL)
	}
	return m.atomic.WriteAtomic(iov, off, durable)
}

// MaxAtomic implements AtomicWriter; 0 for a store that has no atomic writes, or is read-only.
func (m *Medium) MaxAtomic() int64 {
	if m.atomic == nil || m.traits.ReadOnly {
		return 0
	}
	return m.atomic.MaxAtomic()
}
