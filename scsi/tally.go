package scsi

import (
	"sync"
	"sync/atomic"
)

// Tally counts commands and what they have moved, in bytes or blocks, by one addition for both: each command pays for it,
// and an addition that several processors may make at once takes 5.5 ns. The zero Tally has counted none.
type Tally struct {
	// The commands in the upper 24 bits, what they have moved in the lower 40. Who finds the highest bit of either set carries
	// it over, so that neither ever runs over: half of their range is left for those who add meanwhile.
	word atomic.Uint64

	mu              sync.Mutex
	commands, moved uint64 // guarded by mu: carried over
}

const (
	tallyShift = 40
	tallyMoved = 1<<tallyShift - 1
	tallyFull  = 1<<63 | 1<<(tallyShift-1)
)

// Add counts a command that has moved n, less than 4 Gi.
func (t *Tally) Add(n uint64) {
	if t.word.Add(1<<tallyShift+n)&tallyFull != 0 {
		t.carry()
	}
}

func (t *Tally) carry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.word.Swap(0)
	t.commands += now >> tallyShift
	t.moved += now & tallyMoved
}

// Lately is how many commands have been counted since a time that is not known: to do something for one of so many.
func (t *Tally) Lately() uint64 { return t.word.Load() >> tallyShift }

// Read is what has been counted.
func (t *Tally) Read() (commands, moved uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.word.Load()
	return t.commands + now>>tallyShift, t.moved + now&tallyMoved
}

// Reset begins anew.
func (t *Tally) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.word.Store(0)
	t.commands, t.moved = 0, 0
}
