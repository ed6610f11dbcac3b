package control_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// FuzzHandler asks anything: nothing panics, and each answer is JSON but for those that have their own form.
func FuzzHandler(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/devices/7/disk0", ""}, {"GET", "/health", ""}, {"PUT", "/log-level", `{"level":"debug"}`},
		{"PUT", "/devices/7/disk0/access", `{"group":1,"state":"standby","delay":1}`}, {"GET", "/devices/7/disk0/reservations", ""},
		{"POST", "/replace", `{"path":"/usr/sbin/tcmud","arguments":["--no-spin"]}`}, {"GET", "/metrics", ""}, {"DELETE", "/%2e%2e/", "x"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if strings.HasSuffix(path, "/wait") {
			return // it waits
		}
		r, err := http.NewRequest(method, "http://tcmud"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		control.Handler(&daemon{devices: some, engine: new(engine)}).ServeHTTP(w, r)
		if w.Header().Get("Content-Type") == "application/json" {
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
		}
	})
}
