package sbc_test

import (
	"fmt"
	"sync"

	"github.com/tcmud/tcmud/backend"
)

// recorder is a store in memory that writes down what is asked of it, as in "write 512+1024 durable".
type recorder struct {
	traits backend.Traits
	thin   bool

	mu   sync.Mutex
	data []byte   // guarded by mu
	log  []string // guarded by mu
}

func newRecorder(size int) *recorder { return &recorder{data: make([]byte, size), thin: true} }

// took is what was asked since the last call.
func (m *recorder) took() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	log := m.log
	m.log = nil
	return log
}

// enter locks the store, notes what is asked and returns the range. A range that is not in the store panics: the unit
// has checked it before.
func (m *recorder) enter(what string, off, n int64, durable bool) []byte {
	m.mu.Lock()
	entry := fmt.Sprintf("%s %d+%d", what, off, n)
	if durable {
		entry += " durable"
	}
	m.log = append(m.log, entry)
	return m.data[off : off+n]
}

func length(iov [][]byte) (n int64) {
	for _, b := range iov {
		n += int64(len(b))
	}
	return n
}

func (m *recorder) Size() int64 { return int64(len(m.data)) }

func (m *recorder) Readv(iov [][]byte, off int64) error {
	p := m.enter("read", off, length(iov), false)
	defer m.mu.Unlock()
	for _, b := range iov {
		p = p[copy(b, p):]
	}
	return nil
}

func (m *recorder) Writev(iov [][]byte, off int64, durable bool) error {
	p := m.enter("write", off, length(iov), durable)
	defer m.mu.Unlock()
	for _, b := range iov {
		p = p[copy(p, b):]
	}
	return nil
}

func (m *recorder) Zero(off, n int64, durable bool) error {
	clear(m.enter("zero", off, n, durable))
	m.mu.Unlock()
	return nil
}

func (m *recorder) Discard(off, n int64) error {
	clear(m.enter("discard", off, n, false))
	m.mu.Unlock()
	return nil
}

// MaxAtomic is 100 blocks of 512 bytes, or 12 of 4096.
func (m *recorder) MaxAtomic() int64 { return 100 * 512 }

func (m *recorder) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	p := m.enter("atomic", off, length(iov), durable)
	defer m.mu.Unlock()
	for _, b := range iov {
		p = p[copy(p, b):]
	}
	return nil
}

func (m *recorder) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, "flush")
	return nil
}

func (m *recorder) Close() error            { return nil }
func (m *recorder) Zeroes() backend.Support { return backend.Native }
func (m *recorder) Discards() backend.Support {
	if m.thin {
		return backend.Native
	}
	return backend.Emulated
}

func (m *recorder) Traits() backend.Traits { return m.traits }
