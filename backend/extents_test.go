package backend

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestExtentsConflict(t *testing.T) {
	used := extent{off: 100, n: 100, write: true}
	for _, test := range []struct {
		name string
		e    extent
		want bool
	}{
		{"the same", used, true},
		{"a read of it", extent{off: 100, n: 100}, true},
		{"its first byte", extent{off: 50, n: 51}, true},
		{"its last byte", extent{off: 199, n: 10}, true},
		{"within", extent{off: 150, n: 1, write: true}, true},
		{"around", extent{off: 0, n: 1000, write: true}, true},
		{"just before", extent{off: 0, n: 100, write: true}, false},
		{"just behind", extent{off: 200, n: 100, write: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, test.e.conflicts(used))
			require.Equal(t, test.want, used.conflicts(test.e))
		})
	}
	require.False(t, extent{off: 0, n: 10}.conflicts(extent{off: 0, n: 10}), "reads never conflict")
}

// Of two that wait for different ranges, the second is not forgotten when its range is free and the first's is not.
func TestExtentsWakeAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExtents()
		a, b := extent{off: 0, n: 10, write: true}, extent{off: 10, n: 10, write: true}
		x.take(a)
		x.take(b)
		var order []string
		wait := func(name string, e extent) {
			go func() {
				x.take(e)
				order = append(order, name)
				x.release(e)
			}()
			synctest.Wait()
		}
		wait("b", b)
		wait("a", a)
		require.Empty(t, order)
		x.release(a)
		synctest.Wait()
		require.Equal(t, []string{"a"}, order)
		x.release(b)
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, order)
		require.Empty(t, x.line)
	})
}

// Whoever reads the same all the time, in turns, does not keep a write waiting for ever, nor does he go on before those who wait.
func TestExtentsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExtents()
		read, write := extent{off: 0, n: 10}, extent{off: 5, n: 10, write: true}
		x.take(read)
		written := false
		go func() {
			x.take(write)
			written = true
		}()
		synctest.Wait()
		require.False(t, x.try(read), "a write waits")
		require.True(t, x.try(extent{off: 20, n: 1}), "elsewhere")
		again := false
		go func() {
			x.take(read)
			again = true
		}()
		synctest.Wait()
		require.False(t, written)
		require.False(t, again)
		x.release(read)
		synctest.Wait()
		require.True(t, written)
		require.False(t, again)
		x.release(write)
		synctest.Wait()
		require.True(t, again)
		require.Len(t, x.line, 2)
	})
}

func TestNothingConflictsWithNoExtents(t *testing.T) {
	var x *extents
	e := extent{off: 0, n: 10, write: true}
	x.take(e)
	require.True(t, x.try(e))
	x.release(e)
}
