package lio_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// newTPG makes a target with a TPG.
func newTPG(t *testing.T, root lio.Root, fabric, name string) lio.TPG {
	f, err := root.Fabric(fabric)
	require.NoError(t, err)
	target, err := f.CreateTarget(name)
	require.NoError(t, err)
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	return tpg
}

func TestEachTPGIsAPortOfTheBackstore(t *testing.T) {
	root, _ := liotest.Open(t)
	so := create(t, root, rd0)
	local := newTPG(t, root, "loopback", wwn)
	net := newTPG(t, root, "iscsi", iqn)
	a, err := net.CreateACL("iqn.1994-05.com.example:a")
	require.NoError(t, err)
	b, err := net.CreateACL("iqn.1994-05.com.example:b")
	require.NoError(t, err)

	first, lun, err := a.CreateNexus(so, 5)
	require.NoError(t, err)
	require.Equal(t, "rd0.nexus1", first.Device.Name)
	require.Equal(t, lio.Nexus{Of: "rd0", Initiator: a.Initiator, Port: 1, Group: 5}, first.Nexus)
	require.Equal(t, 16384, lun.Number)
	second, lun, err := b.CreateNexus(so, lio.AnyGroup)
	require.NoError(t, err)
	require.Equal(t, lio.Nexus{Of: "rd0", Initiator: b.Initiator, Port: 1, Group: 5}, second.Nexus)
	require.Equal(t, 16385, lun.Number)
	_, _, err = b.CreateNexus(so, 6)
	require.ErrorContains(t, err, "port 1 of rd0, which is this one, is in target port group 5")
	third, err := local.CreateNexus(so, lio.AnyGroup)
	require.NoError(t, err)
	initiator, err := local.Nexus()
	require.NoError(t, err)
	require.Equal(t, lio.Nexus{Of: "rd0", Initiator: initiator, Port: 2}, third.Nexus)
	_, err = net.CreateNexus(so, lio.AnyGroup)
	require.ErrorContains(t, err, "each node ACL has an I_T nexus")

	// What is free is taken again, the lowest first.
	require.NoError(t, net.LUN(16384).Delete())
	require.NoError(t, first.Device.Delete())
	fourth, lun, err := a.CreateNexus(so, lio.AnyGroup)
	require.NoError(t, err)
	require.Equal(t, "rd0.nexus1", fourth.Device.Name)
	require.Equal(t, uint16(1), fourth.Port)
	require.Equal(t, 16384, lun.Number)

	for _, n := range []lio.NexusDevice{second, third, fourth} {
		is, ok, err := n.Device.Nexus()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, n.Nexus, is)
	}
	_, ok, err := so.Nexus()
	require.NoError(t, err)
	require.False(t, ok)
	all, err := so.Nexuses()
	require.NoError(t, err)
	require.Equal(t, []lio.NexusDevice{fourth, second, third}, all)
	other := rd0
	other.Name = "rd1"
	none, err := create(t, root, other).Nexuses()
	require.NoError(t, err)
	require.Empty(t, none)
}

// TestInitiatorsThatComeAtOnce: each has a device of its own, and all have one port.
func TestInitiatorsThatComeAtOnce(t *testing.T) {
	root, _ := liotest.Open(t)
	so := create(t, root, rd0)
	tpg := newTPG(t, root, "iscsi", iqn)
	made := make(chan lio.NexusDevice)
	const initiators = 8
	for i := range initiators {
		go func() {
			acl, err := tpg.CreateACL(fmt.Sprintf("iqn.1994-05.com.example:%d", i))
			assert.NoError(t, err)
			n, _, err := acl.CreateNexus(so, lio.AnyGroup)
			assert.NoError(t, err)
			made <- n
		}()
	}
	names := map[string]bool{}
	for range initiators {
		n := <-made
		require.Equal(t, uint16(1), n.Port)
		names[n.Device.Name] = true
	}
	require.Len(t, names, initiators)
}

func TestANexusDeviceIsLikeItsBackstore(t *testing.T) {
	root, _ := liotest.Open(t)
	u := rd0
	u.BlockSize, u.HWMaxSectors, u.MaxDataAreaMB, u.DataPagesPerBlk, u.CmdRingSizeMB = 4096, 512, 64, 2, 4
	u.Identity = lio.Identity{Vendor: "ACME", Product: "Rocket", Revision: "7", Serial: "s"}
	u.Attributes = map[string]string{"cmd_time_out": "9", "emulate_write_cache": "1"}
	so := create(t, root, u)
	n, err := newTPG(t, root, "vhost", wwn).CreateNexus(so, lio.AnyGroup)
	require.NoError(t, err)
	id, err := n.Device.Identity()
	require.NoError(t, err)
	require.Equal(t, u.Identity, id)
	for name, want := range map[string]string{
		"dev_config": n.String(), "dev_size": "10485760", "hw_block_size": "4096", "hw_max_sectors": "512", "max_data_area_mb": "64",
		"data_pages_per_blk": "2", "cmd_ring_size_mb": "4", "cmd_time_out": "9", "emulate_write_cache": "1",
		"nl_reply_supported": "-1", "pgr_support": "0", "alua_support": "0", "emulate_pr": "1", "tmr_notification": "1",
	} {
		got, err := n.Device.Attribute(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	enabled, err := n.Device.Enabled()
	require.NoError(t, err)
	require.True(t, enabled)
}

func TestNothingIsLeftOfANexusDevice(t *testing.T) {
	for _, tt := range []struct{ op, path string }{
		{"mkdir", "core/user_1"},
		{"mkdir", "core/user_1/rd0.nexus1"},
		{"write", "core/user_1/rd0.nexus1/control"},
		{"write", "core/user_1/rd0.nexus1/wwn/vpd_unit_serial"},
		{"write", "core/user_1/rd0.nexus1/attrib/tmr_notification"},
		{"write", "core/user_1/rd0.nexus1/enable"},
		{"mkdir", "iscsi/*/tpgt_1/lun/lun_16384"},
		{"symlink", "iscsi/*/tpgt_1/lun/lun_16384/*"},
	} {
		t.Run(tt.op+" "+tt.path, func(t *testing.T) {
			root, kernel := liotest.Open(t)
			so := create(t, root, rd0)
			tpg := newTPG(t, root, "iscsi", iqn)
			acl, err := tpg.CreateACL(initiator)
			require.NoError(t, err)
			kernel.Fail = func(op, rel string) error {
				if ok, _ := filepath.Match(tt.path, rel); ok && op == tt.op {
					return syscall.ENOMEM
				}
				return nil
			}
			_, _, err = acl.CreateNexus(so, lio.AnyGroup)
			require.ErrorIs(t, err, syscall.ENOMEM)
			objects, err := root.StorageObjects()
			require.NoError(t, err)
			require.Equal(t, []lio.StorageObject{so}, objects)
			luns, err := tpg.LUNs()
			require.NoError(t, err)
			require.Empty(t, luns)
		})
	}
}

func TestWhatIsNoNexusOfABackstore(t *testing.T) {
	root, kernel := liotest.Open(t)
	long := rd0
	long.Name = strings.Repeat("n", 121)
	tpg := newTPG(t, root, "vhost", wwn)
	_, err := tpg.CreateNexus(create(t, root, long), lio.AnyGroup)
	require.ErrorContains(t, err, "at most 127")
	require.ErrorContains(t, err, "give one of them a shorter name")

	require.NoError(t, kernel.Mkdir(kernel.Path("sys/kernel/config/target/core/rd_mcp_7")))
	require.NoError(t, kernel.Mkdir(kernel.Path("sys/kernel/config/target/core/rd_mcp_7/theirs")))
	theirs, err := root.Named("theirs")
	require.NoError(t, err)
	_, err = tpg.CreateNexus(theirs[0], lio.AnyGroup)
	require.ErrorContains(t, err, "has no devices for I_T nexuses")
	_, ok, err := theirs[0].Nexus()
	require.NoError(t, err)
	require.False(t, ok)

	malformed := rd0
	malformed.Config = "tcmud/nexus;port=0;group=0/rd0/naa.1"
	_, ok, err = create(t, root, malformed).Nexus()
	require.NoError(t, err)
	require.False(t, ok)
}

func TestInitiatorOfATPG(t *testing.T) {
	root, _ := liotest.Open(t)
	tpg := newTPG(t, root, "loopback", wwn)
	for _, name := range []string{"naa.5001405000000007", "naa.5001405000000007", "naa.5001405000000008"} {
		require.NoError(t, tpg.SetNexus(name))
		now, err := tpg.Nexus()
		require.NoError(t, err)
		require.Equal(t, name, now)
	}
	_, err := tpg.CreateLUN(create(t, root, rd0), lio.AnyLUN)
	require.NoError(t, err)
	require.ErrorIs(t, tpg.SetNexus("naa.5001405000000009"), syscall.EPERM)
	require.ErrorContains(t, newTPG(t, root, "iscsi", iqn).SetNexus("naa.5001405000000009"), "no initiator of its own")
}

func TestReservationsOfTheKernel(t *testing.T) {
	root, _ := liotest.Open(t)
	files, err := create(t, root, rd0).Reservations()
	require.NoError(t, err)
	require.Contains(t, files, lio.Attribute{Name: "res_holder", Value: "No SPC-3 Reservation holder"})
	require.Contains(t, files, lio.Attribute{Name: "res_pr_registered_i_pts", Value: "SPC-3 PR Registrations:\nNone"})
}
