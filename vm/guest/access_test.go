//go:build guest

package guest

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// attachIn is attach for a port that belongs to a target port group.
func attachIn(t *testing.T, object view, group string) disk {
	t.Helper()
	target := tcmuctl(t, "/loopback", "create")
	t.Cleanup(func() { must(t, "tcmuctl", "/loopback", "delete", target.Name) })
	lun := tcmuctl(t, target.Path+"/luns", "create", object.Path, "group="+group)
	must(t, "udevadm", "settle")
	return disk{object, lun.Properties.Disk, lun.Properties.Generic, target.Path}
}

// TestAccessStates: initiators find their own port and group, fail over from one to the other, and so can the administrator;
// states outlive tcmud.
func TestAccessStates(t *testing.T) {
	tcmud := startDaemon(t)
	object := create(t, "ramdisk", "rd0", "16M", "reservations=engine")
	a, b := attachIn(t, object, "0"), attachIn(t, object, "1")
	for i, d := range []disk{a, b} {
		require.Contains(t, must(t, "sg_inq", d.generic), "TPGS=3")
		di := must(t, "sg_vpd", "--page=di", d.generic)
		require.Regexp(t, `Relative target port: 0x`+string(rune('1'+i)), di)
		require.Regexp(t, `Target port group: 0x`+string(rune('0'+i)), di)
	}
	states := func(d disk) []string {
		return regexp.MustCompile(`asymmetric access state : 0x0[0-9a-f]`).FindAllString(must(t, "sg_rtpg", d.generic), -1)
	}
	settle := func() {
		for _, d := range []disk{a, b} {
			eventually(t, "no unit attention is left", func() bool { return run(t, "sg_turs", d.generic).status != 6 })
		}
	}
	const active, standby = "asymmetric access state : 0x00", "asymmetric access state : 0x02"
	settle()
	require.Equal(t, []string{active, active}, states(a))

	must(t, "sg_stpg", "--state=2,0", "--tp=0,1", b.generic)
	settle()
	require.Equal(t, []string{standby, active}, states(a), "standby answers that")
	require.Equal(t, 2, run(t, "sg_turs", a.generic).status, "NOT READY")
	require.NotZero(t, run(t, "sg_dd", "if="+a.generic, "of=/dev/null", "bs=512", "count=1").status)
	must(t, "sg_dd", "if="+b.generic, "of=/dev/null", "bs=512", "count=1")

	tcmud.kill()
	tcmud.start()
	settle()
	require.Equal(t, []string{standby, active}, states(b), "they are remembered")
	require.Contains(t, must(t, "tcmuctl", object.Path, "alua"), "standby")
	must(t, "tcmuctl", object.Path, "alua", "group=0", "state=active/optimized")
	settle()
	require.Equal(t, []string{active, active}, states(b))
	must(t, "sg_dd", "if="+a.generic, "of=/dev/null", "bs=512", "count=1")
}
