//go:build guest

package guest

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPorts: what the kernel's configuration says of ports is what initiators hear, and where there is one port they hear
// which. A change of a group's state is seen at once.
func TestPorts(t *testing.T) {
	startDaemon(t)
	log := kernelLog(t)
	a := newRamdisk(t, "16MiB")
	name := filepath.Base(a.target)
	require.Contains(t, must(t, "sg_inq", a.generic), "TPGS=1")
	id := must(t, "sg_vpd", "--page=di", a.generic)
	require.Contains(t, id, "Relative target port: 0x1\n")
	require.Contains(t, id, "Target port group: 0x0\n")
	require.Contains(t, id, name+",t,0x0001")
	require.Contains(t, must(t, "sg_vpd", "--page=sp", a.generic), name+",t,0x0001")
	require.Contains(t, must(t, "sg_rtpg", "--decode", a.generic), "access state : 0x00 (active/optimized)")

	group := fmt.Sprintf("%s/core/user_%d/%s/alua/default_tg_pt_gp/", configfs, a.object.Properties.HBA, a.object.Name)
	write(t, group+"preferred", "1")
	write(t, group+"alua_access_state", "1")
	run(t, "sg_turs", a.generic) // a unit attention: the kernel tells of the change
	groups := must(t, "sg_rtpg", "--decode", "--extended", a.generic)
	require.Contains(t, groups, "Pref=1")
	require.Contains(t, groups, "access state : 0x01 (active/non optimized)")
	write(t, group+"alua_access_state", "0")
	run(t, "sg_turs", a.generic)

	b := attach(t, a.object) // by a second port
	for _, generic := range []string{a.generic, b.generic} {
		inquiry := must(t, "sg_inq", generic)
		require.Contains(t, inquiry, "TPGS=0")
		require.Contains(t, inquiry, "MultiP=1")
		require.NotContains(t, must(t, "sg_vpd", "--page=di", generic), "Target port")
		require.Contains(t, must(t, "sg_vpd", "--page=sp", generic), filepath.Base(b.target)+",t,0x0001")
		require.Contains(t, must(t, "sg_rtpg", generic), "target port count : 02")
	}
	requireQuiet(t, log())
}
