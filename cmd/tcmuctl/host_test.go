package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// host is a machine with a kernel in a directory, on which a test types tcmuctl commands.
type host struct {
	t      testing.TB
	kernel *liotest.Kernel
	dir    string // for the test's own files
	socket string
}

// newHost returns a host without a daemon.
func newHost(t testing.TB) *host {
	_, kernel := liotest.Open(t)
	return &host{t: t, kernel: kernel, dir: t.TempDir(), socket: filepath.Join(t.TempDir(), "tcmud.sock")}
}

// start starts a daemon that serves all devices but those that verdict has something against.
func (h *host) start(verdict func(lio.StorageObject) string) {
	h.serve(daemon{root: h.kernel.Root(), verdict: verdict, level: new(slog.LevelVar)})
}

// serve starts a daemon.
func (h *host) serve(src control.Source) {
	l, err := control.Listen(h.socket)
	require.NoError(h.t, err)
	server := control.NewServer(control.Handler(src))
	go server.Serve(l)
	h.t.Cleanup(func() { server.Close() })
}

func servesAll(lio.StorageObject) string { return "" }

// daemon is what tcmud looks like from the control socket: it knows the devices that have a uio device.
type daemon struct {
	root    lio.Root
	verdict func(lio.StorageObject) string
	level   *slog.LevelVar
	engine  control.Engine // of all backstores; nil: they have none
}

func (d daemon) Version() string               { return "test" }
func (d daemon) Started() time.Time            { return time.Now().Add(-90 * time.Minute) }
func (d daemon) LogLevel() *slog.LevelVar      { return d.level }
func (d daemon) Ready() bool                   { return true }
func (d daemon) Replace(control.Program) error { return errors.ErrUnsupported }

func (d daemon) Engine(hba int, name string) (control.Engine, error) {
	if d.engine == nil {
		return nil, fmt.Errorf("tcmud has no device user_%d/%s: %w", hba, name, fs.ErrNotExist)
	}
	return d.engine, nil
}

func (d daemon) Devices() []control.Device {
	var all []control.Device
	objects, _ := d.root.StorageObjects()
	for _, so := range objects {
		uio, err := so.UIO()
		if err != nil {
			continue
		}
		dev := control.Device{HBA: so.HBA, Name: so.Name, State: control.Serving, UIO: uio}
		dev.Config, _ = so.Config()
		dev.Size, _ = so.Size()
		dev.Incarnation, _ = so.Incarnation()
		if dev.Error = d.verdict(so); dev.Error != "" {
			dev.State, dev.Size = control.Failed, 0
		}
		all = append(all, dev)
	}
	return all
}

func (d daemon) Wait(ctx context.Context, hba int, name string) (control.Device, error) {
	for {
		for _, dev := range d.Devices() {
			if dev.HBA == hba && dev.Name == name {
				return dev, nil
			}
		}
		if !sleep(ctx, time.Millisecond) {
			return control.Device{}, ctx.Err()
		}
	}
}

// session is one on this host.
func (h *host) session() *session {
	return newSession(func() (lio.Root, error) { return h.kernel.Root(), nil }, control.Client{Path: h.socket})
}

// enter runs a command line and returns what it prints and its exit status.
func (h *host) enter(words ...string) (stdout, stderr string, status int) {
	return h.pipe("", words...)
}

// pipe is enter for a command line that reads its input.
func (h *host) pipe(input string, words ...string) (stdout, stderr string, status int) {
	return h.run(input, append([]string{"--socket", h.socket}, words...)...)
}

// enterRaw is enter without a word of the test's own.
func (h *host) enterRaw(words ...string) (stdout, stderr string, status int) {
	return h.run("", words...)
}

func (h *host) run(input string, argv ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	open := func() (lio.Root, error) { return h.kernel.Root(), nil }
	c := &console{in: strings.NewReader(input), out: &out, err: &errs}
	status = run(h.t.Context(), argv, open, c)
	return out.String(), errs.String(), status
}

// says checks that a command line succeeds, and what it prints.
func (h *host) says(want string, words ...string) {
	h.t.Helper()
	stdout, stderr, status := h.enter(words...)
	require.Empty(h.t, stderr)
	require.Zero(h.t, status)
	require.Equal(h.t, want+"\n", stdout)
}

// refuses checks that a command line fails with one line that says all of want, and changes nothing.
func (h *host) refuses(want []string, words ...string) {
	h.t.Helper()
	before := h.tree()
	stdout, stderr, status := h.enter(words...)
	require.Equal(h.t, 1, status)
	require.Empty(h.t, stdout)
	for _, w := range want {
		require.Contains(h.t, stderr, w)
	}
	require.Equal(h.t, 1, bytes.Count([]byte(stderr), []byte("\n")), "one line: %q", stderr)
	require.Equal(h.t, before, h.tree())
}

// tree is what ls shows.
func (h *host) tree() string {
	h.t.Helper()
	stdout, stderr, status := h.enter("ls")
	require.Zero(h.t, status, stderr)
	return stdout
}

// json runs a command line with --json and takes what it prints apart.
func (h *host) json(into any, words ...string) {
	h.t.Helper()
	stdout, stderr, status := h.enter(append([]string{"--json"}, words...)...)
	require.Zero(h.t, status, stderr)
	require.NoError(h.t, json.Unmarshal([]byte(stdout), into), stdout)
}
