//go:build guest

package guest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// systemd is one that runs in namespaces of its own, so that it is the first
// process and leaves this machine alone. It shares devices, configfs and
// tcmud's directory with it.
type systemd struct {
	t   *testing.T
	pid string // here
}

// units are those of Debian's that are there: what tcmud.service needs, and no
// more, for everything that a machine starts would take a minute.
var units = []string{"basic.target", "sysinit.target", "shutdown.target", "modprobe@.service"}

// startSystemd starts systemd with these units, and those in a folder.
func startSystemd(t *testing.T, folder string) systemd {
	t.Helper()
	for _, unit := range units {
		require.NoError(t, os.Symlink(filepath.Join("/lib/systemd/system", unit), filepath.Join(folder, unit)))
	}
	require.NoError(t, os.MkdirAll("/run/tcmud", 0o755))
	// mount complains that its notes, which were in /run, are out of sight.
	cmd := exec.Command("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `
		mount -t tmpfs run /mnt && mkdir /mnt/tcmud && mount --bind /run/tcmud /mnt/tcmud && { mount --no-mtab --move /mnt /run
		exec /lib/systemd/systemd --unit=basic.target --show-status=no; }`)
	cmd.Env = append(os.Environ(), "container=test", "SYSTEMD_UNIT_PATH="+folder)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // as killed
	})
	s := systemd{t: t}
	eventually(t, "systemd runs", func() bool {
		s.pid = strings.TrimSpace(run(t, "pgrep", "--parent", strconv.Itoa(cmd.Process.Pid)).stdout)
		return s.pid != "" && s.enter("systemctl", "is-active", "basic.target").status == 0
	})
	return s
}

// enter runs a program where systemd is.
func (s systemd) enter(args ...string) outcome {
	s.t.Helper()
	return run(s.t, "nsenter", append([]string{"--target", s.pid, "--pid", "--mount"}, args...)...)
}

// ctl runs systemctl, which has to succeed.
func (s systemd) ctl(args ...string) string {
	s.t.Helper()
	o := s.enter(append([]string{"systemctl"}, args...)...)
	require.Zero(s.t, o.status, "systemctl %s\n%s", args, o.stderr)
	return strings.TrimSpace(o.stdout)
}

// property is one of tcmud.service.
func (s systemd) property(name string) string {
	s.t.Helper()
	return s.ctl("show", "--value", "--property", name, "tcmud")
}

// unitFolder is a folder with tcmud.service, for the tcmud that is tested, and
// with shorter times for the watchdog.
func unitFolder(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("tcmud")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, "/usr/sbin/tcmud"))
	t.Cleanup(func() { require.NoError(t, os.Remove("/usr/sbin/tcmud")) })
	folder := t.TempDir()
	must(t, "cp", filepath.Join(filepath.Dir(program), "tcmud.service"), folder)
	more := filepath.Join(folder, "tcmud.service.d")
	require.NoError(t, os.Mkdir(more, 0o755))
	write(t, filepath.Join(more, "test.conf"), "[Service]\nWatchdogSec=5s\nTimeoutAbortSec=1s\n"+
		"StandardError=append:"+filepath.Join(folder, "log")+"\n")
	return folder
}

// comesBack waits until tcmud has been started again, for the time that
// restarts says, and serves its two devices.
func (s systemd) comesBack(restarts string) {
	s.t.Helper()
	eventually(s.t, "it is started again", func() bool {
		return s.property("NRestarts") == restarts && s.property("StatusText") == "serving 2 devices"
	})
}

// Under systemd, with all that the unit takes from it, tcmud does its work: it
// is ready once its devices are served, reaches files that are somebody else's,
// and is started again when it dies or hangs, with the data still there.
func TestUnit(t *testing.T) {
	before := footprint(t)
	folder := unitFolder(t)
	require.Empty(t, must(t, "systemd-analyze", "verify", "--man=no", filepath.Join(folder, "tcmud.service")))
	s := startSystemd(t, folder)
	s.ctl("start", "tcmud")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(read(t, filepath.Join(folder, "log")))
		}
		s.ctl("stop", "tcmud")
		require.Equal(t, "success", s.property("Result"))
		requireFootprint(t, before)
	})
	require.Equal(t, "serving 0 devices", s.property("StatusText"))

	theirs := filepath.Join(t.TempDir(), "theirs")
	require.NoError(t, os.Mkdir(theirs, 0o700))
	file := attach(t, create(t, "fileio", "disk0", filepath.Join(theirs, "disk0.img"), "8M"))
	for _, path := range []string{theirs, filepath.Join(theirs, "disk0.img")} {
		require.NoError(t, os.Chown(path, 65534, 65534))
	}
	ramdisk := newRamdisk(t, "8M")
	eventually(t, "systemd knows of them", func() bool { return s.property("StatusText") == "serving 2 devices" })
	random := randomFile(t, 4*mib)
	want, err := os.ReadFile(random)
	require.NoError(t, err)
	for _, d := range []disk{file, ramdisk} {
		must(t, "dd", "if="+random, "of="+d.node, "bs=64k", "oflag=direct")
	}

	process := s.property("MainPID")
	s.ctl("reload", "tcmud") // which returns when the disks are served again, by the same process
	require.Equal(t, "serving 2 devices", s.property("StatusText"))
	require.Equal(t, process, s.property("MainPID"))
	require.Contains(t, read(t, filepath.Join(folder, "log")), "making room for another")

	s.ctl("kill", "--signal=KILL", "tcmud")
	s.comesBack("1")
	s.ctl("kill", "--signal=STOP", "tcmud") // the watchdog sees to it
	s.comesBack("2")
	for _, d := range []disk{file, ramdisk} {
		require.True(t, bytes.Equal(want, d.content(t, 4*mib, 0)), d.object.Name)
		must(t, "blkdiscard", d.node)
	}
}
