package daemon

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// A thousand disks are to be served in 64 MiB, of which what all share takes 17. Of the heap a disk takes 31 KiB here, with
// the kernel that is played for it.
func TestADiskTakesLittleMemory(t *testing.T) {
	const disks, most = 50, 40 << 10
	m := newMachine(t)
	serve := func(i int) {
		name := fmt.Sprintf("disk%d", i)
		m.create(name, "tcmud/null")
		m.said(name, control.Serving)
	}
	serve(0) // what all share is there from now on
	before := heap()
	for i := range disks {
		serve(1 + i)
	}
	each := (heap() - before) / disks
	t.Logf("%d bytes of heap for each", each)
	require.Less(t, each, most)
}

// heap is how many bytes of it are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what had a cleanup
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int(now.HeapAlloc)
}
