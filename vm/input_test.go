package vm

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// entries reads a tar into a map from name to content; folders end in "/".
func entries(t *testing.T, r io.Reader) (contents map[string]string, modes map[string]int64) {
	contents, modes = make(map[string]string), make(map[string]int64)
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return contents, modes
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		contents[h.Name], modes[h.Name] = string(content), h.Mode&0o777
		require.Zero(t, h.Uid, "%s belongs to root in the guest", h.Name)
	}
}

func TestWriteInput(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "tcmud")
	require.NoError(t, os.WriteFile(program, []byte("ELF"), 0o755))
	folder := filepath.Join(dir, "data")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "sub", "a"), []byte("A"), 0o600))

	var disk bytes.Buffer
	err := writeInput(&disk, Config{
		Command: []string{"tcmud", "--version"},
		Stdin:   strings.NewReader("lines"),
		Files:   []File{{Host: program}, {Host: folder, Guest: "/srv/data"}},
	}, "accel=tcg\n")
	require.NoError(t, err)
	require.Zero(t, disk.Len()%512, "a disk is whole sectors")

	contents, modes := entries(t, &disk)
	require.Equal(t, map[string]string{
		"opt/tcmud/init":      guestScript,
		"opt/tcmud/run":       "#!/bin/bash\nexec env 'tcmud' '--version'\n",
		"opt/tcmud/settings":  "accel=tcg\n",
		"opt/tcmud/stdin":     "lines",
		"opt/tcmud/bin/tcmud": "ELF",
		"srv/data/":           "",
		"srv/data/sub/":       "",
		"srv/data/sub/a":      "A",
	}, contents)
	require.EqualValues(t, 0o755, modes["opt/tcmud/init"])
	require.EqualValues(t, 0o755, modes["opt/tcmud/bin/tcmud"])
	require.EqualValues(t, 0o600, modes["srv/data/sub/a"])
}

func TestWriteInputNamesTheFileItLacks(t *testing.T) {
	err := writeInput(io.Discard, Config{Files: []File{{Host: "/nowhere/tcmud"}}}.withDefaults(), "")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "add /nowhere/tcmud to the guest")
}

func TestWriteInputLeavesKeysToTheTerminal(t *testing.T) {
	keys := strings.NewReader("typed later")
	var disk bytes.Buffer
	require.NoError(t, writeInput(&disk, Config{Interactive: true, Stdin: keys}, ""))
	contents, _ := entries(t, &disk)
	require.Empty(t, contents["opt/tcmud/stdin"])
	require.Equal(t, len("typed later"), keys.Len())
}

func TestRunScriptPassesEveryWordUnchanged(t *testing.T) {
	words := []string{"plain", "two words", "it's", `"$HOME"`, "`id`", `back\slash`, "", "*", "line\nfeed"}
	script := filepath.Join(t.TempDir(), "run")
	text := runScript(append([]string{"printf", `<%s>`}, words...), []string{"A=b c"})
	require.NoError(t, os.WriteFile(script, []byte(text), 0o755))
	out, err := exec.Command("bash", script).Output()
	require.NoError(t, err)
	require.Equal(t, "<plain><two words><it's><\"$HOME\"><`id`><back\\slash><><*><line\nfeed>", string(out))
}

func TestRunScriptSetsTheEnvironment(t *testing.T) {
	script := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.WriteFile(script, []byte(runScript([]string{"printenv", "A"}, []string{"A=b c"})), 0o755))
	out, err := exec.Command("bash", script).Output()
	require.NoError(t, err)
	require.Equal(t, "b c\n", string(out))
}

func TestNoCommandIsALoginShell(t *testing.T) {
	require.Equal(t, "#!/bin/bash\nexec env 'bash' '-l'\n", runScript(nil, nil))
}
