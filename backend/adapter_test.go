package backend_test

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// A []byte is a disk as soon as it can be read and written at an offset.
func ExampleAdapt() {
	memory := make(byteDisk, 1<<20)
	disk := backend.Adapt(memory, int64(len(memory)))
	defer disk.Close()

	if err := disk.Writev([][]byte{[]byte("hello, "), []byte("disk")}, 4096, true); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(disk.Size(), string(memory[4096:4107]))
	// Output: 1048576 hello, disk
}

// byteDisk is the smallest disk: bytes in memory.
type byteDisk []byte

func (d byteDisk) ReadAt(p []byte, off int64) (int, error) {
	if n := copy(p, d[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (d byteDisk) WriteAt(p []byte, off int64) (int, error) {
	if n := copy(d[off:], p); n < len(p) {
		return n, io.ErrShortWrite
	}
	return len(p), nil
}

// stub answers each call as told, whatever it is asked.
type stub struct {
	n   int
	err error
}

func (s stub) ReadAt([]byte, int64) (int, error)  { return s.n, s.err }
func (s stub) WriteAt([]byte, int64) (int, error) { return s.n, s.err }

func TestAdaptShortAndFailedCalls(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name        string
		stub        stub
		read, write error
	}{
		{"full", stub{512, nil}, nil, nil},
		{"full and EOF", stub{512, io.EOF}, nil, io.EOF},
		{"short and EOF", stub{100, io.EOF}, io.ErrUnexpectedEOF, io.EOF},
		{"nothing and EOF", stub{0, io.EOF}, io.ErrUnexpectedEOF, io.EOF},
		{"short without an error", stub{100, nil}, io.ErrUnexpectedEOF, io.ErrShortWrite},
		{"broken", stub{0, broken}, broken, broken},
		{"no space", stub{100, syscall.ENOSPC}, syscall.ENOSPC, syscall.ENOSPC},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := backend.Adapt(test.stub, 1024)
			iov := [][]byte{nil, make([]byte, 512)}
			require.ErrorIs(t, s.Readv(iov, 0), test.read)
			require.ErrorIs(t, s.Writev(iov[1:], 0, false), test.write)
		})
	}
}

func TestAdaptRefusesWhatIsOutside(t *testing.T) {
	s := backend.Adapt(make(byteDisk, 2048), 1024)
	iov := [][]byte{make([]byte, 1024)}
	require.ErrorIs(t, s.Readv(iov, 512), syscall.EINVAL)
	require.ErrorIs(t, s.Writev(iov, -512, false), syscall.EINVAL)
}

// cached is a disk with all optional methods.
type cached struct {
	byteDisk
	syncs, closes int
	err           error
}

func (c *cached) Sync() error  { c.syncs++; return c.err }
func (c *cached) Close() error { c.closes++; return c.err }

// described is a disk that knows its traits.
type described struct{ byteDisk }

func (described) Traits() backend.Traits { return backend.Traits{Granularity: 4096} }

func TestAdaptOptionalMethods(t *testing.T) {
	c := &cached{byteDisk: make(byteDisk, 1024)}
	s := backend.Adapt(c, 1024)
	iov := [][]byte{make([]byte, 512)}
	require.NoError(t, s.Writev(iov, 0, false))
	require.Zero(t, c.syncs)
	require.NoError(t, s.Writev(iov, 0, true))
	require.Equal(t, 1, c.syncs, "a durable write syncs")
	require.NoError(t, s.Flush())
	require.Equal(t, 2, c.syncs)

	c.err = syscall.EIO
	require.ErrorIs(t, s.Writev(iov, 0, true), syscall.EIO)
	require.ErrorIs(t, s.Flush(), syscall.EIO)
	require.ErrorIs(t, s.Close(), syscall.EIO)
	require.Equal(t, 1, c.closes)

	require.Equal(t, backend.Traits{Blocking: true, Volatile: true}, backend.Resolve(s).Traits())
	require.Equal(t, backend.Traits{Blocking: true}, backend.Resolve(backend.Adapt(make(byteDisk, 1), 1)).Traits())
	require.Equal(t, backend.Traits{Granularity: 4096}, backend.Resolve(backend.Adapt(described{}, 1)).Traits())
}

// gate holds writes until it is opened, and counts the calls that are inside.
type gate struct {
	byteDisk
	inside atomic.Int32
	open   chan struct{}
}

func (g *gate) WriteAt(p []byte, off int64) (int, error) {
	g.inside.Add(1)
	<-g.open
	return g.byteDisk.WriteAt(p, off)
}

// io.WriterAt allows parallel writes where they do not overlap, and promises nothing else.
func TestAdaptSerializesOverlappingWritesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{byteDisk: make(byteDisk, 8192), open: make(chan struct{})}
		s := backend.Adapt(g, 8192)
		done := make(chan error, 4)
		write := func(off, n int) { done <- s.Writev([][]byte{make([]byte, n)}, int64(off), false) }

		go write(0, 1024)
		go write(4096, 1024)
		synctest.Wait()
		require.EqualValues(t, 2, g.inside.Load(), "disjoint writes go in parallel")

		go write(512, 1024)
		go func() { done <- s.Readv([][]byte{make([]byte, 512)}, 4608) }()
		synctest.Wait()
		require.EqualValues(t, 2, g.inside.Load(), "an overlapping write waits")
		require.Empty(t, done, "an overlapping read waits")
		require.NoError(t, s.Readv([][]byte{make([]byte, 1024)}, 2048), "what overlaps no write does not wait")

		close(g.open)
		for range cap(done) {
			require.NoError(t, <-done)
		}
	})
}
