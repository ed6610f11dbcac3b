package daemon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
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
		of := func(so lio.StorageObject) []lio.StorageObject { return []lio.StorageObject{so} }
		require.Equal(t, ab, exportedWith(of(a), of(b)), "from a to b: %s", why)
		require.Equal(t, ba, exportedWith(of(b), of(a)), "from b to a: %s", why)
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

// Of disks with a device for each nexus, each initiator reaches those that are its own.
func TestCopiesBetweenDisksOfNexuses(t *testing.T) {
	m := newMachine(t)
	m.create("x", engine)
	m.create("y", engine+";emulate_tpu=0")
	devices := map[string]lio.StorageObject{}
	for name, config := range map[string]string{
		"x.a": of("x", hostA, 1), "x.b": of("x", hostB, 2), "y.a": of("y", hostA, 1), "y.b": of("y", hostB, 2),
	} {
		devices[name] = m.create(name, config)
		m.said(name, control.Serving)
	}
	export := func(wwn string, names ...string) {
		var luns []lio.StorageObject
		for _, name := range names {
			luns = append(luns, devices[name])
		}
		_, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: wwn, LUNs: luns})
		require.NoError(t, err)
	}
	x, y := m.volume("x"), m.volume("y")
	reach := func() (there, back bool) {
		return exportedWith(x.objects(), y.objects()), exportedWith(y.objects(), x.objects())
	}
	export(hostA, "x.a", "y.a")
	there, back := reach()
	require.True(t, there && back, "one initiator has both")
	export(hostB, "x.b")
	there, back = reach()
	require.False(t, there, "another has but x")
	require.True(t, back)
}
