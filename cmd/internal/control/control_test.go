package control_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// daemon is a Source whose devices change state when a test says so.
type daemon struct {
	devices []control.Device
	settled chan control.Device
	level   slog.LevelVar
	engine  *engine // of user_7/disk0

	successor control.Program
}

func (d *daemon) Engine(hba int, name string) (control.Engine, error) {
	switch {
	case hba != 7:
		return nil, fmt.Errorf("tcmud has no device user_%d/%s: %w", hba, name, fs.ErrNotExist)
	case d.engine == nil:
		return nil, errors.New("the kernel keeps its reservations")
	}
	return d.engine, nil
}

// engine keeps what it is told.
type engine struct{ changes []control.AccessChange }

func (e *engine) Reservations() control.Reservations {
	return control.Reservations{
		Generation: 7, APTPL: true, Type: "exclusive access", Scope: "logical unit",
		Registrations: []control.Registration{{Initiator: "naa.5001405000000001", Port: 1, Key: "0x00000000000000ab", Holder: true}},
		Nexuses: []control.NexusStatus{{HBA: 8, Name: "disk0.nexus0",
			Nexus:   control.Nexus{Of: "disk0", Initiator: "naa.5001405000000001", Port: 1},
			Pending: []string{"RESERVATIONS PREEMPTED"}, Conflicts: 3}},
	}
}

func (e *engine) Access() []control.AccessGroup {
	return []control.AccessGroup{{Group: 1, State: "standby", Supported: 0xcf, Implicit: true,
		Ports: []control.Port{{Relative: 2, Name: "naa.5001405000000001,t,0x0001"}}}}
}

func (e *engine) SetAccess(c control.AccessChange) error {
	if c.Group != 1 {
		return fmt.Errorf("there is no group %d", c.Group)
	}
	e.changes = append(e.changes, c)
	return nil
}

var started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (d *daemon) Devices() []control.Device { return d.devices }
func (d *daemon) Version() string           { return "1.2.3" }
func (d *daemon) Started() time.Time        { return started }
func (d *daemon) LogLevel() *slog.LevelVar  { return &d.level }
func (d *daemon) Ready() bool               { return d.devices == nil }

func (d *daemon) Replace(p control.Program) error {
	if p.Path != "/usr/sbin/tcmud" {
		return fmt.Errorf("%s cannot be run", p.Path)
	}
	d.successor = p
	return nil
}

func (d *daemon) Wait(ctx context.Context, hba int, name string) (control.Device, error) {
	select {
	case dev := <-d.settled:
		dev.HBA, dev.Name = hba, name
		return dev, nil
	case <-ctx.Done():
		return control.Device{}, ctx.Err()
	}
}

// serve runs src behind a socket until the test ends.
func serve(t *testing.T, src control.Source) control.Client {
	path := filepath.Join(t.TempDir(), "run", "tcmud.sock")
	l, err := control.Listen(path)
	require.NoError(t, err)
	server := control.NewServer(control.Handler(src))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
		require.NoFileExists(t, path)
	})
	return control.Client{Path: path}
}

func TestClientHearsWhatTheSourceSays(t *testing.T) {
	ctx := t.Context()
	src := &daemon{devices: []control.Device{
		{HBA: 0, Name: "rd0", Config: "tcmud/ramdisk", State: control.Serving, UIO: "uio0", Incarnation: 1 << 63},
		{HBA: 7, Name: "disk0", Config: "tcmud/fileio/a b", State: control.Failed, Error: "/a b: no such file"},
	}}
	c := serve(t, src)

	version, err := c.Version(ctx)
	require.NoError(t, err)
	require.Equal(t, "1.2.3", version)

	devices, err := c.Devices(ctx)
	require.NoError(t, err)
	require.Equal(t, src.devices, devices)
}

func TestNoDevicesIsAnEmptyList(t *testing.T) {
	devices, err := serve(t, &daemon{}).Devices(t.Context())
	require.NoError(t, err)
	require.NotNil(t, devices)
	require.Empty(t, devices)
}

func TestWaitReturnsWhenTheDeviceSettles(t *testing.T) {
	src := &daemon{settled: make(chan control.Device)}
	c := serve(t, src)
	go func() { src.settled <- control.Device{State: control.Failed, Error: "disk is full"} }()

	d, err := c.Wait(t.Context(), 3, "odd name%2f")
	require.NoError(t, err)
	require.Equal(t, control.Device{HBA: 3, Name: "odd name%2f", State: control.Failed, Error: "disk is full"}, d)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	c := serve(t, &daemon{settled: make(chan control.Device)})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Wait(ctx, 0, "rd0")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestSourcesErrorReachesTheClient(t *testing.T) {
	c := serve(t, &refusing{})
	_, err := c.Wait(t.Context(), 0, "rd0")
	require.EqualError(t, err, "shutting down")
}

type refusing struct{ daemon }

func (*refusing) Wait(context.Context, int, string) (control.Device, error) {
	return control.Device{}, errors.New("shutting down")
}

func TestClientHasTheDaemonReplaced(t *testing.T) {
	src := new(daemon)
	c := serve(t, src)
	want := control.Program{Path: "/usr/sbin/tcmud", Arguments: []string{"--log-level", "DEBUG"}}
	ok, err := c.Replace(t.Context(), want)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, want, src.successor)

	ok, err = c.Replace(t.Context(), control.Program{Path: "/gone"})
	require.EqualError(t, err, "/gone cannot be run")
	require.False(t, ok)

	ok, err = control.Client{Path: filepath.Join(t.TempDir(), "none")}.Replace(t.Context(), want)
	require.ErrorContains(t, err, "tcmud does not run")
	require.False(t, ok)
}

// The daemon may be gone before its answer has come.
func TestAnAnswerThatIsLostMayHaveBeenYes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcmud.sock")
	l, err := control.Listen(path)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_ = conn.Close()
		}
	}()
	ok, err := control.Client{Path: path}.Replace(t.Context(), control.Program{Path: "/usr/sbin/tcmud"})
	require.Error(t, err)
	require.True(t, ok)
}

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	leaveStaleSocket(t, stale)

	for _, tt := range []struct{ name, path string }{
		{"no socket", filepath.Join(dir, "none.sock")},
		{"a dead daemon's socket", stale},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := control.Client{Path: tt.path}.Version(t.Context())
			var down *control.NotRunningError
			require.ErrorAs(t, err, &down)
			require.EqualError(t, err, "tcmud does not run (nobody answers at "+tt.path+"): start it as root with: tcmud")
		})
	}
}

func TestListenReplacesAStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcmud.sock")
	leaveStaleSocket(t, path)

	l, err := control.Listen(path)
	require.NoError(t, err)
	defer l.Close()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600)|os.ModeSocket, info.Mode())
}

func TestListenRefusesASecondDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcmud.sock")
	first, err := control.Listen(path)
	require.NoError(t, err)

	_, err = control.Listen(path)
	require.ErrorContains(t, err, "another tcmud listens on "+path)
	require.FileExists(t, path, "the first one's socket stays")

	require.NoError(t, first.Close())
	second, err := control.Listen(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

// leaveStaleSocket leaves what a daemon that was killed leaves.
func leaveStaleSocket(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
}
