package scsi

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// buffers draws a buffer of odd shape, and its bytes as one slice.
func buffers(t *rapid.T) (Buffer, []byte) {
	b := Buffer{}
	for range rapid.IntRange(0, 6).Draw(t, "segments") {
		b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "segment"))
	}
	return b, flatten(b)
}

func flatten(b Buffer) []byte { return append([]byte{}, bytes.Join(b, nil)...) }

func TestBufferAgainstFlatSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, flat := buffers(t)
		require.Equal(t, int64(len(flat)), b.Len())
		off := rapid.Int64Range(0, 60).Draw(t, "offset")
		p := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "bytes")
		rest := flat[min(off, int64(len(flat))):]

		read := bytes.Clone(p)
		want := bytes.Clone(p)
		require.Equal(t, copy(want, rest), b.Read(read, off))
		require.Equal(t, want, read)

		require.Equal(t, copy(rest, p), b.Write(p, off))
		require.Equal(t, flat, flatten(b))

		n := rapid.Int64Range(0, int64(len(flat))).Draw(t, "slice")
		from := rapid.Int64Range(0, n).Draw(t, "from")
		require.Equal(t, flat[from:n], flatten(b.appendSlice(nil, from, n-from)))

		b.Clear(off)
		clear(rest)
		require.Equal(t, flat, flatten(b))
	})
}

func TestBufferSharesMemory(t *testing.T) {
	ring := []byte("abcdef")
	b := Buffer{ring[:2], ring[2:2], ring[2:]}
	require.Equal(t, 3, b.Write([]byte("XYZ"), 1))
	require.Equal(t, "aXYZef", string(ring))
	b.appendSlice(nil, 0, 4)[1][0] = '!'
	require.Equal(t, "aX!Zef", string(ring))
}
