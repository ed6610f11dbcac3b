package saveconfig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/lio/saveconfig"
)

func TestRestoreOneStorageObject(t *testing.T) {
	for _, name := range []string{"vdb", "/backstores/block/vdb"} {
		root, _ := liotest.Open(t)
		o := options
		o.StorageObject = name
		restore(t, root, readGolden(t), o)
		c := capture(t, root)
		require.Equal(t, readGolden(t).StorageObjects[4:], c.StorageObjects)
		require.Empty(t, c.Targets)
		require.Empty(t, c.Fabrics)
	}
}

func TestRestoreOneTarget(t *testing.T) {
	root, _ := liotest.Open(t)
	c := readGolden(t)
	o := options
	o.Target = "NAA.5001405C81B9D906"
	_, err := c.Restore(root, o)
	require.ErrorContains(t, err, "there is no /backstores/user/image, /backstores/user/disk0, of which there are LUNs: restore it before")
	require.True(t, capture(t, root).Empty())

	for _, so := range []string{"image", "disk0"} {
		one := options
		one.StorageObject = so
		restore(t, root, c, one)
	}
	restore(t, root, c, o)
	require.Equal(t, c.Targets[1:2], capture(t, root).Targets)
}

func TestClearOnlyThePartThatIsRestored(t *testing.T) {
	root, _ := liotest.Open(t)
	c := readGolden(t)
	restore(t, root, c, options)
	o := options
	o.Clear = true
	var deleted []string
	o.DeleteLUN = func(l lio.LUN) error {
		deleted = append(deleted, l.String())
		return l.Delete()
	}
	o.Target = naa
	restore(t, root, c, o)
	require.Equal(t, []string{"loopback/" + naa + "/tpgt_1/lun/lun_0", "loopback/" + naa + "/tpgt_1/lun/lun_9"}, deleted)
	require.Equal(t, c, capture(t, root))

	o.Target, o.StorageObject = "", "disk0"
	_, err := c.Restore(root, o)
	require.ErrorContains(t, err, "storage object disk0 is in use by iscsi/"+iqn)
	var born []uint64
	o.StorageObject, o.Cleared = "vdb", func(b []uint64) { born = b }
	was, err := root.StorageObjects()
	require.NoError(t, err)
	incarnation, err := was[4].Incarnation()
	require.NoError(t, err)
	restore(t, root, c, o)
	require.Equal(t, []uint64{incarnation}, born)
	require.Equal(t, c, capture(t, root))
}

func TestPartsThatAreNotInTheFile(t *testing.T) {
	root, _ := liotest.Open(t)
	c := readGolden(t)
	_, err := c.Restore(root, saveconfig.Options{Target: "naa.5001405000000001"})
	require.EqualError(t, err, `no target "naa.5001405000000001" in the file`)
	_, err = c.Restore(root, saveconfig.Options{StorageObject: "disk1"})
	require.EqualError(t, err, `no storage object "disk1" in the file`)
	c.StorageObjects[4].Name = "f0"
	_, err = c.Restore(root, saveconfig.Options{StorageObject: "f0"})
	require.EqualError(t, err, "there are several storage objects f0 in the file: name one as /backstores/fileio/f0")
	require.True(t, capture(t, root).Empty())
}

func TestClear(t *testing.T) {
	root, k := liotest.Open(t)
	restore(t, root, readGolden(t), options)
	require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core/rd_mcp_9")))
	require.NoError(t, saveconfig.Clear(root, saveconfig.Options{}))
	require.True(t, capture(t, root).Empty())
	hbas, err := root.EmptyHBAs()
	require.NoError(t, err)
	require.Empty(t, hbas, "what others have left half made goes too")
}
