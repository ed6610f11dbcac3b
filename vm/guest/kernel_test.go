//go:build guest

package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestKernelModulesLoad(t *testing.T) {
	for _, module := range []string{"target_core_user", "tcm_loop"} {
		out, err := exec.Command("modprobe", module).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.DirExists(t, filepath.Join("/sys/module", module))
	}
}

func TestConfigfsIsMounted(t *testing.T) {
	const configfsMagic = 0x62656570 // linux/magic.h
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs("/sys/kernel/config", &fs))
	require.EqualValues(t, configfsMagic, fs.Type)
}

// The target core takes /etc/target for its files only if it is there at the
// time the module loads; otherwise reservations that survive power loss fail.
func TestReservationDirectoryWasThereInTime(t *testing.T) {
	out, err := exec.Command("modprobe", "target_core_mod").CombinedOutput()
	require.NoError(t, err, "%s", out)
	root, err := os.ReadFile("/sys/kernel/config/target/dbroot")
	require.NoError(t, err)
	require.Equal(t, "/etc/target\n", string(root))
	require.DirExists(t, "/etc/target/pr")
}

// The link by serial number is udev's work: the kernel alone makes /dev/vda.
func TestUdevMakesDeviceNodes(t *testing.T) {
	disk, err := filepath.EvalSymlinks("/dev/disk/by-id/virtio-scratch")
	require.NoError(t, err)
	require.Equal(t, "/dev/vdd", disk)
}
