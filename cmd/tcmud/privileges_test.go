package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the service is given is what tcmud keeps where there is no service manager.
func TestTheServiceHasTheCapabilitiesThatAreNeeded(t *testing.T) {
	unit, err := os.ReadFile("tcmud.service")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(unit), "\nCapabilityBoundingSet=")
	require.True(t, found)
	line, _, _ := strings.Cut(rest, "\n")
	var names []string
	for _, c := range needed {
		names = append(names, strings.ToUpper(c.String()))
	}
	require.Equal(t, strings.Join(names, " "), line)
}
