package backend_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// script is a store that answers from its fields and writes down what it was asked.
type script struct {
	backend.Null
	traits  backend.Traits
	zero    error
	discard error
	calls   []string
}

func (s *script) Traits() backend.Traits { return s.traits }

func (s *script) Writev(iov [][]byte, off int64, durable bool) error {
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	s.calls = append(s.calls, fmt.Sprintf("write %d+%d in %d, durable %t", off, n, len(iov), durable))
	return nil
}

func (s *script) Zero(off, n int64, durable bool) error {
	s.calls = append(s.calls, fmt.Sprintf("zero %d+%d, durable %t", off, n, durable))
	return s.zero
}

func (s *script) Discard(off, n int64) error {
	s.calls = append(s.calls, fmt.Sprintf("discard %d+%d", off, n))
	return s.discard
}

// modest has the methods, and says that they do nothing of use.
type modest struct{ backend.Store }

func (modest) Zero(int64, int64, bool) error { return nil }
func (modest) Discard(int64, int64) error    { return nil }
func (modest) Zeroes() backend.Support       { return backend.Native }
func (modest) Discards() backend.Support     { return backend.Emulated }
func (s modest) Traits() backend.Traits      { return backend.Traits{Granularity: 8192} }

// zeroOnly is a store with one of the two.
type zeroOnly struct{ backend.Store }

func (zeroOnly) Zero(int64, int64, bool) error { return nil }

func TestResolve(t *testing.T) {
	null := backend.NewNull(1 << 20)
	careful := backend.Traits{Blocking: true, Volatile: true}
	readOnly := &script{traits: backend.Traits{ReadOnly: true}}
	hook := func(backend.Op, int64, int64) error { return nil }
	for _, test := range []struct {
		name             string
		store            backend.Store
		zeroes, discards backend.Support
		traits           backend.Traits
	}{
		{"a store and no more", bare{null}, backend.Emulated, backend.Emulated, careful},
		{"everything", null, backend.Native, backend.Native, backend.Traits{}},
		{"zero only", zeroOnly{null}, backend.Native, backend.Emulated, careful},
		{"says it cannot", modest{null}, backend.Native, backend.Emulated, backend.Traits{Granularity: 8192}},
		{"read-only", readOnly, backend.None, backend.None, backend.Traits{ReadOnly: true}},
		{"wrapped nothing", backend.Intercept(bare{null}, hook), backend.Emulated, backend.Emulated, careful},
		{"wrapped everything", backend.Intercept(null, hook), backend.Native, backend.Native, backend.Traits{Blocking: true}},
		{"wrapped twice", backend.Intercept(backend.Intercept(zeroOnly{null}, hook), hook), backend.Native, backend.Emulated, careful},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := backend.Resolve(test.store)
			require.Equal(t, test.zeroes, m.Zeroes(), "zeroes %s", m.Zeroes())
			require.Equal(t, test.discards, m.Discards(), "discards %s", m.Discards())
			require.Equal(t, test.traits, m.Traits())
			require.Same(t, m, backend.Resolve(m), "a medium is resolved already")
		})
	}
}

func TestMediumCallsTheStore(t *testing.T) {
	s := &script{zero: syscall.ENOSPC, discard: syscall.EIO}
	m := backend.Resolve(s)
	require.ErrorIs(t, m.Zero(512, 1024, true), syscall.ENOSPC)
	require.ErrorIs(t, m.Discard(0, 4096), syscall.EIO)
	require.Equal(t, []string{"zero 512+1024, durable true", "discard 0+4096"}, s.calls)
}

func TestMediumEmulates(t *testing.T) {
	s := &script{}
	m := backend.Resolve(bare{s})
	require.NoError(t, m.Zero(512, 1<<20+64<<10+512, true))
	require.NoError(t, m.Discard(1024, 512))
	require.Equal(t, []string{
		"write 512+1048576 in 16, durable true",
		"write 1049088+66048 in 2, durable true",
		"write 1024+512 in 1, durable false",
	}, s.calls)
}

func TestMediumAsksOnceWhatIsUnsupported(t *testing.T) {
	s := &script{
		zero:    fmt.Errorf("no zero range: %w", syscall.EOPNOTSUPP),
		discard: errors.ErrUnsupported,
	}
	m := backend.Resolve(s)
	require.Equal(t, backend.Native, m.Discards())
	for range 2 {
		require.NoError(t, m.Discard(0, 512))
		require.NoError(t, m.Zero(512, 512, true))
	}
	require.Equal(t, []string{
		"discard 0+512",
		"zero 0+512, durable false",
		"write 0+512 in 1, durable false",
		"write 512+512 in 1, durable true",
		"write 0+512 in 1, durable false",
		"write 512+512 in 1, durable true",
	}, s.calls)
	require.Equal(t, backend.Native, m.Discards(), "the answer is constant")
}

func TestMediumReadOnly(t *testing.T) {
	s := &script{traits: backend.Traits{ReadOnly: true}}
	m := backend.Resolve(s)
	require.ErrorIs(t, m.Zero(0, 512, false), syscall.EROFS)
	require.ErrorIs(t, m.Discard(0, 512), syscall.EROFS)
	require.Empty(t, s.calls)
}

func TestMediumEmulationFails(t *testing.T) {
	failing := backend.Intercept(backend.NewNull(4<<20), backend.FailNth(backend.OpWrite, 2, syscall.ENOSPC))
	m := backend.Resolve(bare{failing})
	require.ErrorIs(t, m.Zero(0, 4<<20, false), syscall.ENOSPC)
	require.NoError(t, m.Zero(0, 4<<20, false))
}

func TestSupportString(t *testing.T) {
	require.Equal(t, "none emulated native support 9",
		fmt.Sprint(backend.None, " ", backend.Emulated, " ", backend.Native, " ", backend.Support(9)))
}
