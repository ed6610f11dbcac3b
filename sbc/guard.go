package sbc

import "sync"

// guard keeps commands that are to be uninterrupted (COMPARE AND WRITE, ORWRITE, WRITE ATOMIC) apart from all others on
// the same blocks, of whatever initiator and ring: those share an extent, these own it.
//
// The medium is divided into spans that take turns at the locks, so commands far from each other meet no common one, and
// a command locks one or two as a rule. What is locked is locked in ascending order: nobody waits in a circle. Nor does who
// waits here give up when his command is aborted: those who own blocks move no more than one command may.
type guard [guardLocks]struct {
	sync.RWMutex
	_ [40]byte // a cache line for each
}

const (
	guardLocks = 64
	guardSpan  = 11 // blocks of a span, as a power of two: 1 MiB where a block has 512 bytes
)

// locks calls f with the locks of e, in ascending order, each once.
func (g *guard) locks(e extent, f func(l *sync.RWMutex)) {
	if e.n == 0 {
		return
	}
	first, last := e.lba>>guardSpan, (e.lba+e.n-1)>>guardSpan
	if last-first >= guardLocks-1 {
		first, last = 0, guardLocks-1
	}
	from, to := first%guardLocks, last%guardLocks
	if from <= to {
		for i := from; i <= to; i++ {
			f(&g[i].RWMutex)
		}
		return
	}
	for i := range to + 1 {
		f(&g[i].RWMutex)
	}
	for i := from; i < guardLocks; i++ {
		f(&g[i].RWMutex)
	}
}

// share waits for those that own a block of e, and keeps them off until unshare.
func (g *guard) share(e extent)   { g.locks(e, (*sync.RWMutex).RLock) }
func (g *guard) unshare(e extent) { g.locks(e, (*sync.RWMutex).RUnlock) }

// own waits for all others on e, and keeps them off until disown. Who owns one extent waits for no other.
func (g *guard) own(e extent)    { g.locks(e, (*sync.RWMutex).Lock) }
func (g *guard) disown(e extent) { g.locks(e, (*sync.RWMutex).Unlock) }
