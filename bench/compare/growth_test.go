package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemoryOfAProcess(t *testing.T) {
	const maps = "00400000-7ffd [rollup]\nRss:               31744 kB\nPss:               31744 kB\nPss_Anon:           2048 kB\n" +
		"Pss_File:           1536 kB\nPss_Shmem:         28160 kB\n"
	mib, err := parseMemory(maps)
	require.NoError(t, err)
	require.Equal(t, 3.5, mib, "without the data")
	for name, text := range map[string]string{
		"a thread of the kernel": "",
		"one of the two":         "Pss_Anon: 2048 kB\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseMemory(text)
			require.ErrorContains(t, err, "does not say")
		})
	}
}
