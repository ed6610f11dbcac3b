package sbc

import (
	"math/bits"
	"sync"
)

// guard keeps commands that are to be uninterrupted (COMPARE AND WRITE, ORWRITE, WRITE ATOMIC) apart from all others on
// the same blocks, of whatever initiator and ring: those share an extent, these own it.
//
// The medium is divided into spans that take turns at the locks, so who owns blocks holds up commands near them only, and
// a command locks one or two as a rule. What is locked is locked in ascending order: nobody waits in a circle. Nor does who
// waits here give up when his command is aborted: those who own blocks move no more than one command may.
type guard [guardLocks]sync.RWMutex

const (
	guardLocks = 64
	guardSpan  = 11 // blocks of a span, as a power of two: 1 MiB where a block has 512 bytes
)

// locksOf is the locks of e, a bit for each.
func locksOf(e extent) (locks uint64) {
	if e.n == 0 {
		return 0
	}
	first, last := e.lba>>guardSpan, (e.lba+e.n-1)>>guardSpan
	if last-first >= guardLocks-1 {
		return 1<<guardLocks - 1
	}
	for i := first; i <= last; i++ {
		locks |= 1 << (i % guardLocks)
	}
	return locks
}

// share waits for those that own a block of e, and keeps them off until unshare.
func (g *guard) share(e extent)   { g.lock(locksOf(e)) }
func (g *guard) unshare(e extent) { g.unlock(locksOf(e)) }

func (g *guard) lock(locks uint64) {
	for ; locks != 0; locks &= locks - 1 {
		g[bits.TrailingZeros64(locks)].RLock()
	}
}

func (g *guard) unlock(locks uint64) {
	for ; locks != 0; locks &= locks - 1 {
		g[bits.TrailingZeros64(locks)].RUnlock()
	}
}

// enter is lock; but who has to be served at once does not wait: where he would, he has no locks, and is told so.
func (g *guard) enter(locks uint64, atOnce bool) bool {
	if !atOnce {
		g.lock(locks)
		return true
	}
	for left := locks; left != 0; left &= left - 1 {
		if !g[bits.TrailingZeros64(left)].TryRLock() {
			g.unlock(locks &^ left)
			return false
		}
	}
	return true
}

// own waits for all others on e, and keeps them off until disown. Who owns one extent waits for no other.
func (g *guard) own(e extent) {
	for locks := locksOf(e); locks != 0; locks &= locks - 1 {
		g[bits.TrailingZeros64(locks)].Lock()
	}
}

func (g *guard) disown(e extent) {
	for locks := locksOf(e); locks != 0; locks &= locks - 1 {
		g[bits.TrailingZeros64(locks)].Unlock()
	}
}
