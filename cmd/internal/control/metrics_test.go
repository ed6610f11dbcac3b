package control

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
)

// fixed is a Source that never changes.
type fixed []Device

func (f fixed) Devices() []Device                                 { return f }
func (f fixed) Version() string                                   { return "1.2.3" }
func (f fixed) Started() time.Time                                { return time.Time{} }
func (f fixed) LogLevel() *slog.LevelVar                          { return new(slog.LevelVar) }
func (f fixed) Wait(context.Context, int, string) (Device, error) { return Device{}, nil }

// served is a device that has read 3 times, once slowly, and has failed to write.
func served() Device {
	d := Device{HBA: 3, Name: "disk0", Config: "tcmud/fileio;write_protect=1/srv/disk0.img", Size: 10 << 20, State: Serving}
	d.Counters.Read = Traffic{Commands: 3, Bytes: 12288, Time: 9_000_013_000}
	d.Counters.Read.Latency[0], d.Counters.Read.Latency[4], d.Counters.Read.Latency[LatencyBuckets-1] = 1, 1, 1
	d.Counters.Write = Traffic{Commands: 1, Time: 2000}
	d.Counters.Write.Latency[1] = 1
	d.Counters.Errors = map[string]uint64{"data_protect": 1, "unit_attention": 2}
	d.Counters.InFlight = 4
	return d
}

// TestMetrics compares what Prometheus reads with testdata/metrics.txt, which was written by hand but for the rows of
// buckets.
func TestMetrics(t *testing.T) {
	want, err := os.Open(filepath.Join("testdata", "metrics.txt"))
	require.NoError(t, err)
	defer want.Close()
	require.NoError(t, testutil.CollectAndCompare(collector{fixed{served()}}, want))
}

func TestMetricsAreNamedAsIsCustom(t *testing.T) {
	problems, err := testutil.CollectAndLint(collector{fixed{served()}})
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMetricsOverHTTP(t *testing.T) {
	bad := Device{Name: "no \xff UTF-8", Config: "tcmud/?", State: Failed}
	w := httptest.NewRecorder()
	metricsHandler(fixed{served(), bad}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()
	for _, want := range []string{
		`tcmud_build_info{version="1.2.3"} 1`,
		`tcmud_device_state{device="disk0",hba="3",kind="fileio",state="serving"} 1`,
		`tcmud_device_state{device="\"no \\xff UTF-8\"",hba="0",kind="unknown",state="failed"} 1`,
		"\ngo_goroutines ", "\nprocess_start_time_seconds ",
	} {
		require.Contains(t, text, want)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}
