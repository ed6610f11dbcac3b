//go:build guest

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio/saveconfig"
)

// emptyTarget removes what there is when the test ends, and makes the directory that Debian's tools want.
func emptyTarget(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll("/etc/rtslib-fb-target", 0o700))
	t.Cleanup(func() { must(t, "tcmuctl", "clearconfig", "confirm=true") })
}

// saved is what tcmuctl saves now, in an order that does not depend on who has made it.
func saved(t *testing.T) saveconfig.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saveconfig.json")
	require.Equal(t, "Configuration saved to "+path, must(t, "tcmuctl", "saveconfig", path))
	c, unknown, err := saveconfig.Read(path)
	require.NoError(t, err)
	require.Empty(t, unknown)
	sort.Slice(c.StorageObjects, func(i, j int) bool { return c.StorageObjects[i].Path() < c.StorageObjects[j].Path() })
	return c
}

const savedIQN = "iqn.2003-01.org.example:saved"

// manyThings makes something of everything that can be saved.
func manyThings(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for _, line := range []string{
		"/backstores/ramdisk create rd0 10M wwn=serial-of-rd0",
		"/backstores/fileio create disk0 " + dir + "/disk0.img 16M write_back=no block_size=4096",
		"/backstores/fileio create disk1 " + dir + "/disk1.img 4M",
		"/loopback create naa.5001405c81b9d906",
		"/loopback/naa.5001405c81b9d906/luns create /backstores/ramdisk/rd0",
		"/loopback/naa.5001405c81b9d906/luns create /backstores/fileio/disk0 lun=7",
		"/vhost create naa.5001405000000009",
		"/vhost/naa.5001405000000009/tpg1/luns create /backstores/ramdisk/rd0",
		"/iscsi create " + savedIQN,
		"/iscsi/" + savedIQN + "/tpg1/luns create /backstores/fileio/disk1 lun=3",
		"/iscsi/" + savedIQN + "/tpg1/acls create iqn.2003-01.org.example:initiator",
		"/iscsi/" + savedIQN + "/tpg1 set attribute demo_mode_write_protect=0 default_cmdsn_depth=128",
		"/iscsi/" + savedIQN + "/tpg1/acls/iqn.2003-01.org.example:initiator set auth userid=me password=sesame",
	} {
		must(t, "tcmuctl", strings.Fields(line)...)
	}
	// The kernel's own devices, as targetcli makes them.
	python(t, `
from rtslib_fb import *
so = RDMCPStorageObject("kernel-rd", 1 << 20)
FileIOStorageObject("kernel-file", "`+dir+`/kernel.img", 1 << 20, write_back=True)
ALUATargetPortGroup(so, "group", 7).alua_access_state = 1
lun = LUN(TPG(Target(FabricModule("vhost"), "naa.500140500000000a"), 1), 0, so)
lun.alua_tg_pt_gp_name = "group"
iscsi = FabricModule("iscsi")
iscsi.discovery_userid, iscsi.discovery_password = "du", "dp"
iscsi.discovery_enable_auth = True
`)
}

func python(t *testing.T, script string) {
	t.Helper()
	must(t, "python3", "-W", "ignore", "-c", script)
}

// designators are the names that initiators know the two disks of the loopback target by: VPD pages 83h and 80h.
func designators(t *testing.T) []string {
	t.Helper()
	var generic []string
	eventually(t, "both disks are there", func() bool {
		generic, _ = filepath.Glob("/dev/sg*")
		return len(generic) == 2
	})
	must(t, "udevadm", "settle")
	var all []string
	for _, node := range generic {
		all = append(all, must(t, "sg_vpd", "--page=di", "--quiet", node)+must(t, "sg_vpd", "--page=sn", node))
	}
	sort.Strings(all)
	return all
}

// What tcmuctl has saved is restored by Debian's own tool, which knows nothing of us: every setting, serial number and name.
func TestTargetctlRestoresWhatTcmuctlHasSaved(t *testing.T) {
	startDaemon(t)
	emptyTarget(t)
	manyThings(t)
	before, names := saved(t), designators(t)
	require.Len(t, before.StorageObjects, 5)
	require.Len(t, before.Targets, 4)
	file := filepath.Join(t.TempDir(), "file")
	must(t, "tcmuctl", "saveconfig", file)
	require.Equal(t, "All configuration cleared", must(t, "tcmuctl", "clearconfig", "confirm=true"))
	require.True(t, saved(t).Empty())

	o := run(t, "targetctl", "restore", file)
	require.Zero(t, o.status)
	for _, line := range strings.Split(strings.TrimSpace(o.stderr), "\n") {
		require.NotContains(t, line, "skipped")
	}
	require.Equal(t, before, saved(t))
	require.Equal(t, names, designators(t))
}

// And the reverse.
func TestTcmuctlRestoresWhatTargetctlHasSaved(t *testing.T) {
	startDaemon(t)
	emptyTarget(t)
	manyThings(t)
	before, names := saved(t), designators(t)
	file := filepath.Join(t.TempDir(), "file")
	must(t, "targetctl", "save", file)
	require.Equal(t, "All configuration cleared", must(t, "tcmuctl", "clearconfig", "confirm=true"))

	require.Equal(t, "Configuration restored from "+file, must(t, "tcmuctl", "restoreconfig", file))
	require.Equal(t, before, saved(t))
	require.Equal(t, names, designators(t))
	require.Equal(t, "Configuration restored from "+file, must(t, "tcmuctl", "restoreconfig", file), "all of it is there")
	require.Equal(t, before, saved(t))
}

// Both tools write the same file, and its backups.
func TestTheFileOfTheHost(t *testing.T) {
	startSystemBus(t) // which targetcli does not start without
	startDaemon(t)
	emptyTarget(t)
	const file = "/etc/rtslib-fb-target/saveconfig.json"
	t.Cleanup(func() { require.NoError(t, os.RemoveAll("/etc/rtslib-fb-target")) })
	must(t, "tcmuctl", "/backstores/ramdisk", "create", "rd0", "10M")
	require.Equal(t, "Configuration saved to "+file, must(t, "tcmuctl", "saveconfig"))
	must(t, "tcmuctl", "/backstores/ramdisk", "create", "rd1", "10M")
	require.Equal(t, "Last 10 configs saved in /etc/rtslib-fb-target/backup/.\nConfiguration saved to "+file, must(t, "tcmuctl", "saveconfig"))
	time.Sleep(time.Second) // targetcli writes over a backup of the same second
	must(t, "tcmuctl", "/backstores/ramdisk", "create", "rd2", "10M")
	require.Contains(t, must(t, "targetcli", "saveconfig"), "Last 10 configs saved in /etc/rtslib-fb-target/backup/.")
	backups, err := filepath.Glob("/etc/rtslib-fb-target/backup/*")
	require.NoError(t, err)
	require.Len(t, backups, 2)

	must(t, "tcmuctl", "clearconfig", "confirm=true")
	o := run(t, "tcmuctl", "saveconfig")
	require.Equal(t, 1, o.status)
	require.Contains(t, o.stderr, "there is nothing to save, and "+file+" is not empty")
	require.Equal(t, "Configuration restored from "+file, must(t, "tcmuctl", "restoreconfig"))
	require.Len(t, saved(t).StorageObjects, 3)
}

// withoutUdev stops udev for a test: it runs programs for every disk, which takes this machine longer than all else.
func withoutUdev(t *testing.T) {
	t.Helper()
	must(t, "modprobe", "--all", "sd_mod", "sg") // which it does too
	must(t, "udevadm", "control", "--exit")
	t.Cleanup(func() { must(t, "/lib/systemd/systemd-udevd", "--daemon") })
}

// crowd is how many devices there are to be: "make crowd" wants five hundred, which take ten minutes without KVM, and these
// half a minute.
func crowd(t *testing.T) int {
	t.Helper()
	if n := os.Getenv("TCMUD_CROWD"); n != "" {
		return number(t, n)
	}
	return 48
}

// Devices and LUNs of one target, four times as many in about four times the time.
func TestManyDevices(t *testing.T) {
	withoutUdev(t)
	startDaemon(t)
	emptyTarget(t)
	n := crowd(t)
	var undue []string
	for range 3 { // some hosts are busy for a while, and not three times for just the many
		if undue = undueTimes(t, n); undue == nil {
			return
		}
	}
	require.Empty(t, undue, "they take more than their share")
}

// undueTimes are what takes much longer than four times as long with four times the devices.
func undueTimes(t *testing.T, n int) (undue []string) {
	t.Helper()
	few, many := crowded(t, n/4), crowded(t, n)
	for what, took := range many {
		t.Logf("%-8s %4d: %6.2fs  %4d: %6.2fs", what, n/4, few[what].Seconds(), n, took.Seconds())
		if took > 9*few[what]+2*time.Second { // a square would make it sixteen times
			undue = append(undue, what)
		}
	}
	return undue
}

// crowded makes, lists, saves, clears and restores n ramdisks with a LUN each, and tells how long that took.
func crowded(t *testing.T, n int) map[string]time.Duration {
	t.Helper()
	var lines strings.Builder
	fmt.Fprintln(&lines, "/loopback create naa.5001405c81b9d906")
	for i := range n {
		fmt.Fprintf(&lines, "/backstores/ramdisk create rd%d 1M\n/loopback/naa.5001405c81b9d906/luns create /backstores/ramdisk/rd%[1]d\n", i)
	}
	took := map[string]time.Duration{}
	timed := func(what string, f func()) {
		begun := time.Now()
		f()
		took[what] = time.Since(begun)
	}
	file := filepath.Join(t.TempDir(), "file")
	timed("create", func() { patiently(t, lines.String()) })
	timed("ls", func() { require.Contains(t, patiently(t, "", "ls"), fmt.Sprintf("[LUNs: %d]", n)) })
	timed("save", func() { patiently(t, "", "saveconfig", file) })
	timed("clear", func() { patiently(t, "", "clearconfig", "confirm=true") })
	timed("restore", func() { patiently(t, "", "restoreconfig", file) })
	c := saved(t)
	require.Len(t, c.StorageObjects, n)
	require.Len(t, c.Targets[0].TPGs[0].LUNs, n)
	patiently(t, "", "clearconfig", "confirm=true")
	return took
}

// patiently runs tcmuctl, with lines to read if there are any, for as long as it takes.
func patiently(t *testing.T, lines string, args ...string) string {
	t.Helper()
	cmd := exec.Command("tcmuctl", args...)
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}
