package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peterh/liner"
	"github.com/stretchr/testify/require"
)

func TestHistoryFile(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	t.Setenv("XDG_STATE_HOME", "/state")
	require.Equal(t, history("/state/tcmuctl/history"), historyFile())
	t.Setenv("XDG_STATE_HOME", "not/absolute")
	require.Equal(t, history("/home/someone/.local/state/tcmuctl/history"), historyFile())
	t.Setenv("HOME", "")
	require.Empty(t, historyFile())
}

func TestHistoryIsShortenedToWhatTheEditorKeeps(t *testing.T) {
	h := history(filepath.Join(t.TempDir(), "history"))
	require.NoError(t, os.WriteFile(string(h), []byte(strings.Repeat("ls\n", 2*liner.HistoryLimit)+"pwd\n"), 0o600))
	require.NoError(t, h.load(&liner.State{}))
	text, err := os.ReadFile(string(h))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ls\n", liner.HistoryLimit-1)+"pwd\n", string(text))
	info, err := os.Stat(string(h))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(filepath.Dir(string(h)))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	h := history(filepath.Join(file, "history"))
	require.ErrorContains(t, h.add(&liner.State{}, "ls"), "history is not kept: mkdir "+file)
	require.ErrorContains(t, h.load(&liner.State{}), "or set XDG_STATE_HOME")
	require.NoError(t, history(filepath.Join(dir, "none")).load(&liner.State{}))
}
