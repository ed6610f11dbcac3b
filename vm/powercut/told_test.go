package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// heard is what is told at a boot, in lines. The power is cut within another.
func heard(t *testing.T, boot int, lines ...string) *told {
	t.Helper()
	all := nothing()
	all.boot = boot
	begun := 0
	words, err := all.listen(strings.NewReader(strings.Join(lines, "\n")+"\n"+`answered {"writer":3,"steps":5`), func() { begun++ })
	require.NoError(t, err)
	require.Equal(t, "mkfs says something\n", words)
	require.Equal(t, 1, begun)
	return all
}

// area is the line of what a writer found: its first steps of a boot, all of which were durable.
func area(t *testing.T, boot, writer, n int) string {
	t.Helper()
	blocks := make([]stamp, areaBlocks)
	for i, o := range steps(boot, writer, n) {
		for b := range blocks {
			if o.writes(b) {
				blocks[b] = o.mark(stamp{boot, i})
			}
		}
	}
	text, err := json.Marshal(found{writer, blocks})
	require.NoError(t, err)
	return "found " + string(text)
}

func TestToldIsJudged(t *testing.T) {
	const have = `have {"keys":"","holder":""}`
	first := heard(t, 1, "mkfs says something", have, "try 0", "did 0", "try 1",
		`answered {"writer":3,"steps":1}`, `answered {"writer":3,"steps":50}`)
	require.Equal(t, 50, first.commands(), "half a line is none")
	_, err := nothing().judge(first)
	require.NoError(t, err)

	after := `have {"keys":"1 ","holder":"1"}`
	at, err := first.judge(heard(t, 2, "mkfs says something", area(t, 1, 3, 50), after))
	require.NoError(t, err)
	require.Equal(t, step(1), at)
	require.Equal(t, step(1), first.from(at).did, "the next storm begins there")

	_, err = first.judge(heard(t, 2, "mkfs says something", after))
	require.ErrorContains(t, err, "writer 3 on direct: block ")
	_, err = first.judge(heard(t, 2, "mkfs says something", area(t, 1, 3, 50), have))
	require.ErrorContains(t, err, "none of what the steps 1 to")
}
