// Package mantest holds manual pages to what they are made from.
package mantest

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the manual page instead of comparing with it")

// Hold requires the file at path to be page, or with -update makes it so. "make lint" has it checked as a manual page.
func Hold(t *testing.T, path, page string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err, "run \"make docs\"")
	require.Equal(t, page, string(have), "%s is not what it is made from: run \"make docs\", and look at what has changed", path)
}
