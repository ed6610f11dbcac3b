package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAfter(t *testing.T) {
	for s, want := range map[step]state{
		-1: {}, 0: {"1 ", ""}, 1: {"1 ", "1"}, 2: {"1 3 ", "1"}, 3: {"1 3 ", ""},
		4: {"3 5 ", ""}, 5: {"3 5 ", "5"}, 6: {"5 7 ", "5"}, 7: {"5 7 ", ""}, 8: {"7 9 ", ""},
	} {
		require.Equal(t, want, after(s), s)
	}
}

func TestReached(t *testing.T) {
	seen := map[state]bool{}
	for s := step(-1); s < 100; s++ {
		require.False(t, seen[after(s)], "each step leaves another state")
		seen[after(s)] = true
		got, err := reached(after(s), -1, 99)
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	_, err := reached(after(7), 8, 9)
	require.ErrorContains(t, err, "none of what the steps 8 to 9 leave")
	_, err = reached(state{"5 9 ", ""}, -1, 99)
	require.Error(t, err)
}
