package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressIsShownOnlyOfWhatTakesLong(t *testing.T) {
	s := newHost(t).session()
	var seen strings.Builder
	s.watched = &seen

	p := s.progress("restoring", 3)
	p.step()
	p.end()
	require.Empty(t, seen.String(), "it was quick")

	p = s.progress("restoring", 3)
	p.step()
	p.begun = p.begun.Add(-quietTime - time.Second)
	p.step()
	require.Contains(t, seen.String(), "restoring")
	require.Contains(t, seen.String(), "2/3")
	seen.Reset()
	p.end()
	require.Empty(t, strings.Trim(seen.String(), "\r \x1b[2K"), "nothing of it stays on the screen")
}

func TestProgressNeedsNobodyToLook(t *testing.T) {
	p := newHost(t).session().progress("restoring", 1)
	p.begun = p.begun.Add(-time.Hour)
	p.step()
	p.end()
	require.False(t, p.shown())
}
