//go:build guest

package guest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// savedByTargetcli is where Debian's targetcli saves the configuration.
const savedByTargetcli = "/etc/rtslib-fb-target/saveconfig.json"

// service is the name on the bus that targetcli asks.
const service = "org.kernel.TCMUService1"

// startBus starts a system bus that ends with the test.
func startBus(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll("/run/dbus", 0o755))
	bus := exec.Command("dbus-daemon", "--system", "--nofork", "--nopidfile")
	bus.Stderr = os.Stderr
	require.NoError(t, bus.Start())
	t.Cleanup(func() {
		require.NoError(t, bus.Process.Kill())
		_ = bus.Wait() // killed
		require.NoError(t, os.Remove("/run/dbus/system_bus_socket"))
	})
	eventually(t, "the system bus is there", func() bool {
		_, err := os.Stat("/run/dbus/system_bus_socket")
		return err == nil
	})
}

// withoutTCMURunner makes this a machine that has no tcmu-runner to start, and
// no leave for anybody to have a name on the bus but by tcmud's own policy.
func withoutTCMURunner(t *testing.T) {
	t.Helper()
	const policy = "/usr/share/dbus-1/system.d/org.kernel.TCMUService1.tcmud.conf"
	for _, file := range []string{"/etc/dbus-1/system.d/tcmu-runner.conf", "/usr/share/dbus-1/system-services/org.kernel.TCMUService1.service"} {
		away := filepath.Join(t.TempDir(), filepath.Base(file))
		must(t, "mv", file, away)
		t.Cleanup(func() { must(t, "mv", away, file) })
	}
	write(t, policy, read(t, added(t, filepath.Base(policy))))
	t.Cleanup(func() { require.NoError(t, os.Remove(policy)) })
}

// added is the path of a file that came into the machine beside tcmud.
func added(t *testing.T, name string) string {
	t.Helper()
	program, err := exec.LookPath("tcmud")
	require.NoError(t, err)
	return filepath.Join(filepath.Dir(program), name)
}

// onBus waits for a name to have an owner.
func onBus(t *testing.T, name string) {
	t.Helper()
	eventually(t, name, func() bool { return run(t, "busctl", "status", name).status == 0 })
}

// waiting is how many have the service's name or wait for it.
func waiting(t *testing.T) int {
	t.Helper()
	o := run(t, "busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListQueuedOwners", "s", service)
	return strings.Count(o.stdout, `":`) // `as 2 ":1.0" ":1.4"`
}

// startRunner starts tcmu-runner, which ends with the test.
func startRunner(t *testing.T) {
	t.Helper()
	before := waiting(t)
	runner := exec.Command("tcmu-runner")
	require.NoError(t, runner.Start())
	t.Cleanup(func() {
		require.NoError(t, runner.Process.Kill())
		_ = runner.Wait() // killed
	})
	eventually(t, "tcmu-runner is on the bus", func() bool { return waiting(t) > before })
}

// targetcli runs a command, which has to succeed, and returns what it prints
// but for its own troubles on a read-only home.
func targetcli(t *testing.T, args ...string) string {
	t.Helper()
	return withoutTroubles(must(t, "targetcli", args...))
}

// typed is what targetcli's shell prints when lines are typed into it: to start it for each takes one and a half seconds of
// an emulated processor.
func typed(t *testing.T, lines ...string) string {
	t.Helper()
	cmd := exec.Command("targetcli")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return withoutTroubles(string(out))
}

func withoutTroubles(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "Warning: Could not") && !strings.Contains(line, "dbroot") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

// shape is a tree without the random name of the loopback target's initiator
// and without the widths of the columns.
func shape(tree string) string {
	return regexp.MustCompile(`\.{2,}`).ReplaceAllString(tree, "..")
}

// nodeOf is the disk that LUN 0 of a loopback target is.
func nodeOf(t *testing.T, naa string) disk {
	t.Helper()
	must(t, "udevadm", "settle")
	return disk{node: tcmuctl(t, "ls", "/loopback/"+naa+"/luns/lun0").Properties.Disk}
}

// user is a device as saveconfig.json has it.
type user struct {
	Plugin, Name, WWN, Config string
	Size                      int64
}

func savedDevices(t *testing.T) []user {
	t.Helper()
	var file struct {
		Objects []user `json:"storage_objects"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, savedByTargetcli)), &file))
	return file.Objects
}

// clearAfterwards removes what there is when the test ends.
func clearAfterwards(t *testing.T) {
	t.Cleanup(func() { must(t, "targetcli", "clearconfig", "confirm=true") })
}

// targetcliStory is what an administrator does who has never heard of tcmuctl.
func targetcliStory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk0.img")
	require.NoError(t, os.WriteFile(file, make([]byte, 16*mib), 0o600))

	refused := run(t, "targetcli", "/backstores/user:tcmud", "create", "disk0", "16M", "fileio/nowhere")
	require.NotZero(t, refused.status)
	require.Contains(t, refused.stdout+refused.stderr, "cfgstring invalid: fileio: /nowhere does not exist: make it first")

	const wwn, naa = "11111111-2222-4333-8444-555555555555", "naa.5001405000000001"
	require.Equal(t, "Created user-backed storage object disk0 size 16777216.",
		targetcli(t, "/backstores/user:tcmud", "create", "disk0", "16M", "fileio"+file, wwn))
	answers := typed(t, "/backstores ls", "/backstores/user:tcmud create rd0 16M ramdisk", "/loopback create "+naa,
		"/loopback/"+naa+"/luns create /backstores/user:tcmud/disk0", "/loopback/"+naa+"/luns create /backstores/user:tcmud/rd0")
	for _, words := range []string{
		`o- user:tcmud \.+ \[Storage Objects: 1\]`, `Created user-backed storage object rd0 size 16777216\.`,
		"Created target " + naa, `Created LUN 0\.`, `Created LUN 1\.`,
	} {
		require.Regexp(t, words, answers)
	}
	d := nodeOf(t, naa)
	requireKeepsData(t, d, mib)
	content := d.content(t, 16*mib, 0)

	ours, theirs := shape(must(t, "tcmuctl", "ls")), shape(typed(t, "ls", "saveconfig"))
	require.Contains(t, ours, "o- disk0 .. ["+file+" (16.0MiB) write-thru activated]")
	require.Contains(t, theirs, "o- disk0 .. [fileio"+file+" (16.0MiB) activated]")
	before := savedDevices(t)
	require.Len(t, before, 2)
	require.Contains(t, before, user{"user", "disk0", wwn, "tcmud/fileio" + file, 16 * mib})

	targetcli(t, "clearconfig", "confirm=true")
	require.NotContains(t, must(t, "tcmuctl", "ls"), "disk0")
	targetcli(t, "restoreconfig")
	eventually(t, "tcmuctl shows the same tree", func() bool { // the nodes of disks take a moment
		return withoutNodes(ours) == withoutNodes(shape(must(t, "tcmuctl", "ls")))
	})
	targetcli(t, "saveconfig")
	require.ElementsMatch(t, before, savedDevices(t))
	restored := nodeOf(t, naa)
	require.Equal(t, content, restored.content(t, 16*mib, 0))

	typed(t, "/loopback delete "+naa, "/backstores/user:tcmud delete disk0", "/backstores/user:tcmud delete rd0")
	require.NotRegexp(t, "disk0|rd0", must(t, "tcmuctl", "ls"))
}

// withoutNodes is a tree without the names of disks and of the loopback
// initiator, which are others after each restore.
func withoutNodes(tree string) string {
	return regexp.MustCompile(`/dev/sd[a-z]+|\[naa\.[0-9a-f]+\]`).ReplaceAllString(tree, "")
}

func TestTargetcli(t *testing.T) {
	withoutTCMURunner(t)
	startBus(t)
	startDaemon(t)
	onBus(t, service)
	targetcliStory(t)
}

func TestTargetcliBesideTCMURunner(t *testing.T) {
	startBus(t)
	startRunner(t)
	onBus(t, service)
	startDaemon(t)
	onBus(t, service+".HandlerManager1.tcmud")
	targetcliStory(t)

	t.Run("whose own backstores go on", func(t *testing.T) {
		clearAfterwards(t)
		file := filepath.Join(t.TempDir(), "zbc.raw")
		require.Equal(t, "Created user-backed storage object zbc0 size 536870912.",
			targetcli(t, "/backstores/user:zbc", "create", "zbc0", "512M", file))
		eventually(t, "tcmu-runner serves it", func() bool { _, err := os.Stat(file); return err == nil })
	})
}

// tcmu-runner comes after tcmud, and is killed: that leaves a kernel behind
// which would wait for it, had tcmud not met it.
func TestTargetcliWhileTCMURunnerComesAndGoes(t *testing.T) {
	startBus(t)
	startDaemon(t)
	onBus(t, service)
	t.Run("there", func(t *testing.T) {
		startRunner(t)
		clearAfterwards(t)
		answers := typed(t, "/backstores ls", "/backstores/user:tcmud create rd0 16M ramdisk")
		require.Contains(t, answers, "user:tcmud")
		require.Contains(t, answers, "user:qcow")
		require.Contains(t, answers, "Created user-backed storage object rd0")
		must(t, "pkill", "-KILL", "-x", "tcmu-runner")
		eventually(t, "targetcli finds tcmud again", func() bool {
			tree := targetcli(t, "/backstores", "ls")
			return strings.Contains(tree, "rd0") && !strings.Contains(tree, "user:qcow")
		})
		targetcli(t, "/backstores/user:tcmud", "create", "rd1", "16M", "ramdisk")
	})
}

// tcmu-runner would refuse every one, if the kernel asked it.
func TestManyDevicesOfRtslibsBesideTCMURunner(t *testing.T) {
	startBus(t)
	startRunner(t)
	startDaemon(t)
	must(t, "python3", "-W", "ignore", "-c", `
from rtslib_fb import UserBackedStorageObject
for i in range(100):
    UserBackedStorageObject("many%d" % i, config="tcmud/ramdisk", size=1<<20).delete()`)
}

// What was made for tcmu-runner's handler is served in its place.
func TestFileOfTCMURunner(t *testing.T) {
	startBus(t)
	startDaemon(t)
	onBus(t, service)
	clearAfterwards(t)
	file := filepath.Join(t.TempDir(), "disk0.img")
	const naa = "naa.5001405000000002"
	require.Contains(t, typed(t, "/backstores/user:file create disk0 16M "+file, "/loopback create "+naa,
		"/loopback/"+naa+"/luns create /backstores/user:file/disk0"), "Created LUN 0.")
	d := nodeOf(t, naa)
	requireKeepsData(t, d, mib)
	require.Equal(t, "write back", d.sys(t, "queue/write_cache"))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 16*mib, info.Size())
	onDisk, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, d.content(t, 16*mib, 0), onDisk)
}
