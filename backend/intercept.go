package backend

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Op names an operation of a store for a Hook.
type Op uint8

// The operations that a Hook sees.
const (
	OpRead Op = iota
	OpWrite
	OpZero
	OpDiscard
	OpFlush
)

// String is for messages.
func (op Op) String() string {
	switch op {
	case OpRead:
		return "read"
	case OpWrite:
		return "write"
	case OpZero:
		return "zero"
	case OpDiscard:
		return "discard"
	case OpFlush:
		return "flush"
	}
	return fmt.Sprintf("op %d", uint8(op))
}

// Hook is called before an operation on n bytes from off on; both are 0 for OpFlush. It may wait. If it returns an
// error the operation is not done and fails with that error. It runs concurrently with itself.
type Hook func(op Op, off, n int64) error

// Interceptor is a store with a Hook before it.
type Interceptor struct {
	*Medium
	hook Hook
}

// Intercept puts hook before each operation of s: to inject errors and delays, or to watch. Hooks are composed by
// intercepting twice, the outer one is called first. Operations that s does not have itself are seen once, as what was
// asked for, not as the writes that emulate them; but a copy is seen as the reads and writes that it is made of.
func Intercept(s Store, hook Hook) *Interceptor { return &Interceptor{Resolve(s), hook} }

// Readv implements Store.
func (i *Interceptor) Readv(iov [][]byte, off int64) error {
	n, err := span(iov, off, i.Size())
	if err == nil {
		err = i.hook(OpRead, off, n)
	}
	if err != nil {
		return err
	}
	return i.Medium.Readv(iov, off)
}

// Writev implements Store.
func (i *Interceptor) Writev(iov [][]byte, off int64, durable bool) error {
	n, err := span(iov, off, i.Size())
	if err == nil {
		err = i.hook(OpWrite, off, n)
	}
	if err != nil {
		return err
	}
	return i.Medium.Writev(iov, off, durable)
}

// WriteAtomic implements AtomicWriter. To a hook it is a write.
func (i *Interceptor) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	n, err := span(iov, off, i.Size())
	if err == nil {
		err = i.hook(OpWrite, off, n)
	}
	if err != nil {
		return err
	}
	return i.Medium.WriteAtomic(iov, off, durable)
}

// Zero implements Zeroer.
func (i *Interceptor) Zero(off, n int64, durable bool) error {
	if err := i.hook(OpZero, off, n); err != nil {
		return err
	}
	return i.Medium.Zero(off, n, durable)
}

// Discard implements Discarder.
func (i *Interceptor) Discard(off, n int64) error {
	if err := i.hook(OpDiscard, off, n); err != nil {
		return err
	}
	return i.Medium.Discard(off, n)
}

// Flush implements Store.
func (i *Interceptor) Flush() error {
	if err := i.hook(OpFlush, 0, 0); err != nil {
		return err
	}
	return i.Medium.Flush()
}

// Traits implements Describer. They are those of the store, but Blocking, for a hook may wait.
func (i *Interceptor) Traits() Traits {
	t := i.Medium.Traits()
	t.Blocking = true
	return t
}

// FailNth is a hook that fails the nth operation that is an op, counted from 1, and no other.
func FailNth(op Op, nth int64, err error) Hook {
	var seen atomic.Int64
	return func(o Op, _, _ int64) error {
		if o == op && seen.Add(1) == nth {
			return err
		}
		return nil
	}
}

// Delay is a hook that holds each operation for d.
func Delay(d time.Duration) Hook {
	return func(Op, int64, int64) error {
		time.Sleep(d)
		return nil
	}
}
