package tcmutest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func answered(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// A function names what is in the ring, ends what waits for room there, and is answered with the last completion.
func TestAbort(t *testing.T) {
	k := New(t, Config{Blocks: 2})
	mem, _ := open(t, k)
	var all [4]*Command
	for i := range all {
		all[i] = &Command{CDB: make([]byte, 6)}
	}
	all[2].In, all[3].In = 2*BlockSize, BlockSize
	for _, c := range all {
		k.Submit(c)
	}
	require.Equal(t, []uint16{1, 2, 3, 0}, []uint16{all[0].ID, all[1].ID, all[2].ID, all[3].ID})
	answer(mem, 2, 0)
	k.Reap()
	done := k.Abort(AbortTask, all[:]...)
	require.True(t, all[3].Ended())
	require.EqualValues(t, statusTaskAborted, all[3].Status)
	p := mem[mailboxSize+3*120:]
	require.EqualValues(t, 40|opTMR, order.Uint32(p))
	require.EqualValues(t, AbortTask, p[8])
	require.EqualValues(t, 2, order.Uint32(p[12:]), "the second has ended")
	require.EqualValues(t, 1, order.Uint16(p[32:]))
	require.EqualValues(t, 3, order.Uint16(p[34:]))
	answer(mem, 3, 0)
	k.Reap()
	require.False(t, answered(done))
	answer(mem, 1, 0)
	k.Reap()
	require.True(t, answered(done))
	require.True(t, answered(k.Abort(LUNReset, all[:]...)), "all have ended")
}
