package daemon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/spc"
)

// sasPort is the port of a loopback target.
func sasPort(relative uint16, wwn string) spc.Port {
	return spc.Port{Relative: relative, Protocol: 6, Name: wwn + ",t,0x0001", Device: wwn}
}

// TestPorts: a volume is reached by the ports that configfs has, in the groups that they are in.
func TestPorts(t *testing.T) {
	root, _ := liotest.Open(t)
	so, err := root.CreateUser(lio.User{Name: "a", Config: "tcmud/ramdisk", Size: 1 << 20})
	require.NoError(t, err)
	v := &volume{so: so}
	require.Empty(t, v.ports())

	loopback, err := root.Export(lio.Export{Fabric: "loopback", WWN: "naa.5001405000000001", LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	luns, err := loopback.LUNs()
	require.NoError(t, err)
	sas := sasPort(1, "naa.5001405000000001")
	require.Equal(t, []spc.PortGroup{{AccessGroup: spc.AccessGroup{Supported: 0xcf, Implicit: true}, Ports: []spc.Port{sas}}}, v.ports())

	_, err = root.Export(lio.Export{Fabric: "iscsi", WWN: "iqn.2003-01.org.example:a", LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	group, err := so.CreateALUAGroup("standby", 16)
	require.NoError(t, err)
	require.NoError(t, group.SetFile("alua_access_state", "2"))
	require.NoError(t, luns[0].SetALUAGroup("standby"))
	iscsi := spc.Port{Relative: 2, Protocol: 5, Name: "iqn.2003-01.org.example:a,t,0x0001", Device: "iqn.2003-01.org.example:a"}
	require.Equal(t, []spc.PortGroup{
		{AccessGroup: spc.AccessGroup{Supported: 0xcf, Implicit: true}, Ports: []spc.Port{iscsi}},
		{AccessGroup: spc.AccessGroup{ID: 16, State: 2, Supported: 0xcf, Implicit: true}, Ports: []spc.Port{sas}},
	}, v.ports())
	require.NoError(t, loopback.Delete())
	require.Len(t, v.ports(), 1)
	require.NoError(t, so.SetAttribute("alua_support", "0"))
	require.Empty(t, v.ports())
}
