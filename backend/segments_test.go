package backend

import (
	"math"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		name         string
		off, n, size int64
		ok           bool
	}{
		{"all", 0, 10, 10, true},
		{"nothing at the end", 10, 0, 10, true},
		{"one too many", 0, 11, 10, false},
		{"begins behind the end", 11, 0, 10, false},
		{"negative offset", -1, 1, 10, false},
		{"negative length", 0, -1, 10, false},
		{"sum overflows", 5, math.MaxInt64, 10, false},
		{"offset overflows", math.MaxInt64, 1, 10, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := within(test.off, test.n, test.size)
			if test.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, syscall.EINVAL)
		})
	}
}

func TestCursor(t *testing.T) {
	iov := func() [][]byte { return [][]byte{nil, []byte("ab"), {}, []byte("cdef"), nil} }

	c := cursor{iov: iov()}
	var parts []string
	for b := c.next(3); b != nil; b = c.next(3) {
		parts = append(parts, string(b))
	}
	require.Equal(t, []string{"ab", "cde", "f"}, parts)
	require.True(t, c.empty())

	c = cursor{iov: iov()}
	c.skip(3)
	require.False(t, c.empty())
	got := make([]byte, 2)
	c.drain(got)
	require.Equal(t, "de", string(got))

	dst := iov()
	c = cursor{iov: dst}
	c.fill([]byte("123"))
	c.zero(2)
	require.Equal(t, [][]byte{nil, []byte("12"), {}, []byte("3\x00\x00f"), nil}, dst)
}

func TestVectorTakesWhatFits(t *testing.T) {
	iov := make([][]byte, 2*maxIovec)
	for i := range iov {
		iov[i] = make([]byte, i%2) // every other one is empty
	}
	c := cursor{iov: iov[:10]}
	v := iovecs.New().(*ioVector)
	require.Equal(t, 5, c.vector(v), "empty segments take no place")
	c = cursor{iov: append(iov, []byte{1})}
	require.Equal(t, maxIovec, c.vector(v))
	require.False(t, c.empty(), "a vector must not move the cursor")
}
