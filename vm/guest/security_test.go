//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrivileges: while it serves, no thread of tcmud has, or can get, more than it needs; also when it has been replaced.
func TestPrivileges(t *testing.T) {
	daemon := startDaemon(t)
	d := newRamdisk(t, "8M")
	require.Len(t, d.content(t, mib, 0), mib)
	requirePrivileges(t, daemon)
	must(t, "tcmud", "--replace")
	require.Len(t, d.content(t, mib, 0), mib)
	requirePrivileges(t, daemon)
}

func requirePrivileges(t *testing.T, d *daemon) {
	t.Helper()
	const needed = 1<<1 | 1<<2 | 1<<12 | 1<<17 // CAP_DAC_OVERRIDE, DAC_READ_SEARCH, NET_ADMIN, SYS_RAWIO
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.process.Process.Pid))
	require.NoError(t, err)
	require.Greater(t, len(threads), 2)
	for _, path := range threads {
		status := map[string]string{}
		for _, line := range strings.Split(read(t, path), "\n") {
			name, value, _ := strings.Cut(line, ":")
			status[name] = strings.TrimSpace(value)
		}
		for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
			require.Equal(t, fmt.Sprintf("%016x", needed), status[set], "%s of %s", set, path)
		}
		for _, set := range []string{"CapInh", "CapAmb"} {
			require.Equal(t, fmt.Sprintf("%016x", 0), status[set], "%s of %s", set, path)
		}
		require.Equal(t, "1", status["NoNewPrivs"], path)
	}
}

// TestWhatTcmudKeepsIsItsOwn: nobody but root reads what disks hold and remember, or talks to the daemon.
func TestWhatTcmudKeepsIsItsOwn(t *testing.T) {
	startDaemon(t)
	newRamdisk(t, "8M")
	d := newFile(t, "8M")
	atomic := "9c 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00" // WRITE ATOMIC (16), which makes a journal
	must(t, "sg_raw", append([]string{"--send", "512", "--infile", "/dev/zero", d.generic}, strings.Fields(atomic)...)...)
	seen := 0
	for _, dir := range []string{"/run/tcmud", "/dev/shm/tcmud", "/var/lib/tcmud"} {
		require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			require.NoError(t, err)
			seen++
			require.Zero(t, info.Mode().Perm()&0o077, "%s %s", info.Mode(), path)
			return nil
		}))
	}
	require.Greater(t, seen, 3)
}

// TestSecretsAreNotTold sets passwords wherever there are some to set, and looks for them in all that is printed. Only who asks for
// the group they are in gets them, as from targetcli.
func TestSecretsAreNotTold(t *testing.T) {
	daemon := startDaemon(t, "--log-level=DEBUG")
	const secret, target, initiator = "correcthorsebattery", "iqn.2003-01.org.example:secret", "iqn.2003-01.org.example:host"
	object := create(t, "ramdisk", "rd0", "8M")
	must(t, "tcmuctl", "/iscsi", "create", target)
	t.Cleanup(func() { must(t, "tcmuctl", "/iscsi", "delete", target) })
	tpg := "/iscsi/" + target + "/tpg1"
	must(t, "tcmuctl", tpg+"/luns", "create", object.Path)
	must(t, "tcmuctl", tpg+"/acls", "create", initiator)
	for _, node := range []string{tpg, tpg + "/acls/" + initiator} {
		must(t, "tcmuctl", node, "set", "auth", "userid=u", "password="+secret, "mutual_userid=m", "mutual_password="+secret)
	}
	must(t, "tcmuctl", "/iscsi", "set", "discovery_auth", "enable=1", "userid=u", "password="+secret)
	t.Cleanup(func() { must(t, "tcmuctl", "/iscsi", "set", "discovery_auth", "enable=0", "userid=", "password=") })

	for _, command := range []string{
		"ls", "--json ls", "status", "--json status", "doctor", "--json " + tpg + " info", tpg + " get",
		"/iscsi get", tpg + "/acls/" + initiator + " get", tpg + " set auth password=" + strings.Repeat("x", 300),
		tpg + " set auth pasword=" + "y", "completion bash",
	} {
		o := run(t, "tcmuctl", strings.Fields(command)...)
		require.NotContains(t, o.stdout+o.stderr, secret, command)
	}
	require.Contains(t, must(t, "tcmuctl", tpg, "get", "auth", "password"), secret, "who asks for it by name")
	saved := filepath.Join(t.TempDir(), "saveconfig.json")
	must(t, "tcmuctl", "saveconfig", saved)
	require.Contains(t, read(t, saved), secret)
	info, err := os.Stat(saved)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
	daemon.kill() // which completes the log
	require.NotContains(t, daemon.log.String(), secret)
	daemon.start()
}
