package backend

import "sync/atomic"

// Null is a store without a medium, for benchmarks: it reads as zeros and drops what is written.
type Null struct{ size atomic.Int64 }

// NewNull returns a null store of size bytes.
func NewNull(size int64) *Null {
	s := &Null{}
	s.size.Store(size)
	return s
}

// Size implements Store.
func (s *Null) Size() int64 { return s.size.Load() }

// Readv clears iov: a reader never sees what was in the memory before.
func (s *Null) Readv(iov [][]byte, _ int64) error {
	for _, b := range iov {
		clear(b)
	}
	return nil
}

// Writev drops iov without looking at it.
func (s *Null) Writev([][]byte, int64, bool) error { return nil }

// Zero implements Zeroer.
func (s *Null) Zero(int64, int64, bool) error { return nil }

// Discard implements Discarder.
func (s *Null) Discard(int64, int64) error { return nil }

// Flush implements Store.
func (s *Null) Flush() error { return nil }

// Close implements Store.
func (s *Null) Close() error { return nil }

// Traits implements Describer.
func (s *Null) Traits() Traits { return Traits{} }
