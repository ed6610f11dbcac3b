package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/vm"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{
		"--add", "bin/tcmud", "--add", "demo.txt:/srv/demo", "--memory", "1GiB", "--scratch", "64M",
		"--timeout", "90s", "--env", "A=b,c", "--results", "out", "--", "tcmud", "--help"})
	require.NoError(t, err)
	require.Equal(t, []string{"tcmud", "--help"}, o.Command, "flags after -- are the command's")
	require.Equal(t, []vm.File{{Host: "bin/tcmud"}, {Host: "demo.txt", Guest: "/srv/demo"}}, o.Files)
	require.EqualValues(t, 1<<30, o.Memory)
	require.EqualValues(t, 64<<20, o.Scratch)
	require.Equal(t, 90*time.Second, o.Timeout)
	require.Equal(t, []string{"A=b,c"}, o.Env)
	require.Equal(t, "out", o.Results)
}

func TestParseDefaults(t *testing.T) {
	o, err := parse([]string{"true"})
	require.NoError(t, err)
	require.EqualValues(t, 3<<30, o.Memory)
	require.Zero(t, o.Scratch)
	require.Equal(t, 2, o.CPUs)
	require.Equal(t, 10*time.Minute, o.Timeout)
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no command", nil, "nothing to do: give a command after --, or --shell, or --setup"},
		{"memory", []string{"--memory", "lots", "true"}, "--memory lots: invalid size: 'lots' (try 3GiB)"},
		{"scratch", []string{"--scratch", "-1", "true"}, "--scratch -1: invalid size: '-1' (try 1GiB)"},
		{"flag", []string{"--nonsense"}, "unknown flag: --nonsense"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, err := run(t.Context(), test.args)
			require.EqualError(t, err, test.want)
			require.Equal(t, 1, status)
		})
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	status, err := run(t.Context(), []string{"--help"})
	require.NoError(t, err)
	require.Zero(t, status)
}
