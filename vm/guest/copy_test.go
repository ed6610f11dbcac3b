//go:build guest

package guest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCopyBetweenDisks: sg_xcopy copies between a ramdisk and a file on one target, in both directions, and cannot where
// an initiator reaches one of the disks only.
func TestCopyBetweenDisks(t *testing.T) {
	startDaemon(t)
	memory := newRamdisk(t, "64M")
	file := addLUN(t, memory, create(t, "fileio", "disk0", t.TempDir()+"/disk0.img", "64M"))
	const blocks, n = 20000, 20000 * 512 // more than one piece, and no whole number of them

	for _, c := range []struct{ from, to disk }{{memory, file}, {file, memory}} {
		must(t, "dd", "if="+randomFile(t, n), "of="+c.from.node, "bs=1M", "seek=512000", "oflag=direct,seek_bytes")
		sent := c.from.content(t, n, 1000*512)
		out := must(t, "sg_xcopy", "if="+c.from.generic, "of="+c.to.generic, "bs=512", "skip=1000", "seek=77", fmt.Sprint("count=", blocks))
		t.Log(out)
		require.Equal(t, sent, c.to.content(t, n, 77*512))
	}
	require.Contains(t, must(t, "sg_copy_results", "--params", memory.generic), "Copy block device with offset to block device with offset")
	require.Contains(t, must(t, "sg_vpd", "--page=tpc", memory.generic), "ROD type: point in time copy - change vulnerable")

	alone := attach(t, create(t, "ramdisk", "rd1", "64M"))
	refused := run(t, "sg_xcopy", "if="+memory.generic, "of="+alone.generic, "bs=512", "count=8")
	require.NotZero(t, refused.status)
	require.Equal(t, make([]byte, 8*512), alone.content(t, 8*512, 0))
}

// addLUN makes a LUN of a backstore on the target of another disk.
func addLUN(t *testing.T, beside disk, object view) disk {
	t.Helper()
	lun := tcmuctl(t, beside.target+"/luns", "create", object.Path)
	t.Cleanup(func() { must(t, "tcmuctl", beside.target+"/luns", "delete", lun.Name) })
	require.NotEmpty(t, lun.Properties.Disk)
	must(t, "udevadm", "settle")
	return disk{object, lun.Properties.Disk, lun.Properties.Generic, beside.target}
}
