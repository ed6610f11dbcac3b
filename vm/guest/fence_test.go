//go:build guest

package guest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFencing is what Pacemaker's fence_scsi does, and what comes after: two nodes register and one reserves for both; one
// fences the other, whose writes end in conflicts from then on, also after tcmud has been killed; it is let in again.
func TestFencing(t *testing.T) {
	tcmud := startDaemon(t)
	paths := newPaths(t, newEngineDisk(t, 2))
	a, b := paths[0], paths[1]
	block := make([]byte, 512)
	for i, p := range paths {
		p.prout(registerAndIgnore, 0, 0, uint64(0xa+i), aptpl).Good()
	}
	a.prout(reserve, writeExclusiveRegistrants, 0xa, 0, 0).Good()
	require.Equal(t, "000000000000000a000000000000000b", a.keys())
	b.Send(writeBlock, block).Good()

	b.prout(preemptAndAbort, writeExclusiveRegistrants, 0xb, 0xa, 0).Good()
	require.Equal(t, "000000000000000b", b.keys())
	require.Equal(t, "000000000000000b 5", b.reservation())
	a.Send(writeBlock, block).Sense("06 2a 05")
	for range 2 {
		a.Send(writeBlock, block).Conflict()
		a.Fetch(readBlock, 512).Data()
		b.Send(writeBlock, block).Good()
		a.prout(reserve, writeExclusiveRegistrants, 0xa, 0, 0).Conflict()
		a.prout(release, writeExclusiveRegistrants, 0xa, 0, 0).Conflict()
		a.prout(preempt, exclusiveRegistrantsOnly, 0xa, 0xb, 0).Conflict()
		tcmud.kill()
		tcmud.start()
		a.settle()
		b.settle()
	}
	a.prout(register, 0, 0, 0xa, aptpl).Good()
	a.Send(writeBlock, block).Good()
	b.prout(preempt, exclusiveAccess, 0xb, 0xb, 0).Good() // of its own: another type
	a.Fetch(readBlock, 512).Sense("06 2a 04")
	a.Fetch(readBlock, 512).Conflict()
	b.prout(clearAll, 0, 0xb, 0, 0).Good()
	a.settle()
	for _, all := range []int{writeExclusiveAll, exclusiveAll} {
		a.prout(register, 0, 0, 0xa, 0).Good()
		a.prout(reserve, all, 0xa, 0, 0).Good()
		require.Contains(t, a.reservation(), "0000000000000000 ")
		b.Send(writeBlock, block).Conflict()
		a.prout(clearAll, 0, 0xa, 0, 0).Good()
	}
}
