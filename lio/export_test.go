package lio_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// TestFailedExportLeavesNothing fails each change that an iSCSI target takes, one after the other.
func TestFailedExportLeavesNothing(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	export := lio.Export{Fabric: "iscsi", WWN: iqn, LUNs: []lio.StorageObject{so}, OpenToAll: true}
	target, err := root.Export(export)
	require.NoError(t, err)
	require.NoError(t, target.Delete())
	iscsi := target.Fabric

	for step := 1; ; step++ {
		changes, failed := 0, ""
		k.Fail = func(op, path string) error {
			if changes++; changes == step {
				failed = op + " " + path
				return syscall.ENOSPC
			}
			return nil
		}
		target, err := root.Export(export)
		k.Fail = nil
		if failed == "" {
			require.NoError(t, err)
			require.NoError(t, target.Delete())
			require.Equal(t, 11, step, "target, TPG, 4 attributes, LUN, link, enable and portal are one change each")
			return
		}
		require.ErrorIs(t, err, syscall.ENOSPC, failed)
		targets, err := iscsi.Targets()
		require.NoError(t, err)
		require.Empty(t, targets, failed)
		activated, err := so.Activated()
		require.NoError(t, err)
		require.False(t, activated, failed)
	}
}

func TestExport(t *testing.T) {
	root, _ := liotest.Open(t)
	var objects []lio.StorageObject
	for i := range 3 {
		objects = append(objects, create(t, root, lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512}))
	}
	for _, fabric := range lio.FabricNames() {
		t.Run(fabric, func(t *testing.T) {
			target, err := root.Export(lio.Export{Fabric: fabric, LUNs: objects, OpenToAll: true})
			require.NoError(t, err)
			luns, err := target.LUNs()
			require.NoError(t, err)
			for i, l := range luns {
				so, err := l.StorageObject()
				require.NoError(t, err)
				require.Equal(t, objects[i], so)
			}
			tpgs, err := target.TPGs()
			require.NoError(t, err)
			enabled, err := tpgs[0].Enabled()
			require.NoError(t, err)
			require.True(t, enabled)
		})
	}
	_, err := root.Export(lio.Export{Fabric: "fcoe"})
	require.ErrorContains(t, err, `no fabric "fcoe": iscsi, loopback, vhost are known`)
	_, err = root.Export(lio.Export{Fabric: "loopback", Portals: []netip.AddrPort{lio.DefaultPortal}})
	require.ErrorContains(t, err, "loopback has no network portals")
}

func TestModulesOfFabrics(t *testing.T) {
	for fabric, want := range map[string]string{
		"iscsi":    "kernel module iscsi_target_mod cannot be loaded: not here: the kernel needs CONFIG_ISCSI_TARGET",
		"loopback": "kernel module tcm_loop cannot be loaded: not here: the kernel needs CONFIG_LOOPBACK_TARGET",
		"vhost":    "kernel module vhost_scsi cannot be loaded: not here: the kernel needs CONFIG_VHOST_SCSI",
	} {
		t.Run(fabric, func(t *testing.T) {
			root, k := liotest.Open(t)
			k.Fail = func(op, _ string) error {
				if op == "load" {
					return fmt.Errorf("not here")
				}
				return nil
			}
			_, err := root.Export(lio.Export{Fabric: fabric})
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "linux-modules-extra")
		})
	}
}

func TestWhatAFabricHasNot(t *testing.T) {
	root, _ := liotest.Open(t)
	tpg := loopbackTPG(t, root)
	_, err := tpg.CreatePortal(lio.DefaultPortal)
	require.EqualError(t, err, "loopback has no network portals")
	_, err = tpg.CreateACL(initiator)
	require.EqualError(t, err, "loopback has no node ACLs")
	require.EqualError(t, tpg.Enable(true), "a TPG of loopback is always enabled")
	require.EqualError(t, tpg.Target.Fabric.SetDiscovery(lio.Discovery{}), "loopback has no CHAP for discovery")
}

func TestPortalAddresses(t *testing.T) {
	root, _ := liotest.Open(t)
	target, err := root.Export(lio.Export{Fabric: "iscsi", WWN: iqn, Portals: []netip.AddrPort{}})
	require.NoError(t, err)
	tpgs, err := target.TPGs()
	require.NoError(t, err)
	for _, tt := range []struct{ address, want string }{
		{"[2001:db8::1]:3260", ""},
		{"192.0.2.1:3260", ""},
		{"192.0.2.1:3261", ""},
		{"192.0.2.1:3260", "portal 192.0.2.1:3260 exists ("},
		{"0.0.0.0:3260", "the kernel cannot listen there"},
		{"192.0.2.1:0", "needs an IP address and a port"},
	} {
		_, err := tpgs[0].CreatePortal(netip.MustParseAddrPort(tt.address))
		if tt.want == "" {
			require.NoError(t, err, tt.address)
			continue
		}
		require.ErrorContains(t, err, tt.want)
	}
	_, err = tpgs[0].CreatePortal(netip.AddrPort{})
	require.ErrorContains(t, err, "needs an IP address and a port")
	portals, err := tpgs[0].Portals()
	require.NoError(t, err)
	var addresses []string
	for _, p := range portals {
		addresses = append(addresses, p.Address.String())
	}
	require.Equal(t, []string{"192.0.2.1:3260", "192.0.2.1:3261", "[2001:db8::1]:3260"}, addresses)
}

func TestFailedMappedLUNIsNotLeft(t *testing.T) {
	root, k := liotest.Open(t)
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{create(t, root, rd0)}})
	require.NoError(t, err)
	lun := lunOf(t, target)
	acl, err := lun.TPG.CreateACL(initiator)
	require.NoError(t, err)
	for _, step := range []string{"symlink", "write"} {
		k.Fail = func(op, _ string) error {
			if op == step {
				return syscall.ENOSPC
			}
			return nil
		}
		_, err = acl.Map(lun, lio.AnyLUN, true)
		require.ErrorIs(t, err, syscall.ENOSPC)
		mapped, err := acl.MappedLUNs()
		require.NoError(t, err)
		require.Empty(t, mapped, step)
	}
	other, err := target.CreateTPG(2)
	require.NoError(t, err)
	stranger, err := other.CreateACL(initiator)
	require.NoError(t, err)
	_, err = stranger.Map(lun, lio.AnyLUN, true)
	require.ErrorContains(t, err, "map LUNs of its own")
}

func TestStorageObjectThatCannotBeExported(t *testing.T) {
	root, k := liotest.Open(t)
	_, err := root.Export(lio.Export{Fabric: "vhost", LUNs: []lio.StorageObject{root.User(7, "none")}})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "no storage object none (")
	for _, dir := range []string{"rd_mcp_3", "rd_mcp_3/raw"} {
		require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core", dir)))
	}
	all, err := root.StorageObjects()
	require.NoError(t, err)
	_, err = root.Export(lio.Export{Fabric: "vhost", LUNs: all})
	require.ErrorIs(t, err, syscall.ENODEV)
	require.ErrorContains(t, err, "storage object raw (")
	require.ErrorContains(t, err, "is not enabled")
}

// TestObjectsOfTheKernelsOwn: they are shown and exported as ours are.
func TestObjectsOfTheKernelsOwn(t *testing.T) {
	for _, tt := range []struct {
		object lio.KernelObject
		size   int64
	}{
		{lio.KernelObject{Plugin: "fileio", Name: "f", Control: "fd_dev_name=/tmp/a,fd_dev_size=1048576"}, 1 << 20},
		{lio.KernelObject{Plugin: "rd_mcp", Name: "r", Control: "rd_pages=256"}, 1 << 20},
		{lio.KernelObject{Plugin: "iblock", Name: "b", Control: "udev_path=/dev/vdc", UdevPath: "/dev/vdc"}, 8 << 30},
		{lio.KernelObject{Plugin: "pscsi", Name: "p", Control: "scsi_host_id=0"}, -1},
	} {
		t.Run(tt.object.Plugin, func(t *testing.T) {
			root, k := liotest.Open(t)
			disk := k.Path("sys/dev/block/254:32")
			require.NoError(t, os.MkdirAll(disk, 0o755))
			require.NoError(t, os.WriteFile(disk+"/size", []byte("16777216\n"), 0o644))
			so, err := root.CreateKernelObject(tt.object)
			require.NoError(t, err)
			size, err := so.Size()
			if tt.size < 0 {
				require.ErrorContains(t, err, "the kernel does not tell the size of storage object p (")
			} else {
				require.NoError(t, err)
				require.Equal(t, tt.size, size)
			}
			_, err = so.Config()
			require.ErrorContains(t, err, "is one of the kernel's own, of "+tt.object.Plugin+": it has no configuration string")
			require.ErrorContains(t, so.SetConfig("tcmud/null"), "no configuration string")
			require.ErrorContains(t, so.SetSize(512), "no size that could be set")
			id, err := so.Identity()
			require.NoError(t, err)
			require.Equal(t, "LIO-ORG", id.Vendor)

			target, err := root.Export(lio.Export{Fabric: "vhost", LUNs: []lio.StorageObject{so}})
			require.NoError(t, err)
			from, err := lunOf(t, target).StorageObject()
			require.NoError(t, err)
			require.Equal(t, so, from)
			require.ErrorContains(t, so.Delete(), "in use by vhost/")
		})
	}
}

func TestResizeAndReconfigure(t *testing.T) {
	root, k := liotest.Open(t)
	u := rd0
	u.UdevPath = "/srv/disk"
	so := create(t, root, u)
	_, err := root.Export(lio.Export{Fabric: "vhost", LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	require.NoError(t, so.SetSize(20<<20))
	size, err := so.Size()
	require.NoError(t, err)
	require.EqualValues(t, 20<<20, size)
	require.NoError(t, so.SetConfig("tcmud/ramdisk;write_protect=1"))
	config, err := so.Config()
	require.NoError(t, err)
	require.Equal(t, "tcmud/ramdisk;write_protect=1", config)
	path, err := so.UdevPath()
	require.NoError(t, err)
	require.Equal(t, "/srv/disk", path)
	uio, err := so.UIO()
	require.NoError(t, err)
	name, err := os.ReadFile(k.Path("sys/class/uio", uio, "name"))
	require.NoError(t, err)
	require.Equal(t, "tcm-user/0/rd0/tcmud/ramdisk;write_protect=1\n", string(name))

	for _, bytes := range []int64{0, -512, 1000} {
		require.ErrorContains(t, so.SetSize(bytes), "use a positive multiple of the block size, 512")
	}
	require.ErrorContains(t, so.SetConfig("a,b/c"), "cannot carry commas")
	k.NobodyListens = true
	for _, err := range []error{so.SetSize(10 << 20), so.SetConfig("tcmud/null"), so.SetAttribute("emulate_write_cache", "1")} {
		require.ErrorIs(t, err, syscall.ESRCH)
		require.ErrorContains(t, err, "start tcmud")
	}
	require.ErrorContains(t, so.SetAttribute("hw_block_size", "4096"), "attrib/hw_block_size is read-only")
}
