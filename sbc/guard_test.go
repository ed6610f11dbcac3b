package sbc

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who owns an extent is alone on it, wherever it lies; others elsewhere go on. What is not locked once for each lock and
// let go of again makes the test hang or panic.
func TestGuard(t *testing.T) {
	const span = 1 << guardSpan
	for _, e := range []extent{
		{0, 1}, {span - 1, 2}, {span*guardLocks - 1, 2}, {5 * span, 3 * span}, {60 * span, 8 * span},
		{0, span * guardLocks}, {7, span * guardLocks}, {span, span * (guardLocks - 1)}, {0, 1 << 62}, {1<<64 - 5, 4},
	} {
		var g guard
		var group sync.WaitGroup
		var inside, alone atomic.Int32
		for range 4 {
			group.Go(func() {
				for range 100 {
					g.own(e)
					require.Equal(t, int32(1), alone.Add(1), "%v: two own it", e)
					require.Zero(t, inside.Load(), "%v: shared and owned", e)
					alone.Add(-1)
					g.disown(e)
				}
			})
			group.Go(func() {
				part := extent{e.lba + e.n - 1, 1}
				for range 100 {
					g.share(part)
					inside.Add(1)
					require.Zero(t, alone.Load(), "%v: owned and shared", e)
					inside.Add(-1)
					g.unshare(part)
				}
			})
		}
		group.Wait()
	}
	var g guard
	g.own(extent{0, 1})
	g.share(extent{span, 1})
	g.own(extent{0, 0}) // nothing
}

// A transfer in one span costs one lock and one unlock of it.
func BenchmarkGuard(b *testing.B) {
	var g guard
	for b.Loop() {
		e := extent{1 << 20, 8}
		g.share(e)
		g.unshare(e)
	}
}
