package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestResultErr(t *testing.T) {
	tests := []struct {
		name   string
		result Result
		want   string
	}{
		{"good", Result{}, ""},
		{"status", Result{Status: 3}, "the command ended with status 3"},
		{"time limit", Result{Status: 124}, "the command ran out of time (status 124)"},
		{"kernel", Result{Complaints: []string{"BUG: x"}}, "the guest's kernel complained:\n  BUG: x"},
		{"both", Result{Status: 1, Complaints: []string{"BUG: x", "BUG: y"}},
			"the command ended with status 1\nthe guest's kernel complained:\n  BUG: x\n  BUG: y"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				require.NoError(t, test.result.Err())
				return
			}
			require.EqualError(t, test.result.Err(), test.want)
		})
	}
}

func TestDefaults(t *testing.T) {
	cfg := Config{}.withDefaults()
	require.Equal(t, 10*time.Minute, cfg.Timeout)
	require.Equal(t, 2, cfg.CPUs)
	require.EqualValues(t, 3<<30, cfg.Memory)
	require.NotNil(t, cfg.Log)

	cfg = Config{Timeout: time.Second, CPUs: 1, Memory: 1 << 30}.withDefaults()
	require.Equal(t, time.Second, cfg.Timeout)
	require.Equal(t, 1, cfg.CPUs)
	require.EqualValues(t, 1<<30, cfg.Memory)
}

func TestSettings(t *testing.T) {
	cfg := Config{Timeout: 1500 * time.Millisecond}.withDefaults()
	require.Equal(t, "accel=tcg\nlimit=1.5\nterminal=''\nrows=24\ncolumns=80\n", cfg.settings(tcg))

	t.Setenv("TERM", "xterm-256color")
	cfg = Config{Timeout: time.Hour, Interactive: true, Rows: 50, Columns: 120}.withDefaults()
	require.Equal(t, "accel=kvm\nlimit=3600\nterminal='xterm-256color'\nrows=50\ncolumns=120\n", cfg.settings(kvm))
}

func TestMakeDisks(t *testing.T) {
	dir := t.TempDir()
	m := machine{input: filepath.Join(dir, "input"), results: filepath.Join(dir, "results"), scratch: filepath.Join(dir, "scratch")}
	require.NoError(t, makeDisks(t.Context(), m, Config{Scratch: 1 << 20}.withDefaults()))
	for name, size := range map[string]int64{m.results: 8 << 30, m.scratch: 1 << 20} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, size, info.Size())
	}
	input, err := os.Open(m.input)
	require.NoError(t, err)
	defer input.Close()
	contents, _ := entries(t, input)
	require.Contains(t, contents, "opt/tcmud/init")
}

func TestLastLines(t *testing.T) {
	require.Equal(t, "a\nb", lastLines("a\nb\n"))
	require.Equal(t, "x", lastLines(strings.Repeat("y\n", 5) + "x")[10:])
	require.Len(t, strings.Split(lastLines(strings.Repeat("line\n", 100)), "\n"), 20)
}
