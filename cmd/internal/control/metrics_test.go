package control

import (
	"context"
	"errors"
	"io/fs"
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
func (f fixed) Ready() bool                                       { return true }
func (f fixed) Replace(Program) error                             { return errors.ErrUnsupported }
func (f fixed) LogLevel() *slog.LevelVar                          { return new(slog.LevelVar) }
func (f fixed) Engine(int, string) (Engine, error)                { return nil, fs.ErrNotExist }
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

// Devices that reservations are kept of say how they are.
func TestMetricsOfReservations(t *testing.T) {
	disk := Device{Name: "disk", Config: "tcmud/null;reservations=engine", State: Serving, Reserving: &Reserving{Generation: 7, Registrations: 2}}
	nexus := Device{HBA: 1, Name: "disk.nexus0", Config: "tcmud/nexus;port=1;group=0/disk/naa.5001405000000001", State: Serving, Nexus: &Nexus{}}
	nexus.Counters.Errors = map[string]uint64{"reservation_conflict": 3}
	want := `
# HELP tcmud_reservation_conflicts_total Commands of an I_T nexus that ended in RESERVATION CONFLICT; of devices whose disk keeps reservations itself.
# TYPE tcmud_reservation_conflicts_total counter
tcmud_reservation_conflicts_total{device="disk",hba="0",kind="null"} 0
tcmud_reservation_conflicts_total{device="disk.nexus0",hba="1",kind="nexus"} 3
# HELP tcmud_reservation_generation PRGENERATION of a disk that keeps reservations itself: how often its registrations have changed.
# TYPE tcmud_reservation_generation gauge
tcmud_reservation_generation{device="disk",hba="0",kind="null"} 7
# HELP tcmud_reservation_registrations Registrations for persistent reservations of a disk that keeps them itself.
# TYPE tcmud_reservation_registrations gauge
tcmud_reservation_registrations{device="disk",hba="0",kind="null"} 2
`
	require.NoError(t, testutil.CollectAndCompare(collector{fixed{served(), disk, nexus}}, strings.NewReader(want),
		"tcmud_reservation_conflicts_total", "tcmud_reservation_generation", "tcmud_reservation_registrations"))
}
