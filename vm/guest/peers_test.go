//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is a device as an administrator's shell script makes it.
type script struct {
	name    string
	config  string // configuration string
	control string // further keys of the control file, separated by commas
}

// scriptHBA is far from the numbers that tcmuctl and rtslib begin with.
const scriptHBA = 70

func (s script) dir() string {
	return fmt.Sprintf("%s/core/user_%d/%s", configfs, scriptHBA, s.name)
}

// scripted makes a device of 16 MiB with nothing but a shell, and it goes with
// the test in the same way.
func scripted(t *testing.T, s script) view {
	t.Helper()
	must(t, "bash", "-euc", `
		mkdir -p $0
		echo -n dev_size=16777216,dev_config=$1 >$0/control
		[ -z "$2" ] || echo -n $2 >$0/control
		echo 1 >$0/enable`, s.dir(), s.config, s.control)
	t.Cleanup(func() {
		must(t, "rmdir", s.dir())
		must(t, "rmdir", filepath.Dir(s.dir()))
	})
	return view{Name: s.name, Path: "/backstores/ramdisk/" + s.name}
}

// Whether a device waits for the daemon's consent to be made or not, tcmud
// takes it. Nobody has named it: the serial number is tcmud's own.
func TestShellScriptMakesADisk(t *testing.T) {
	for name, control := range map[string]string{
		"as the kernel has it by default": "",
		"waiting for no daemon":           "nl_reply_supported=-1",
		"with blocks of 4096":             "hw_block_size=4096",
	} {
		t.Run(name, func(t *testing.T) {
			startDaemon(t)
			d := attach(t, scripted(t, script{name: "scripted", config: "tcmud/ramdisk", control: control}))
			requireKeepsData(t, d, mib)
			id := identify(t, d)
			require.Equal(t, identity{"LIO-ORG", "scripted", "1.0", id.serial, naaOf(id.serial)}, id)
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id.serial)
		})
	}
}

func TestPythonScriptMakesADisk(t *testing.T) {
	startDaemon(t)
	serial := must(t, "python3", "-W", "ignore", "-c", `
from rtslib_fb import UserBackedStorageObject
print(UserBackedStorageObject("pythonic", config="tcmud/ramdisk", size=16<<20, control="hw_block_size=4096").wwn)`)
	t.Cleanup(func() {
		must(t, "python3", "-W", "ignore", "-c", `
from rtslib_fb import UserBackedStorageObject
UserBackedStorageObject("pythonic").delete()`)
	})
	d := attach(t, view{Path: "/backstores/ramdisk/pythonic"})
	require.Equal(t, "4096", d.sys(t, "queue/logical_block_size"))
	require.Equal(t, identity{"LIO-ORG", "pythonic", "1.0", serial, naaOf(serial)}, identify(t, d))
	requireKeepsData(t, d, mib)
}

// Nobody tells a daemon of what was made before it came: it looks.
func TestDaemonFindsWhatWasMadeWhileItWasDown(t *testing.T) {
	daemon := startDaemon(t)
	daemon.terminate()
	object := scripted(t, script{name: "early", config: "tcmud/ramdisk"})
	require.Empty(t, ramdiskFiles(t))
	daemon.start()
	requireKeepsData(t, attach(t, object), mib)
	require.Len(t, ramdiskFiles(t), 1)
}

// The contents of a ramdisk are nobody's once its device is gone, whether a
// daemon saw it go or not.
func TestRamdiskDeletedWhileTheDaemonWasDownIsForgotten(t *testing.T) {
	daemon := startDaemon(t)
	t.Run("deleted", func(t *testing.T) {
		tcmuctl(t, "/backstores/ramdisk", "create", "shortlived", "16M")
		require.Len(t, ramdiskFiles(t), 1)
		daemon.terminate()
		require.Len(t, ramdiskFiles(t), 1)
		must(t, "tcmuctl", "/backstores/ramdisk", "delete", "shortlived")
	})
	daemon.start()
	eventually(t, "the contents are gone", func() bool { return len(ramdiskFiles(t)) == 0 })
}

func ramdiskFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/dev/shm/tcmud/*")
	require.NoError(t, err)
	return files
}

// A device of somebody else's is left alone, and shown as targetcli shows it.
func TestDeviceOfAnotherHandlerIsLeftAlone(t *testing.T) {
	startDaemon(t)
	scripted(t, script{name: "theirs", config: "tcmudx/ramdisk"})
	require.Regexp(t, `o- user:tcmudx \.+ \[Storage Objects: 1\]\n.*o- theirs \.+ \[ramdisk \(16\.0MiB\) deactivated\]`,
		must(t, "tcmuctl", "ls"))
	uio, err := filepath.Glob("/dev/uio*")
	require.NoError(t, err)
	require.Len(t, uio, 1)
	f, err := os.OpenFile(uio[0], os.O_RDWR, 0) // the kernel lets one process at a time
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Whoever writes the device's attribute changes the disk's write cache.
func TestAttributeTurnsTheWriteCacheOnAndOff(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "16M", "write_back=false")
	attribute := fmt.Sprintf("%s/core/user_%d/%s/attrib/emulate_write_cache", configfs, d.object.Properties.HBA, d.object.Name)
	for _, c := range []struct{ value, cache string }{{"1", "write back"}, {"0", "write through"}} {
		write(t, attribute, c.value)
		eventually(t, c.cache, func() bool {
			must(t, "sg_turs", d.generic, "-n", "2") // takes the unit attention, if it is not taken yet
			write(t, filepath.Join("/sys/block", filepath.Base(d.node), "device/rescan"), "1")
			return d.sys(t, "device/scsi_disk/*/cache_type") == c.cache && d.sys(t, "queue/write_cache") == c.cache
		})
	}
}
