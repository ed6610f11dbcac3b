//go:build guest

package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// traffic is what the daemon has counted of commands of one class.
type traffic struct {
	Commands uint64   `json:"commands"`
	Bytes    uint64   `json:"bytes"`
	Time     int64    `json:"nanoseconds"`
	Latency  []uint64 `json:"latency"`
}

// counters are those of a device.
type counters struct {
	Read     traffic           `json:"read"`
	Write    traffic           `json:"write"`
	Other    traffic           `json:"other"`
	Errors   map[string]uint64 `json:"errors"`
	InFlight uint64            `json:"in_flight"`
}

// daemonStatus is what tcmuctl --json status prints.
type daemonStatus struct {
	Version  string `json:"version"`
	LogLevel string `json:"log_level"`
	Health   struct {
		Status string `json:"status"`
		Failed []struct {
			Name  string `json:"name"`
			Error string `json:"error"`
		} `json:"failed"`
	} `json:"health"`
	Devices []struct {
		HBA      int      `json:"hba"`
		Name     string   `json:"name"`
		State    string   `json:"state"`
		Size     int64    `json:"size"`
		Counters counters `json:"counters"`
	} `json:"devices"`
}

func status(t *testing.T) daemonStatus {
	t.Helper()
	var s daemonStatus
	require.NoError(t, json.Unmarshal([]byte(must(t, "tcmuctl", "--json", "status")), &s))
	return s
}

// counted is what the daemon has counted for the disk.
func (d disk) counted(t *testing.T) counters {
	t.Helper()
	for _, known := range status(t).Devices {
		if known.Name == d.object.Name && known.HBA == d.object.Properties.HBA {
			return known.Counters
		}
	}
	require.FailNow(t, "the daemon does not know the device", d.object.Name)
	return counters{}
}

// Every command is counted once, with its bytes, and nothing else is: a disk that is read with O_DIRECT has no cache in
// between, and blocks of 64 KiB are not split.
func TestCountersAreThoseOfTheCommandsSent(t *testing.T) {
	startDaemon(t)
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			d := s.make(t, "16M")
			was := d.counted(t)
			must(t, "dd", "if="+d.node, "of=/dev/null", "bs=64k", "count=100", "iflag=direct")
			read := d.counted(t)
			require.EqualValues(t, 100, read.Read.Commands-was.Read.Commands)
			require.EqualValues(t, 100*65536, read.Read.Bytes-was.Read.Bytes)
			require.Greater(t, read.Read.Time, was.Read.Time)
			require.Equal(t, was.Write.Commands, read.Write.Commands)

			must(t, "dd", "if=/dev/zero", "of="+d.node, "bs=64k", "count=70", "oflag=direct")
			written := d.counted(t)
			require.EqualValues(t, 70, written.Write.Commands-was.Write.Commands)
			require.EqualValues(t, 70*65536, written.Write.Bytes-was.Write.Bytes)

			must(t, "blockdev", "--flushbufs", d.node)
			run(t, "sg_raw", "-r", "512", d.generic, "28", "00", "7f", "ff", "ff", "ff", "00", "00", "01", "00") // past the end
			end := d.counted(t)
			require.Equal(t, was.Errors["illegal_request"]+1, end.Errors["illegal_request"])
			require.Zero(t, end.InFlight)
			for _, class := range []traffic{end.Read, end.Write, end.Other} {
				var all uint64
				for _, n := range class.Latency {
					all += n
				}
				require.Equal(t, class.Commands, all)
			}
		})
	}
}

// What fio says it has read is what the daemon has counted, and what top shows meanwhile fits to it.
func TestTopShowsWhatFioDoes(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "32M")
	write(t, filepath.Join("/sys/block", filepath.Base(d.node), "queue/nomerges"), "2")
	was := d.counted(t)

	load := startFio(t, "--name=top", "--filename="+d.node, "--iodepth=8", "--rw=randread", "--bs=4k")
	eventually(t, "fio reads", func() bool { return d.counted(t).Read.Commands > was.Read.Commands+100 })
	lines := strings.Split(must(t, "tcmuctl", "--json", "top", "1", "count=2"), "\n")
	fio := load.end()[0].Read
	now := d.counted(t)
	require.Equal(t, fio.Commands, now.Read.Commands-was.Read.Commands)
	require.EqualValues(t, fio.Bytes, now.Read.Bytes-was.Read.Bytes)

	require.Len(t, lines, 2)
	for _, line := range lines {
		var shown struct {
			Seconds float64 `json:"seconds"`
			Devices []struct {
				Name string `json:"name"`
				Read struct {
					Commands float64 `json:"iops"`
					Bytes    float64 `json:"bytes_per_second"`
					Mean     float64 `json:"mean_seconds"`
					P99      float64 `json:"p99_seconds"`
				} `json:"read"`
				Queue float64 `json:"queue_depth"`
			} `json:"devices"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &shown), line)
		require.GreaterOrEqual(t, shown.Seconds, 1.0)
		require.Len(t, shown.Devices, 1)
		r := shown.Devices[0]
		require.Equal(t, "rd0", r.Name)
		require.Positive(t, r.Read.Commands)
		const uncounted = 2 * 4096 // a command may have been counted and its bytes not yet, at either end
		require.InDelta(t, 4096*r.Read.Commands, r.Read.Bytes, uncounted/shown.Seconds)
		require.InDelta(t, r.Read.Commands*r.Read.Mean, r.Queue, 0.05, "Little's law")
		require.Positive(t, r.Read.P99)
		before := fio.Latency.Max / 1e9 // of a command that had begun then, at most
		require.LessOrEqual(t, r.Queue, 1.01+before/shown.Seconds, "a ramdisk carries out one command at a time")
	}
	require.Regexp(t, `(?m)^user_\d+/rd0  ramdisk +\d+ `, must(t, "tcmuctl", "top", "0.5", "1"))
}

// A device whose file is gone when the daemon starts has failed, and everything that tells how it gets on says so.
func TestHealth(t *testing.T) {
	const address = "127.0.0.1:9750"
	d := startDaemon(t, "--metrics-address="+address)
	file := filepath.Join(t.TempDir(), "gone.img")
	create(t, "fileio", "gone", file, "1M")
	create(t, "ramdisk", "stays", "1M")
	code, health := get(t, "tcp", address, "/health")
	require.Equal(t, http.StatusOK, code, health)
	require.Equal(t, "ok", status(t).Health.Status)

	d.terminate()
	require.NoError(t, os.Rename(file, file+".away"))
	d.start()
	eventually(t, "the device fails", func() bool { return status(t).Health.Status == "degraded" })
	s := status(t)
	require.Equal(t, "gone", s.Health.Failed[0].Name)
	require.Contains(t, s.Health.Failed[0].Error, file)
	text := must(t, "tcmuctl", "status")
	require.Contains(t, text, "degraded, 2 devices, 1 failed")
	require.Regexp(t, `user_\d+/gone +fileio +failed +- .*`+file, text)
	require.Regexp(t, `user_\d+/stays +ramdisk +serving +1\.0MiB`, text)
	code, health = get(t, "tcp", address, "/health")
	require.Equal(t, http.StatusServiceUnavailable, code, health)
	require.Contains(t, health, file)
	code, _ = get(t, "tcp", address, "/devices")
	require.Equal(t, http.StatusNotFound, code, "not over the network")
}

func TestMetrics(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "16M")
	must(t, "dd", "if=/dev/zero", "of="+d.node, "bs=64k", "count=10", "oflag=direct")
	code, text := get(t, "unix", controlSocket, "/metrics")
	require.Equal(t, http.StatusOK, code)
	labels := fmt.Sprintf(`{device="rd0",hba="%d",kind="ramdisk",`, d.object.Properties.HBA)
	written := strconv.FormatFloat(float64(d.counted(t).Write.Bytes), 'g', -1, 64)
	for _, want := range []string{
		`tcmud_device_state` + labels + `state="serving"} 1`,
		`tcmud_transferred_bytes_total` + labels + `op="write"} ` + written,
		`tcmud_command_duration_seconds_count` + labels + `op="write"} 10`,
		`tcmud_command_duration_seconds_bucket` + labels + `op="write",le="+Inf"} 10`,
	} {
		require.Contains(t, text, want)
	}
}

// get asks over HTTP.
func get(t *testing.T, network, address, path string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	r, err := client.Get("http://tcmud" + path)
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(b)
}

func TestLogLevelIsSetWhileTheDaemonRuns(t *testing.T) {
	d := startDaemon(t)
	require.Equal(t, "Log level is INFO.", must(t, "tcmuctl", "loglevel"))
	require.Equal(t, "Log level is ERROR.", must(t, "tcmuctl", "loglevel", "error"))
	require.Equal(t, "ERROR", status(t).LogLevel)
	create(t, "ramdisk", "unheard", "1M")
	d.terminate()
	require.NotContains(t, d.log.String(), "unheard")
	d.start() // as the command line says
	require.Equal(t, "Log level is INFO.", must(t, "tcmuctl", "loglevel"))
}

// systemd starts what comes after us when it hears READY=1: by then the devices there are answer.
func TestReadyMeansThatDevicesAreServed(t *testing.T) {
	d := startDaemon(t)
	create(t, "ramdisk", "rd0", "1M")
	create(t, "ramdisk", "rd1", "1M")
	d.terminate()

	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	hears := func(want string) {
		t.Helper()
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(patience)))
		for p := make([]byte, 4096); ; {
			n, err := manager.Read(p)
			require.NoError(t, err, "waiting for %q", want)
			if said := string(p[:n]); strings.HasPrefix(said, want) {
				return
			}
		}
	}
	t.Setenv("NOTIFY_SOCKET", path)
	d.start()
	hears("READY=1\nSTATUS=serving 2 devices")
	for _, known := range status(t).Devices {
		require.Equal(t, "serving", known.State)
	}
	d.terminate()
	hears("STOPPING=1\nSTATUS=ending")
	require.NoError(t, os.Unsetenv("NOTIFY_SOCKET"))
	d.start()
}
