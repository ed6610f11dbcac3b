package dbus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

// twoHandlers are one of our own and one that tcmu-runner may have.
var twoHandlers = []Handler{
	{Name: "tcmud", Description: "what tcmud takes", Check: func(config string) error {
		if config != "tcmud/ramdisk" {
			return errors.New("no such kind")
		}
		return nil
	}},
	{Name: "file", Description: "a path", StandsIn: true, Check: func(string) error { return nil }},
}

// start offers twoHandlers on a bus, and returns what is logged and how it ended.
func start(t *testing.T, b *bus) (log *record, ended <-chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	log = &record{}
	conn := b.connect()
	end := make(chan error, 1)
	beside := func() error { log.met.Add(1); return nil }
	go func() { end <- serve(ctx, conn, twoHandlers, beside, slog.New(slog.NewTextHandler(log, nil))) }()
	return log, end
}

// record is a log that can be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
	met  atomic.Int64 // how often tcmu-runner was met
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) contains(words string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.text.Bytes(), []byte(words))
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 10*time.Second, time.Millisecond)
}

// list is what targetcli finds, handler by handler.
func list(t *testing.T, client *dbus.Conn) map[string]string {
	t.Helper()
	found := objects{}
	require.NoError(t, client.Object(serviceName, servicePath).Call(objectManagerInterface+".GetManagedObjects", 0).Store(&found))
	descriptions := map[string]string{}
	for path, interfaces := range found {
		descriptions[string(path)], _ = interfaces[serviceName]["ConfigDesc"].Value().(string)
	}
	return descriptions
}

// runner is tcmu-runner, as far as it is on the bus: one handler of its own, and those that register.
type runner struct {
	conn *dbus.Conn
	mu   sync.Mutex
	all  objects // guarded by mu
	deny bool
}

func startRunner(t *testing.T, b *bus) *runner {
	r := &runner{conn: b.connect(), all: objects{}}
	r.offer("qcow", "an image")
	require.NoError(t, r.conn.Export(r, managerPath, managerInterface))
	require.NoError(t, r.conn.Export(r, servicePath, objectManagerInterface))
	_, err := r.conn.RequestName(serviceName, 0)
	require.NoError(t, err)
	return r
}

func (r *runner) offer(name, description string) {
	r.all[servicePath+"/"+dbus.ObjectPath(name)] = map[string]map[string]dbus.Variant{
		serviceName: {"ConfigDesc": dbus.MakeVariant(description)},
	}
}

func (r *runner) RegisterHandler(subtype, description string) (bool, string, *dbus.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deny {
		return false, "taken already", nil
	}
	r.offer(subtype, description)
	return true, "succeeded", nil
}

func (r *runner) GetManagedObjects() (objects, *dbus.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all, nil
}

const own = string(servicePath) + "/"

var (
	alone  = map[string]string{own + "tcmud": "what tcmud takes", own + "file": "a path"}
	beside = map[string]string{own + "tcmud": "what tcmud takes", own + "qcow": "an image"}
)

func TestAlone(t *testing.T) {
	b := newBus(t)
	log, _ := start(t, b)
	eventually(t, func() bool { return log.contains("targetcli finds us on the system bus") })
	client := b.connect()
	require.Equal(t, alone, list(t, client))
	require.Zero(t, log.met.Load())

	handler := client.Object(serviceName, servicePath+"/tcmud")
	description, err := handler.GetProperty(serviceName + ".ConfigDesc")
	require.NoError(t, err)
	require.Equal(t, "what tcmud takes", description.Value())
	for config, want := range map[string][]any{
		"tcmud/ramdisk": {true, "success"},
		"tcmud/rbd":     {false, "no such kind"},
	} {
		call := handler.Call(serviceName+".CheckConfig", 0, config)
		require.NoError(t, call.Err)
		require.Equal(t, want, call.Body)
	}
	var xml string
	require.NoError(t, handler.Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&xml))
	require.Contains(t, xml, `<method name="CheckConfig">`)
}

// tcmu-runner, there first, offers our handler as its own, and asks us about configurations at a place it chose.
func TestBesideTCMURunner(t *testing.T) {
	b := newBus(t)
	startRunner(t, b)
	log, _ := start(t, b)
	eventually(t, func() bool { return log.contains("targetcli finds us beside tcmu-runner") })
	client := b.connect()
	require.Equal(t, beside, list(t, client))
	require.EqualValues(t, 1, log.met.Load())

	call := client.Object(managerInterface+".tcmud", managerPath+"/tcmud").Call(serviceName+".CheckConfig", 0, "tcmud/rbd")
	require.NoError(t, call.Err)
	require.Equal(t, []any{false, "no such kind"}, call.Body)
}

func TestTCMURunnerComesAndGoes(t *testing.T) {
	b := newBus(t)
	log, _ := start(t, b)
	client := b.connect()
	eventually(t, func() bool { return log.contains("targetcli finds us on the system bus") })
	r := startRunner(t, b)
	require.Equal(t, beside, list(t, client), "asked of us, answered by tcmu-runner")
	require.Equal(t, beside, list(t, client), "asked of tcmu-runner")
	require.NoError(t, r.conn.Close())
	eventually(t, func() bool { return b.owner(serviceName) != r.conn.Names()[0] })
	require.Equal(t, alone, list(t, client))
	startRunner(t, b)
	require.Equal(t, beside, list(t, client))
	require.EqualValues(t, 2, log.met.Load())
}

func (b *bus) owner(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(b.names[name], "")[0]
}

func TestTCMURunnerRefuses(t *testing.T) {
	b := newBus(t)
	startRunner(t, b).deny = true
	log, _ := start(t, b)
	eventually(t, func() bool { return log.contains("taken already") })
}

func TestNoRightToTheName(t *testing.T) {
	b := newBus(t)
	b.deny = serviceName
	_, ended := start(t, b)
	require.ErrorContains(t, <-ended, "is org.kernel.TCMUService1.tcmud.conf in")
}

func TestTheBusEnds(t *testing.T) {
	b := newBus(t)
	log, ended := start(t, b)
	eventually(t, func() bool { return log.contains("targetcli finds us") })
	b.mu.Lock()
	for _, conn := range b.peers {
		conn.Close()
	}
	b.mu.Unlock()
	require.ErrorContains(t, <-ended, "the system bus has ended")
}

func TestNoBus(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+t.TempDir()+"/no_such_socket")
	log := &record{}
	Serve(t.Context(), twoHandlers, nil, slog.New(slog.NewTextHandler(log, nil)))
	require.True(t, log.contains(`level=INFO msg="no system bus`))
}
