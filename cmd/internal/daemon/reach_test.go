package daemon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// TestCopiesReachWhatTheirSenderReaches: whoever has the one LUN has the other.
func TestCopiesReachWhatTheirSenderReaches(t *testing.T) {
	root, _ := liotest.Open(t)
	object := func(name string) lio.StorageObject {
		so, err := root.CreateUser(lio.User{Name: name, Config: "tcmud/ramdisk", Size: 1 << 20})
		require.NoError(t, err)
		return so
	}
	a, b := object("a"), object("b")
	reach := func(ab, ba bool, why string) {
		t.Helper()
		require.Equal(t, ab, exportedWith(a, b), "from a to b: %s", why)
		require.Equal(t, ba, exportedWith(b, a), "from b to a: %s", why)
	}
	reach(false, false, "neither is exported")
	loopback, err := root.Export(lio.Export{Fabric: "loopback", LUNs: []lio.StorageObject{a, b}})
	require.NoError(t, err)
	reach(true, true, "both are LUNs of one target")

	iscsi, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{a}})
	require.NoError(t, err)
	reach(false, true, "another target has only a")
	tpgs, err := iscsi.TPGs()
	require.NoError(t, err)
	lunB, err := tpgs[0].CreateLUN(b, lio.AnyLUN)
	require.NoError(t, err)
	reach(true, true, "that target has both")

	acl, err := tpgs[0].CreateACL("iqn.1994-05.com.example:host")
	require.NoError(t, err)
	reach(true, true, "an initiator sees neither")
	_, err = acl.Map(tpgs[0].LUN(0), 0, false)
	require.NoError(t, err)
	reach(false, true, "an initiator sees a")
	mapped, err := acl.Map(lunB, 1, true)
	require.NoError(t, err)
	reach(false, true, "an initiator may not write b")
	require.NoError(t, mapped.SetWriteProtect(false))
	reach(true, true, "an initiator may write both")
	require.NoError(t, loopback.Delete())
	reach(true, true, "iSCSI is left")
}

// A disk that is served no more is reached by nobody.
func TestCopiesDoNotReachWhatIsNotServed(t *testing.T) {
	d := idle(t)
	disk, _ := newDisk(t)
	require.False(t, d.reaches(disk, disk))
}
