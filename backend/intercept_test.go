package backend_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestInterceptSeesEveryOperation(t *testing.T) {
	var seen []string
	stop := errors.New("stop")
	var answer error
	below := &script{}
	s := backend.Intercept(below, func(op backend.Op, off, n int64) error {
		seen = append(seen, fmt.Sprintf("%s %d+%d", op, off, n))
		return answer
	})
	iov := [][]byte{make([]byte, 512), make([]byte, 1024)}
	all := func() []error {
		return []error{s.Readv(iov, 512), s.Writev(iov, 1024, false), s.WriteAtomic(iov, 2048, false), s.Zero(0, 4096, false), s.Discard(0, 8192), s.Flush()}
	}
	below.Null = *backend.NewNull(1 << 20)
	for _, err := range all() {
		require.NoError(t, err)
	}
	want := []string{"read 512+1536", "write 1024+1536", "write 2048+1536", "zero 0+4096", "discard 0+8192", "flush 0+0"}
	require.Equal(t, want, seen)
	require.Len(t, below.calls, 3)

	seen, below.calls, answer = nil, nil, stop
	for _, err := range all() {
		require.ErrorIs(t, err, stop)
	}
	require.Equal(t, want, seen)
	require.Empty(t, below.calls, "what the hook fails is not done")
}

func TestInterceptRefusesWhatIsOutside(t *testing.T) {
	s := backend.Intercept(backend.NewNull(1024), func(backend.Op, int64, int64) error { panic("called") })
	require.ErrorIs(t, s.Readv([][]byte{make([]byte, 512)}, 1024), syscall.EINVAL)
	require.ErrorIs(t, s.Writev([][]byte{make([]byte, 512)}, 1024, false), syscall.EINVAL)
	require.ErrorIs(t, s.WriteAtomic([][]byte{make([]byte, 512)}, 1024, false), syscall.EINVAL)
}

func TestInterceptHooksCompose(t *testing.T) {
	var order []string
	name := func(s string) backend.Hook {
		return func(backend.Op, int64, int64) error { order = append(order, s); return nil }
	}
	s := backend.Intercept(backend.Intercept(backend.NewNull(512), name("inner")), name("outer"))
	require.NoError(t, s.Flush())
	require.Equal(t, []string{"outer", "inner"}, order)
}

func TestFailNth(t *testing.T) {
	s := backend.Intercept(backend.NewNull(1024), backend.FailNth(backend.OpWrite, 500, syscall.EIO))
	require.NoError(t, s.Readv([][]byte{make([]byte, 512)}, 0), "other operations are not counted")
	var failed atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if s.Writev([][]byte{make([]byte, 512)}, 0, false) != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, failed.Load())
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := backend.Intercept(backend.NewNull(1024), backend.Delay(20*time.Millisecond))
		require.True(t, s.Traits().Blocking)
		start := time.Now()
		require.NoError(t, s.Flush())
		require.Equal(t, 20*time.Millisecond, time.Since(start))
	})
}

func TestOpString(t *testing.T) {
	require.Equal(t, "op 77", backend.Op(77).String())
}
