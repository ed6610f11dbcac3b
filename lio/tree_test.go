package lio_test

import (
	"io/fs"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

func TestWholeTreeOfTheFakeKernel(t *testing.T) {
	for _, fabric := range lio.FabricNames() {
		t.Run(fabric, func(t *testing.T) {
			root, _ := liotest.Open(t)
			wholeTree(t, root, fabric)
		})
	}
}

const (
	iqn       = "iqn.2003-01.org.example:a"
	initiator = "iqn.1994-05.com.example:host"
)

// wholeTree makes all that a fabric has, twice each, and removes it. It is run on the fake kernel and on a real one.
func wholeTree(t *testing.T, root lio.Root, name string) {
	so := create(t, root, rd0)
	again, err := lio.Ensure(root.CreateUser(rd0))
	require.NoError(t, err)
	require.Equal(t, so, again)
	larger := rd0
	larger.Size = 20 << 20
	_, err = lio.Ensure(root.CreateUser(larger))
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "has dev_size=10485760, not 20971520: choose another name")

	fabric, err := root.Fabric(name)
	require.NoError(t, err)
	name = wwn
	if fabric.Has(lio.ACLs) {
		name = iqn
	}
	target := twice(t, func() (lio.Target, error) { return fabric.CreateTarget(name) })
	tpg := twice(t, func() (lio.TPG, error) { return target.CreateTPG(1) })
	if fabric.Has(lio.OneInitiator) {
		nexus, err := tpg.Nexus()
		require.NoError(t, err)
		require.Regexp(t, `^naa\.5001405[0-9a-f]{9}$`, nexus)
	}
	if !fabric.Has(lio.Disks) { // nobody serves the device: the host would wait for its disk
		lun := twice(t, func() (lio.LUN, error) { return tpg.CreateLUN(so, lio.AnyLUN) })
		_, err = tpg.CreateLUN(so, 7)
		require.ErrorContains(t, err, "has the number 0")
		activated, err := so.Activated()
		require.NoError(t, err)
		require.True(t, activated)
		ports(t, so, lun)
		var inUse *lio.InUseError
		require.ErrorAs(t, so.Delete(), &inUse)
		require.Equal(t, []lio.LUN{lun}, inUse.LUNs)
	}
	if fabric.Has(lio.ACLs) {
		initiators(t, tpg)
	}
	nexus := nexusOf(t, so, tpg)
	require.NoError(t, target.Delete())
	require.NoError(t, nexus.Device.Delete())
	require.NoError(t, so.Delete())
	all, err := root.StorageObjects()
	require.NoError(t, err)
	require.Empty(t, all)
}

// ports is how a LUN is reached, which is in the default group and then in another.
func ports(t *testing.T, so lio.StorageObject, lun lio.LUN) {
	groups, err := so.ALUAGroups()
	require.NoError(t, err)
	require.Len(t, groups, 1)
	members := func(g lio.ALUAGroup) []lio.LUN {
		luns, err := g.LUNs()
		require.NoError(t, err)
		return luns
	}
	require.Equal(t, []lio.LUN{lun}, members(groups[0]))
	access, err := groups[0].Access()
	require.NoError(t, err)
	require.Equal(t, lio.Access{Supported: 0xcf, Implicit: true}, access)
	relative, err := lun.RelativePort()
	require.NoError(t, err)
	require.Positive(t, relative)

	other, err := so.CreateALUAGroup("other", 7)
	require.NoError(t, err)
	require.Empty(t, members(other))
	require.NoError(t, lun.SetALUAGroup("other"))
	require.Empty(t, members(groups[0]))
	require.Equal(t, []lio.LUN{lun}, members(other))
	for file, value := range map[string]string{
		"alua_access_type": "1", "alua_access_state": "2", "alua_access_status": "2", "preferred": "1", "implicit_trans_secs": "9", "alua_support_offline": "0",
	} {
		require.NoError(t, other.SetFile(file, value), file)
	}
	access, err = other.Access()
	require.NoError(t, err)
	require.Equal(t, lio.Access{ID: 7, State: 2, Supported: 0x8f, Status: 2, Preferred: true, Implicit: true, TransitionTime: 9}, access)
	require.NoError(t, lun.SetALUAGroup(lio.DefaultALUAGroup))
}

// initiators makes and changes what only iSCSI has.
func initiators(t *testing.T, tpg lio.TPG) {
	lun := tpg.LUN(0)
	for _, address := range []string{"127.0.0.1:3260", "[::1]:3260", "127.0.0.1:3261"} {
		p := twice(t, func() (lio.Portal, error) { return tpg.CreatePortal(netip.MustParseAddrPort(address)) })
		iser, err := p.ISER()
		require.NoError(t, err)
		require.False(t, iser)
	}
	_, err := tpg.CreatePortal(netip.MustParseAddrPort("0.0.0.0:3261"))
	require.ErrorContains(t, err, "the kernel cannot listen there")
	portals, err := tpg.Portals()
	require.NoError(t, err)
	require.Len(t, portals, 3)
	require.NoError(t, portals[0].Delete())

	acl := twice(t, func() (lio.ACL, error) { return tpg.CreateACL(initiator) })
	session, err := acl.Session()
	require.NoError(t, err)
	require.Contains(t, session, "No active iSCSI Session")
	mapped := twice(t, func() (lio.MappedLUN, error) { return acl.Map(lun, 3, true) })
	same, err := lio.Ensure(acl.Map(lun, lio.AnyLUN, true))
	require.NoError(t, err)
	require.Equal(t, mapped, same)
	_, err = acl.Map(lun, 3, false)
	require.ErrorContains(t, err, "has write_protect=1")
	of, err := mapped.LUN()
	require.NoError(t, err)
	require.Equal(t, lun, of)
	writeProtect, err := mapped.WriteProtect()
	require.NoError(t, err)
	require.True(t, writeProtect)

	chap(t, tpg, acl)
	require.NoError(t, tpg.SetParameter("ImmediateData", "No"))
	require.Error(t, tpg.SetParameter("ImmediateData", "maybe"))
	require.NoError(t, tpg.OpenToAll())
	require.ErrorContains(t, acl.SetParameter("MaxConnections", "2"), "is read-only")
	require.NoError(t, tpg.Enable(true))
	enabled, err := tpg.Enabled()
	require.NoError(t, err)
	require.True(t, enabled)

	// A LUN takes the mapped LUNs with it.
	so, err := lun.StorageObject()
	require.NoError(t, err)
	require.NoError(t, lun.Delete())
	left, err := acl.MappedLUNs()
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = tpg.CreateLUN(so, 0)
	require.NoError(t, err)
	_, err = acl.Map(tpg.LUN(0), 0, false)
	require.NoError(t, err)
}

// nexusOf makes a device for an I_T nexus of the TPG, of which the kernel leaves reservations and access states to others.
func nexusOf(t *testing.T, so lio.StorageObject, tpg lio.TPG) lio.NexusDevice {
	kept := func(of lio.StorageObject) map[string]string {
		files, err := of.Reservations()
		require.NoError(t, err)
		words := map[string]string{}
		for _, f := range files {
			words[f.Name] = f.Value
		}
		return words
	}
	require.Equal(t, "SPC3_PERSISTENT_RESERVATIONS", kept(so)["res_type"])
	require.Equal(t, "SPC-3 PR Registrations:\nNone", kept(so)["res_pr_registered_i_pts"])
	var n lio.NexusDevice
	var err error
	if tpg.Target.Fabric.Has(lio.OneInitiator) {
		n, err = tpg.CreateNexus(so, lio.AnyGroup)
	} else {
		var own lio.LUN
		n, own, err = tpg.ACL(initiator).CreateNexus(so, lio.AnyGroup)
		require.NoError(t, err)
		_, err = tpg.ACL(initiator).Map(own, 5, false)
		require.NoError(t, err)
		group, err := own.ALUAGroup()
		require.NoError(t, err)
		require.Empty(t, group)
	}
	require.NoError(t, err)
	require.Equal(t, "SPC_PASSTHROUGH", kept(n.Device)["res_type"])
	groups, err := n.Device.ALUAGroups()
	require.NoError(t, err)
	require.Empty(t, groups)
	return n
}

// chap sets and unsets CHAP one way, mutual, and for discovery.
func chap(t *testing.T, tpg lio.TPG, acl lio.ACL) {
	oneWay := lio.Auth{UserID: "me", Password: "secret of mine"}
	mutual := lio.Auth{UserID: "me", Password: "secret", MutualUserID: "you", MutualPassword: "yours"}
	for _, a := range []lio.Auth{oneWay, mutual, oneWay, {}} {
		for _, holder := range []interface {
			SetAuth(lio.Auth) error
			Auth() (lio.Auth, error)
		}{tpg, acl} {
			require.NoError(t, holder.SetAuth(a))
			got, err := holder.Auth()
			require.NoError(t, err)
			require.Equal(t, a, got)
		}
		want := lio.Discovery{Auth: a, Enforced: a.UserID != ""}
		require.NoError(t, tpg.Target.Fabric.SetDiscovery(want))
		got, err := tpg.Target.Fabric.Discovery()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.ErrorContains(t, tpg.SetAuth(lio.Auth{UserID: "NULLABLE"}), "NULL")
	require.ErrorContains(t, acl.SetAuth(lio.Auth{Password: "a "}), "no space at the ends")
}

// twice makes an object, makes it again, and is given the same.
func twice[T any](t *testing.T, create func() (T, error)) T {
	t.Helper()
	object, err := create()
	require.NoError(t, err)
	again, err := create()
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, object, again)
	again, err = lio.Ensure(create())
	require.NoError(t, err)
	require.Equal(t, object, again)
	return object
}
