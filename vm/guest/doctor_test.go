//go:build guest

package guest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// finding is one of the doctor's.
type finding struct {
	Check, State, Finding, Remedy string
}

// doctor has the host looked over and returns what is not in order.
func doctor(t *testing.T, args ...string) []finding {
	t.Helper()
	o := run(t, "tcmuctl", append([]string{"--json", "doctor"}, args...)...)
	var all, bad []finding
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &all), o.stdout+o.stderr)
	for _, f := range all {
		if f.State == "problem" {
			bad = append(bad, f)
		}
	}
	require.Equal(t, len(bad) > 0, o.status != 0, "%v %s", bad, o.stderr)
	return bad
}

func TestDoctorFindsAHealthyHostHealthy(t *testing.T) {
	startDaemon(t)
	newRamdisk(t, "16M")
	require.Empty(t, doctor(t))
}

func TestDoctorMissesTheDaemon(t *testing.T) {
	bad := doctor(t)
	require.Len(t, bad, 1)
	require.Equal(t, "daemon", bad[0].Check)
	require.Contains(t, bad[0].Remedy, "systemctl start tcmud")
}

func TestDoctorRemovesWhatWasLeftHalfMade(t *testing.T) {
	startDaemon(t)
	must(t, "mkdir", "-p", configfs+"/core/user_71", configfs+"/core/user_72/half")
	bad := doctor(t)
	require.Len(t, bad, 2)
	require.Empty(t, doctor(t, "--fix"))
	require.NoDirExists(t, configfs+"/core/user_71")
	require.NoDirExists(t, configfs+"/core/user_72")
}

// tcmu-runner makes the kernel wait for its answer, for every device, and when it is killed the kernel goes on waiting:
// whoever makes a device hangs, and no signal reaches him. While tcmud runs, it sees to it that nobody waits.
func TestDoctorReleasesThoseWhoWaitForADeadDaemon(t *testing.T) {
	must(t, "modprobe", "target_core_user")
	startSystemBus(t)
	runner := exec.Command("tcmu-runner")
	require.NoError(t, runner.Start())
	dir := configfs + "/core/user_73/hung"
	t.Cleanup(func() {
		if t.Failed() {
			runner.Process.Kill()
			run(t, "tcmuctl", "doctor", "--fix") // which lets go of who waits in dir
			os.Remove(dir)
			os.Remove(filepath.Dir(dir))
		}
	})
	reply := kernelLog(t)
	eventually(t, "tcmu-runner has told the kernel that it answers", func() bool {
		const blocked = "/sys/module/target_core_user/parameters/block_netlink"
		return strings.Contains(reply(), "command reply support 1") && read(t, blocked) == "unblocked"
	})
	require.NoError(t, runner.Process.Signal(syscall.SIGKILL))
	require.Error(t, runner.Wait())

	require.NoError(t, os.MkdirAll(dir, 0o755))
	write(t, dir+"/control", "dev_size=16777216,dev_config=nobodys/own")
	made := make(chan error, 1)
	go func() { made <- os.WriteFile(dir+"/enable", []byte("1"), 0) }()
	select {
	case err := <-made:
		require.FailNow(t, "the kernel did not wait", "%v", err)
	case <-time.After(2 * time.Second):
	}

	bad := doctor(t)
	require.Len(t, bad, 2)
	require.Equal(t, "daemon", bad[0].Check)
	require.Equal(t, "netlink", bad[1].Check)
	require.Contains(t, bad[1].Finding, "guest.test) waits for the answer of a daemon that is gone")
	require.Equal(t, bad[:1], doctor(t, "--fix"))
	require.NoError(t, <-made, "the kernel gives up with EINTR; to write again, as Go does, needs no answer any more")
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Remove(configfs+"/core/user_73"))
	require.Equal(t, bad[:1], doctor(t))
}
