package control_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// ask sends one request to h.
func ask(h http.Handler, method, path, body string) (status int, answer string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

var some = []control.Device{
	{HBA: 0, Name: "rd0", Config: "tcmud/ramdisk", Size: 1 << 20, State: control.Serving},
	{HBA: 7, Name: "disk0", Config: "tcmud/fileio/a b", State: control.Failed, Error: "/a b: no such file"},
	{HBA: 7, Name: "new", Config: "tcmud/null", State: control.Attaching},
}

const standby = `[{"group":1,"state":"standby","status":0,"supported":207,"preferred":false,"implicit":true,"explicit":false,` +
	`"transition_time":0,"transition_millis":0,"ports":[{"relative":2,"name":"naa.5001405000000001,t,0x0001"}]}]`

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/version", "", 200, `{"version":"1.2.3"}`},
		{"GET", "/health", "", 503, `{"status":"degraded","started":"2026-01-02T03:04:05Z","ready":false,"devices":3,"attaching":1,` +
			`"failed":[{"hba":7,"name":"disk0","error":"/a b: no such file"}]}`},
		{"GET", "/log-level", "", 200, `{"level":"INFO"}`},
		{"PUT", "/log-level", `{"level":"debug"}`, 200, `{"level":"DEBUG"}`},
		{"PUT", "/log-level", `{"level":"loud"}`, 400, `{"error":"\"loud\" is no log level: give DEBUG, INFO, WARN or ERROR"}`},
		{"PUT", "/log-level", `{}`, 400, `{"error":"\"\" is no log level: give DEBUG, INFO, WARN or ERROR"}`},
		{"PUT", "/log-level", ``, 400, `{"error":"the body is not like {\"level\": \"INFO\"}: EOF"}`},
		{"GET", "/devices/7/gone", "", 404, `{"error":"tcmud has no device user_7/gone"}`},
		{"GET", "/devices/x/rd0", "", 404, `{"error":"tcmud has no device user_x/rd0"}`},
		{"GET", "/devices/x/rd0/wait", "", 400, `{"error":"the number of the HBA is no number"}`},
		{"GET", "/devices/7/disk0/reservations", "", 200, `{"generation":7,"aptpl":true,"type":"exclusive access","scope":"logical unit",` +
			`"registrations":[{"initiator":"naa.5001405000000001","port":1,"key":"0x00000000000000ab","holder":true}],` +
			`"nexuses":[{"hba":8,"name":"disk0.nexus0","of":"disk0","initiator":"naa.5001405000000001","port":1,"group":0,` +
			`"pending":["RESERVATIONS PREEMPTED"],"conflicts":3}]}`},
		{"GET", "/devices/8/disk0/reservations", "", 404, `{"error":"tcmud has no device user_8/disk0: file does not exist"}`},
		{"GET", "/devices/x/disk0/reservations", "", 400, `{"error":"the number of the HBA is no number"}`},
		{"GET", "/devices/7/disk0/access", "", 200, standby},
		{"PUT", "/devices/7/disk0/access", `{"group":1,"state":"standby"}`, 200, standby},
		{"PUT", "/devices/7/disk0/access", `{"group":2}`, 409, `{"error":"there is no group 2"}`},
		{"PUT", "/devices/7/disk0/access", `{"groop":1}`, 400, `{"error":"the body is not like {\"group\": 0, \"state\": \"standby\"}: json: unknown field \"groop\""}`},
		{"POST", "/replace", `{"path":"/usr/sbin/tcmud","arguments":["--no-spin"]}`, 200, `{"path":"/usr/sbin/tcmud","arguments":["--no-spin"]}`},
		{"POST", "/replace", `{"path":"/gone"}`, 409, `{"error":"/gone cannot be run"}`},
		{"POST", "/replace", `now`, 400, `{"error":"the body is not like {\"path\": \"/usr/sbin/tcmud\", \"arguments\": []}: invalid character 'o' in literal null (expecting 'u')"}`},
		{"GET", "/nothing", "", 404, `{"error":"there is no /nothing"}`},
		{"GET", "/", "", 404, `{"error":"there is no /"}`},
		{"POST", "/devices", "", 405, `{"error":"/devices takes no POST, only GET"}`},
		{"DELETE", "/log-level", "", 405, `{"error":"/log-level takes no DELETE, only GET, PUT"}`},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			status, answer := ask(control.Handler(&daemon{devices: some, engine: new(engine)}), tt.method, tt.path, tt.body)
			require.Equal(t, tt.status, status)
			require.Equal(t, tt.want, answer)
		})
	}
}

func TestOneDevice(t *testing.T) {
	status, answer := ask(control.Handler(&daemon{devices: some}), "GET", "/devices/0/rd0", "")
	require.Equal(t, http.StatusOK, status)
	var d control.Device
	require.NoError(t, json.Unmarshal([]byte(answer), &d))
	require.Equal(t, some[0], d)
}

func TestAllIsWellWhileNoDeviceHasFailed(t *testing.T) {
	status, answer := ask(control.Handler(&daemon{}), "GET", "/health", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `{"status":"ok","started":"2026-01-02T03:04:05Z","ready":true,"devices":0,"attaching":0,"failed":[]}`, answer)
}

// What is told over a network is told to anyone: nothing can be changed, nor devices be listed.
func TestPublicHandlerServesMetricsAndHealthOnly(t *testing.T) {
	h := control.PublicHandler(&daemon{devices: some})
	for path, want := range map[string]int{
		"/metrics": 200, "/health": 503, "/devices": 404, "/devices/0/rd0": 404, "/version": 404, "/log-level": 404, "/replace": 404,
	} {
		status, _ := ask(h, "GET", path, "")
		require.Equal(t, want, status, path)
	}
	status, _ := ask(h, "PUT", "/log-level", `{"level":"debug"}`)
	require.Equal(t, http.StatusNotFound, status)
}

func TestClientSeesHealthAlsoWhenItIsBad(t *testing.T) {
	h, err := serve(t, &daemon{devices: some}).Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, control.Health{
		Status: control.Degraded, Started: started, Devices: 3, Attaching: 1,
		Failed: []control.Failure{{HBA: 7, Name: "disk0", Error: "/a b: no such file"}},
	}, h)
}

func TestClientSetsTheLogLevel(t *testing.T) {
	c := serve(t, &daemon{})
	require.NoError(t, c.SetLogLevel(t.Context(), slog.LevelWarn))
	level, err := c.LogLevel(t.Context())
	require.NoError(t, err)
	require.Equal(t, slog.LevelWarn, level)
}

func TestClientIsToldWhatThereIsNot(t *testing.T) {
	c := serve(t, &daemon{devices: some})
	d, err := c.Device(t.Context(), 7, "disk0")
	require.NoError(t, err)
	require.Equal(t, some[1], d)
	_, err = c.Device(t.Context(), 8, "disk0")
	require.EqualError(t, err, "tcmud has no device user_8/disk0")
}

// hurried is a server with bounds that a test can wait for.
func hurried(t *testing.T, src control.Source, bound time.Duration) string {
	path := filepath.Join(t.TempDir(), "tcmud.sock")
	l, err := control.Listen(path)
	require.NoError(t, err)
	server := control.NewServer(control.Handler(src))
	require.NotZero(t, min(server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout))
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = bound, bound, 2*bound
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return path
}

func TestWaitingIsNotBoundAsOtherRequestsAre(t *testing.T) {
	src := &daemon{settled: make(chan control.Device)}
	c := control.Client{Path: hurried(t, src, 20*time.Millisecond)}
	go func() {
		time.Sleep(100 * time.Millisecond)
		src.settled <- control.Device{State: control.Serving}
	}()
	d, err := c.Wait(t.Context(), 3, "slow")
	require.NoError(t, err)
	require.Equal(t, control.Serving, d.State)
}

func TestAClientThatDawdlesOrOverdoesItIsSentAway(t *testing.T) {
	path := hurried(t, &daemon{}, 100*time.Millisecond)
	for _, tt := range []struct{ name, sent, want string }{
		{"half a header", "GET /devices HTTP/1.1\r\nHost:", ""},
		{"half a body", "PUT /log-level HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{", "HTTP/1.1 400 Bad Request"},
		{"a header without end", "GET /devices HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10), "HTTP/1.1 431 Request Header Fields Too Large"},
		{"a body too long", fmt.Sprintf("PUT /log-level HTTP/1.1\r\nHost: x\r\nContent-Length: 8192\r\n\r\n%8192s", ""), "HTTP/1.1 400 Bad Request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("unix", path)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			_, _ = io.WriteString(conn, tt.sent) // it may be sent away before it has sent all
			line, err := bufio.NewReader(conn).ReadString('\n')
			if tt.want == "" {
				require.ErrorIs(t, err, io.EOF)
			}
			require.Equal(t, tt.want, strings.TrimSpace(line))
		})
	}
}

func TestClientOfAnEngine(t *testing.T) {
	src := &daemon{engine: new(engine)}
	c := serve(t, src)
	r, err := c.Reservations(t.Context(), 7, "disk0")
	require.NoError(t, err)
	require.Equal(t, src.engine.Reservations(), r)
	groups, err := c.Access(t.Context(), 7, "disk0")
	require.NoError(t, err)
	require.Equal(t, src.engine.Access(), groups)
	state, delay := "active/optimized", int64(500)
	change := control.AccessChange{Group: 1, State: &state, Delay: &delay}
	require.NoError(t, c.SetAccess(t.Context(), 7, "disk0", change))
	require.Equal(t, []control.AccessChange{change}, src.engine.changes)
	require.EqualError(t, c.SetAccess(t.Context(), 7, "disk0", control.AccessChange{}), "there is no group 0")
	src.engine = nil
	_, err = c.Reservations(t.Context(), 7, "disk0")
	require.EqualError(t, err, "the kernel keeps its reservations")
}
