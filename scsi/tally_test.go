package scsi

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTally(t *testing.T) {
	var tally Tally
	expect := func(commands, moved uint64) {
		t.Helper()
		c, m := tally.Read()
		require.Equal(t, [2]uint64{commands, moved}, [2]uint64{c, m})
	}
	expect(0, 0)
	tally.Add(8)
	tally.Add(0)
	require.EqualValues(t, 2, tally.Lately())
	expect(2, 8)
	for range 1 << 8 { // 1 TiB, more than the word has room for
		tally.Add(1<<32 - 1)
	}
	expect(2+1<<8, 8+(1<<8)*(1<<32-1))
	tally.Reset()
	expect(0, 0)

	tally.word.Store((1<<23 - 1) << tallyShift) // all but one of the commands that it has room for
	tally.Add(7)
	require.Zero(t, tally.Lately())
	tally.Add(1)
	expect(1<<23+1, 8)
}

// TestTallyOfMany: nothing is lost when the word is carried over while others add to it, and what is read only grows.
func TestTallyOfMany(t *testing.T) {
	const adders, each, n = 4, 2000, 1<<32 - 1
	var tally Tally
	var group sync.WaitGroup
	for range adders {
		group.Go(func() {
			for range each {
				tally.Add(n)
			}
		})
	}
	var before uint64
	for range each {
		commands, moved := tally.Read()
		require.GreaterOrEqual(t, commands, before)
		require.Equal(t, commands*n, moved)
		before = commands
	}
	group.Wait()
	commands, moved := tally.Read()
	require.Equal(t, [2]uint64{adders * each, adders * each * n}, [2]uint64{commands, moved})
}
