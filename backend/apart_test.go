package backend

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// willing is an Engine that begins, or does not, what it is asked for.
type willing bool

func (w willing) Read(int, [][]byte, int64) bool  { return bool(w) }
func (w willing) Write(int, [][]byte, int64) bool { return bool(w) }

// What must not wait does not wait for a write of the same blocks either, and of an Engine's read the end counts.
func TestFileKeepsReadsAndWritesApart(t *testing.T) {
	f := newTestFile(t)
	block := [][]byte{make([]byte, 512)}
	require.NoError(t, f.Writev(block, 0, false))

	write := extent{0, 512, true}
	f.busy.take(write)
	require.ErrorIs(t, f.ReadvNow(block, 0), syscall.EAGAIN)
	require.ErrorIs(t, f.WritevNow(block, 0), syscall.EAGAIN)
	require.False(t, f.DelegateRead(willing(true), block, 0))
	require.NoError(t, f.WritevNow(block, 512))
	f.busy.release(write)
	require.NoError(t, f.WritevNow(block, 0))

	require.False(t, f.DelegateRead(willing(false), block, 0))
	require.NoError(t, f.WritevNow(block, 0), "nothing is under way")
	require.True(t, f.DelegateRead(willing(true), block, 0))
	require.True(t, f.DelegateRead(willing(true), block, 0), "readers share")
	f.DelegatedReadEnded(block, 0)
	require.ErrorIs(t, f.WritevNow(block, 0), syscall.EAGAIN)
	f.DelegatedReadEnded(block, 0)
	require.NoError(t, f.WritevNow(block, 0))
	require.Empty(t, f.busy.line)
}

// Copies to and fro between two files, or two places of one, do not wait for each other in a circle.
func TestCopiesToAndFro(t *testing.T) {
	a, b := newTestFile(t), newTestFile(t)
	a.plain, b.plain = false, false // whatever the file system here gains by it
	const n = 64 << 10
	ended := make(chan error)
	for _, c := range []struct {
		to     *File
		off    int64
		from   *File
		srcOff int64
	}{{a, 0, b, 0}, {b, 0, a, 0}, {a, 0, a, n}, {a, n, a, 0}} {
		go func() {
			var err error
			for i := 0; i < 100 && err == nil; i++ {
				err = c.to.CopyFrom(c.off, c.from, c.srcOff, n)
			}
			ended <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-ended)
	}
}

// newTestFile is a store of 1 MiB in a file.
func newTestFile(t *testing.T) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	_, err := CreateFile(path, 1<<20)
	require.NoError(t, err)
	f, err := OpenFile(path, FileOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}
