package backend_test

import (
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// failing is a store whose next operations fail with these errors.
func failing(errs ...error) backend.Store {
	return backend.Intercept(backend.NewNull(1<<20), func(backend.Op, int64, int64) error {
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	})
}

var errGone = fmt.Errorf("the server does not answer: %w", syscall.EHOSTUNREACH)

// operations are all that may be done again.
var operations = map[string]func(s *backend.Medium) error{
	"read":         func(s *backend.Medium) error { return s.Readv([][]byte{make([]byte, 512)}, 0) },
	"write":        func(s *backend.Medium) error { return s.Writev([][]byte{make([]byte, 512)}, 0, false) },
	"write atomic": func(s *backend.Medium) error { return s.WriteAtomic([][]byte{make([]byte, 512)}, 0, false) },
	"zero":         func(s *backend.Medium) error { return s.Zero(0, 512, false) },
	"discard":      func(s *backend.Medium) error { return s.Discard(0, 512) },
	"flush":        func(s *backend.Medium) error { return s.Flush() },
}

func TestRetry(t *testing.T) {
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				try := func(stop chan struct{}, errs ...error) (time.Duration, error) {
					began = time.Now()
					err := do(backend.Resolve(backend.Retry(failing(errs...), 10*time.Second, stop)))
					return time.Since(began), err
				}
				took, err := try(nil)
				require.NoError(t, err)
				require.Zero(t, took)

				took, err = try(nil, errGone, errGone, errGone)
				require.NoError(t, err, "it is there again")
				require.Equal(t, 350*time.Millisecond, took)

				took, err = try(nil, syscall.EIO)
				require.ErrorIs(t, err, syscall.EIO, "what is of the medium")
				require.Zero(t, took)

				took, err = try(nil, errGone, syscall.ENOSPC)
				require.ErrorIs(t, err, syscall.ENOSPC)
				require.Equal(t, 50*time.Millisecond, took)

				always := make([]error, 1000)
				for i := range always {
					always[i] = errGone
				}
				took, err = try(nil, always...)
				require.ErrorIs(t, err, syscall.EHOSTUNREACH)
				require.Equal(t, 10*time.Second, took)

				stop := make(chan struct{})
				time.AfterFunc(time.Second, func() { close(stop) })
				took, err = try(stop, always...)
				require.ErrorIs(t, err, syscall.EHOSTUNREACH)
				require.Equal(t, time.Second, took)
			})
		})
	}
}

// Who must not wait has others try again.
func TestRetryIsForThoseWhoMayWait(t *testing.T) {
	below := &hasty{Null: *backend.NewNull(1 << 20)}
	s := backend.Resolve(backend.Retry(below, time.Hour, nil))
	require.True(t, s.Traits().Blocking)
	for err, want := range map[error]error{nil: nil, errGone: syscall.EAGAIN, syscall.EIO: syscall.EIO} {
		below.err = err
		require.ErrorIs(t, s.ReadvAtOnce([][]byte{make([]byte, 512)}, 0), want)
		require.ErrorIs(t, s.WritevAtOnce([][]byte{make([]byte, 512)}, 0), want)
	}
	var e queue
	require.True(t, s.ReadvBy(&e, nil, 512))
	require.True(t, s.WritevBy(&e, nil, 1024))
	require.Equal(t, queue{"read 512", "write 1024"}, e)
	s.ReadvByEnded(nil, 512)
	require.Equal(t, 1, below.ended)
}

// hasty is a store that tells at once how it is, and leaves the rest to an Engine.
type hasty struct {
	backend.Null
	err   error
	ended int
}

func (h *hasty) ReadvNow([][]byte, int64) error  { return h.err }
func (h *hasty) WritevNow([][]byte, int64) error { return h.err }

func (h *hasty) DelegateRead(e backend.Engine, iov [][]byte, off int64) bool {
	return e.Read(3, iov, off)
}

func (h *hasty) DelegatedReadEnded([][]byte, int64) { h.ended++ }

func (h *hasty) DelegateWrite(e backend.Engine, iov [][]byte, off int64) bool {
	return e.Write(3, iov, off)
}

// queue is an Engine that notes what it is given.
type queue []string

func (q *queue) Read(_ int, _ [][]byte, off int64) bool {
	*q = append(*q, fmt.Sprint("read ", off))
	return true
}

func (q *queue) Write(_ int, _ [][]byte, off int64) bool {
	*q = append(*q, fmt.Sprint("write ", off))
	return true
}
