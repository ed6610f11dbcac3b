package backend_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestNull(t *testing.T) {
	s := backend.Resolve(backend.NewNull(1 << 50))
	require.EqualValues(t, 1<<50, s.Size())
	data := bytes.Repeat([]byte{0xaa}, 1024)
	require.NoError(t, s.Writev([][]byte{data}, 1<<49, true))
	require.Equal(t, bytes.Repeat([]byte{0xaa}, 1024), data, "what is written is left alone")
	require.NoError(t, s.Readv([][]byte{data[:1], nil, data[1:1000]}, 1<<49))
	require.Equal(t, make([]byte, 1000), data[:1000])
	require.Equal(t, bytes.Repeat([]byte{0xaa}, 24), data[1000:])
	require.NoError(t, s.Zero(0, 1<<50, true))
	require.NoError(t, s.Discard(0, 1<<50))
	require.NoError(t, s.CopyFrom(1<<49, s, 0, 1<<49))
	require.NoError(t, s.WriteAtomic([][]byte{data}, 0, true))
	require.EqualValues(t, 1<<20, s.MaxAtomic())
	used, free, err := s.Space()
	require.NoError(t, err)
	require.Zero(t, used)
	require.EqualValues(t, math.MaxInt64, free)
	require.NoError(t, s.Flush())
	require.NoError(t, s.Close())
}
