package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

func TestDefaultsAreWhereTcmuctlLooks(t *testing.T) {
	o, _, err := parse(nil)
	require.NoError(t, err)
	require.Equal(t, control.Socket, o.socket)
	require.Equal(t, slog.LevelInfo, o.level.Level())
	require.Empty(t, o.metrics, "nothing listens on the network unless it is asked for")
}

func TestFlags(t *testing.T) {
	o, _, err := parse([]string{"--log-level=debug", "--memory-dir", "/mnt/tmpfs", "--state-dir=/run/x", "--data-dir=/srv/x", "--socket=/run/y", "--metrics-address=[::1]:9750"})
	require.NoError(t, err)
	require.Equal(t, slog.LevelDebug, o.level.Level())
	require.Equal(t, "/mnt/tmpfs", o.memory)
	require.Equal(t, "/run/x", o.state)
	require.Equal(t, "/srv/x", o.data)
	require.Equal(t, "/run/y", o.socket)
	require.Equal(t, "[::1]:9750", o.metrics)
}

func TestBadCommandLines(t *testing.T) {
	for _, args := range [][]string{{"--no-such-flag"}, {"--log-level=loud"}, {"serve"}} {
		_, _, err := parse(args)
		require.Error(t, err, args)
	}
}

func TestEveryFlagIsExplained(t *testing.T) {
	_, flags, err := parse([]string{"-h"})
	require.NoError(t, err)
	text := usage + flags.FlagUsages()
	for _, want := range []string{"tcmud/ramdisk", "tcmud/fileio/PATH", "SIGTERM", "--socket", "--metrics-address", "--memory-dir", "--state-dir", "--data-dir", "--no-spin", "--no-uring", "--log-level", "--replace", "--version"} {
		require.Contains(t, text, want)
	}
}
