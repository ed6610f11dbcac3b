package backend

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was written atomically is in the journal as well, until the store is told to forget it; and then it goes on.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	f, err := OpenFile(path, FileOptions{Journals: dir})
	require.NoError(t, err)
	defer f.Close()
	m := Resolve(f)
	require.NoError(t, m.Forget(), "nothing yet")
	secret := bytes.Repeat([]byte("secret.."), 512)
	write := func() { require.NoError(t, m.WriteAtomic([][]byte{secret}, 4096, true)) }
	kept := func() (n int) {
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		for _, path := range paths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			n += bytes.Count(content, secret)
		}
		return n
	}
	write()
	require.Equal(t, 2, kept(), "in its place, and in the journal")
	require.NoError(t, m.Forget())
	require.Equal(t, 1, kept())
	write()
	require.Equal(t, 2, kept())
	require.NoError(t, Resolve(NewNull(512)).Forget())
}
