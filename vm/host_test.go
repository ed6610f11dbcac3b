package vm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutInstalled(t *testing.T) {
	tests := []struct {
		name, answer string
		missing      []string
	}{
		{"all installed", "installed gcc\ninstalled libc6-dev\n", nil},
		{"one unknown to dpkg", "installed gcc\n", []string{"libc6-dev"}},
		{"removed, configuration kept", "installed gcc\nconfig-files libc6-dev\n", []string{"libc6-dev"}},
		{"known, never installed", "not-installed gcc\ninstalled libc6-dev\n", []string{"gcc"}},
		{"nothing known", "", []string{"gcc", "libc6-dev"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.missing, withoutInstalled([]string{"gcc", "libc6-dev"}, test.answer))
		})
	}
}
