package tcmu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// Nothing is allocated for a command, be it large or small, once as many have been out as ever are.
func TestNoAllocationPerCommand(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			k := tcmutest.New(t, tcmutest.Config{Scatter: true})
			d := attach(t, k, make(memory, 1<<20), way.opts)
			small := &tcmutest.Command{CDB: read10(0, 1), In: 512}
			large := &tcmutest.Command{CDB: read10(0, 512), In: 512 * 512} // 64 iovecs
			write := &tcmutest.Command{CDB: write10(0, 64), Out: make([]byte, 64*512)}
			other := &tcmutest.Command{CDB: []byte{0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0}} // CHECK CONDITION
			all := func() {
				for _, c := range []*tcmutest.Command{small, large, write, other} {
					k.Submit(c)
				}
				for _, c := range []*tcmutest.Command{small, large, write, other} {
					<-c.Done()
				}
			}
			for range 200 { // every slot has seen a large command
				all()
			}
			require.Zero(t, testing.AllocsPerRun(200, all))
			require.EqualValues(t, 4*401, d.Stats().Commands)
		})
	}
}
