//go:build guest

package guest

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startSystemBus starts D-Bus' system bus, for one test: there is no systemd in this machine to do it.
func startSystemBus(t *testing.T) {
	t.Helper()
	const socket = "/run/dbus/system_bus_socket"
	require.NoError(t, os.MkdirAll("/run/dbus", 0o755))
	bus := exec.Command("dbus-daemon", "--system", "--nofork", "--nopidfile")
	require.NoError(t, bus.Start())
	t.Cleanup(func() {
		assert.NoError(t, bus.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, bus.Wait())
		assert.NoError(t, os.RemoveAll(socket))
	})
	eventually(t, "the system bus listens", func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
}
