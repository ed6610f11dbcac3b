package backend

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
)

// Support says how an operation is done.
type Support uint8

// The zero value is None.
const (
	None     Support = iota // always fails
	Emulated                // by writing zeros
	Native                  // by the store itself
)

// String is for logs and tests.
func (s Support) String() string {
	switch s {
	case None:
		return "none"
	case Emulated:
		return "emulated"
	case Native:
		return "native"
	}
	return fmt.Sprintf("support %d", uint8(s))
}

// Supporter is a store whose methods Zero and Discard do not tell the truth: a file has both, its file system perhaps
// neither. The answers are constant from the time the store is opened.
type Supporter interface {
	Zeroes() Support
	Discards() Support
}

// Medium is a store that can do everything: what the store below lacks is emulated here, once for all stores. It is
// what the unit talks to.
//
// It is the proper thing to embed in a wrapper: the wrapper then has all of a store's methods, and answers truthfully
// how they are done. Only copies are made of the wrapper's own reads and writes.
type Medium struct {
	Store
	zeroer    Zeroer // nil: emulate
	discarder Discarder
	copier    Copier
	mapper    Mapper       // nil: all is mapped
	spacer    Spacer       // nil: unknown
	atomic    AtomicWriter // nil: none
	prompter  Prompter     // nil: it waits, or never does
	delegator Delegator    // nil: none but the store can do its I/O
	zeroes    Support
	discards  Support
	traits    Traits

	// Set when the store turns out not to be able to after all (errors.ErrUnsupported); it is not asked again.
	cannotZero, cannotDiscard atomic.Bool
}

// Resolve asks s once what it can do. A Medium is returned as it is.
func Resolve(s Store) *Medium {
	if m, ok := s.(*Medium); ok {
		return m
	}
	m := &Medium{Store: s, zeroes: Emulated, discards: Emulated, traits: Traits{Blocking: true, Volatile: true}}
	if z, ok := s.(Zeroer); ok {
		m.zeroer, m.zeroes = z, Native
	}
	if d, ok := s.(Discarder); ok {
		m.discarder, m.discards = d, Native
	}
	m.copier, _ = s.(Copier)
	m.mapper, _ = s.(Mapper)
	m.spacer, _ = s.(Spacer)
	m.atomic, _ = s.(AtomicWriter)
	m.prompter, _ = s.(Prompter)
	m.delegator, _ = s.(Delegator)
	if a, ok := s.(Supporter); ok {
		m.zeroes, m.discards = a.Zeroes(), a.Discards()
	}
	if d, ok := s.(Describer); ok {
		m.traits = d.Traits()
	}
	if m.traits.ReadOnly {
		m.zeroes, m.discards = None, None
	}
	return m
}

// Zeroes says how Zero is done. The answer never changes.
func (m *Medium) Zeroes() Support { return m.zeroes }

// Discards says how Discard is done. The answer never changes: a unit is thin provisioned when it is Native.
func (m *Medium) Discards() Support { return m.discards }

// Traits implements Describer.
func (m *Medium) Traits() Traits { return m.traits }

// Zero implements Zeroer.
func (m *Medium) Zero(off, n int64, durable bool) error {
	if m.traits.ReadOnly {
		return syscall.EROFS
	}
	if m.zeroer != nil && !m.cannotZero.Load() {
		err := m.zeroer.Zero(off, n, durable)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		m.cannotZero.Store(true)
	}
	return m.writeZeros(off, n, durable)
}

// Discard implements Discarder.
func (m *Medium) Discard(off, n int64) error {
	if m.traits.ReadOnly {
		return syscall.EROFS
	}
	if m.discarder != nil && !m.cannotDiscard.Load() {
		err := m.discarder.Discard(off, n)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		m.cannotDiscard.Store(true)
	}
	return m.Zero(off, n, false)
}

// zeros is what emulation writes, many times in one iov.
var zeros [64 << 10]byte

// zeroSegments bounds one emulated write: 1 MiB.
const zeroSegments = 16

func (m *Medium) writeZeros(off, n int64, durable bool) error {
	iov := make([][]byte, 0, zeroSegments)
	for n > 0 {
		iov = iov[:0]
		start := off
		for n > 0 && len(iov) < zeroSegments {
			k := min(n, int64(len(zeros)))
			iov = append(iov, zeros[:k])
			off, n = off+k, n-k
		}
		if err := m.Store.Writev(iov, start, durable); err != nil {
			return err
		}
	}
	return nil
}
