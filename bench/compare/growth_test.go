package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryOfAProcess(t *testing.T) {
	const status = "Name:\ttcmud\nVmRSS:\t   31744 kB\nRssAnon:\t    2048 kB\nRssFile:\t    1536 kB\nRssShmem:\t   28160 kB\n"
	mib, err := parseMemory(status)
	require.NoError(t, err)
	require.Equal(t, 3.5, mib, "without what is shared, the data")
	for name, text := range map[string]string{
		"a thread of the kernel": "Name:\tkthreadd\n",
		"one of the two":         "RssAnon:\t 2048 kB\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseMemory(text)
			require.ErrorContains(t, err, "does not say")
		})
	}
}
