package daemon

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/tcmu"
)

// manager is a service manager that a daemon notifies.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// newManager sets the environment that systemd would.
func newManager(t *testing.T, watchdog time.Duration) manager {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	if watchdog == 0 {
		require.NoError(t, os.Unsetenv("WATCHDOG_USEC"))
	}
	return manager{t, conn}
}

// hears is the next thing that the manager is told.
func (m manager) hears() string {
	m.t.Helper()
	require.NoError(m.t, m.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	p := make([]byte, 4096)
	n, err := m.conn.Read(p)
	require.NoError(m.t, err)
	return string(p[:n])
}

// comesToHear waits for the manager to be told so. Of changes in quick succession it may be told the last only.
func (m manager) comesToHear(want string) {
	m.t.Helper()
	said := m.hears()
	for said != want {
		require.NotContains(m.t, said, "READY=1")
		said = m.hears()
	}
}

// notifying runs d.notify until the test ends.
func notifying(t *testing.T, d *Daemon) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.notify(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// put gives the daemon a volume that nobody runs.
func put(t *testing.T, d *Daemon, name string) *volume {
	v := device(t, d, name)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.volumes[key{v.uio.HBA, name}] = v
	d.announce()
	return v
}

func TestReadyOnceTheDevicesFoundAtStartAreAttachedOrHaveFailed(t *testing.T) {
	m, d := newManager(t, 0), idle(t)
	good, bad := put(t, d, "good"), put(t, d, "bad")
	notifying(t, d)
	require.Equal(t, "STATUS=starting: serving 0 devices, 2 attaching", m.hears())
	go d.awaitFirst(t.Context())

	good.enter(control.Serving, nil)
	require.Equal(t, "STATUS=starting: serving 1 device, 1 attaching", m.hears())
	bad.enter(control.Failed, os.ErrNotExist)
	m.comesToHear("READY=1\nSTATUS=serving 1 device, 1 failed")

	put(t, d, "later") // makes it no less ready
	require.Equal(t, "READY=1\nSTATUS=serving 1 device, 1 attaching, 1 failed", m.hears())
}

func TestADaemonWithoutDevicesIsReadyAtOnce(t *testing.T) {
	m, d := newManager(t, 0), idle(t)
	d.awaitFirst(t.Context())
	notifying(t, d)
	require.Equal(t, "READY=1\nSTATUS=serving 0 devices", m.hears())
}

// A device may go, or be made again, before it was ever attached.
func TestReadinessDoesNotWaitForADeviceThatHasGone(t *testing.T) {
	d := idle(t)
	gone := put(t, d, "gone")
	ready := make(chan struct{})
	go func() {
		d.awaitFirst(t.Context())
		close(ready)
	}()
	d.ended(gone)
	<-ready
	p, _ := d.progress()
	require.True(t, p.ready)
}

func TestReadinessDoesNotWaitForeverForAStoreThatHangs(t *testing.T) {
	m, d := newManager(t, 0), idle(t)
	put(t, d, "hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // instead of readyTime
	defer cancel()
	d.awaitFirst(ctx)
	notifying(t, d)
	require.Equal(t, "READY=1\nSTATUS=serving 0 devices, 1 attaching", m.hears())
}

func TestStopping(t *testing.T) {
	m, d := newManager(t, 0), idle(t)
	v := device(t, d, "rd0")
	d.add(v.uio, tcmu.Mark{}) // which fails, for there is no such uio device
	_, err := d.Wait(t.Context(), 7, "rd0")
	require.NoError(t, err)
	d.awaitFirst(t.Context())
	notifying(t, d)
	require.Equal(t, "READY=1\nSTATUS=serving 0 devices, 1 failed", m.hears())
	require.NoError(t, d.drain())
	m.comesToHear("STOPPING=1\nSTATUS=ending: serving 0 devices")
}

func TestWatchdogHearsOfADaemonWhoseLockIsFree(t *testing.T) {
	m, d := newManager(t, 20*time.Millisecond), idle(t)
	d.mu.Lock()
	notifying(t, d)
	require.NoError(t, m.conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err := m.conn.Read(make([]byte, 64))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	d.mu.Unlock()

	require.Equal(t, "STATUS=starting: serving 0 devices", m.hears())
	require.Equal(t, "WATCHDOG=1", m.hears())
	require.Equal(t, "WATCHDOG=1", m.hears())
}

func TestNobodyIsNotifiedWhereThereIsNoServiceManager(t *testing.T) {
	require.NoError(t, os.Unsetenv("NOTIFY_SOCKET"))
	d := idle(t)
	notifying(t, d) // and ends with the test
	put(t, d, "rd0").enter(control.Serving, nil)
}
