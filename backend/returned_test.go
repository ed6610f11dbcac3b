package backend

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a file was opened of is told from what is under its path later.
func TestIdentityOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk0.img")
	require.NoError(t, os.WriteFile(path, make([]byte, 4096), 0o600))
	f, err := OpenFile(path, FileOptions{})
	require.NoError(t, err)
	defer f.Close()
	if f.identity == "" {
		t.Log("this file system does not tell when a file was made") // then no file in it returns
	}
	require.Equal(t, f.identity, identityAt(path))
	require.False(t, f.gone())
	require.False(t, f.Returned(), "it was never away")

	require.NoError(t, os.Rename(path, path+".old"))
	require.Empty(t, identityAt(path))
	require.False(t, f.gone(), "it is open")
	require.NoError(t, os.WriteFile(path, make([]byte, 4096), 0o600))
	require.NotEqual(t, identityAt(path+".old"), identityAt(path), "another file")
	require.Empty(t, identityAt(filepath.Dir(path)), "a directory is no disk")
}

// What was written and not flushed is known, for when the file is lost.
func TestUnflushed(t *testing.T) {
	f := newFile(t, 1<<20)
	iov := [][]byte{make([]byte, 4096)}
	for _, op := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"read", func() error { return f.Readv(iov, 0) }, false},
		{"durable write", func() error { return f.Writev(iov, 0, true) }, false},
		{"write", func() error { return f.Writev(iov, 0, false) }, true},
		{"write at once", func() error { return f.WritevNow(iov, 0) }, true},
		{"discard", func() error { return f.Discard(0, 4096) }, true},
		{"zero", func() error { return f.Zero(0, 4096, false) }, true},
		{"durable zero", func() error { return f.Zero(0, 4096, true) }, false},
	} {
		require.NoError(t, f.Flush())
		require.False(t, f.Unflushed(), op.name)
		if err := op.do(); !errors.Is(err, errors.ErrUnsupported) { // by this file system
			require.NoError(t, err)
			require.Equal(t, op.want, f.Unflushed(), op.name)
		}
	}
	require.NoError(t, f.Writev(iov, 0, false))
	restore := unsyncable(t, f)
	require.Error(t, f.Flush())
	restore()
	require.True(t, f.Unflushed(), "it is lost")
}

// Initiators hear once of what was lost.
func TestLostWritesAreToldOnce(t *testing.T) {
	f := newFile(t, 1<<20)
	f.LostWrites()
	iov := [][]byte{make([]byte, 4096)}
	require.NoError(t, f.Writev(iov, 0, false))
	require.ErrorContains(t, f.Flush(), "is lost")
	require.True(t, f.Unflushed(), "it has not been flushed either")
	require.NoError(t, f.Flush())
}
