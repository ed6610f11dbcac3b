package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

func TestStatusOfADaemonWithoutDevices(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	stdout, stderr, status := h.enter("status")
	require.Zero(t, status, stderr)
	require.Regexp(t, `^tcmud test: ok, 0 devices
running since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(1h30m\d*s\), log level INFO
$`, stdout)
}

func TestStatusTellsWhichDeviceHasFailedAndWhy(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created ramdisk rd0 with size 10M.", "/backstores/ramdisk", "create", "rd0", "10M")
	h.says("Created ramdisk rd1 with size 10M.", "/backstores/ramdisk", "create", "rd1", "10M")
	devices := daemon{root: h.kernel.Root(), verdict: func(so lio.StorageObject) string {
		if so.Name == "rd1" {
			return "no memory left"
		}
		return ""
	}}.Devices()
	devices[0].Size = 10 << 20

	s := daemonStatus{
		Version: "1.2.3", LogLevel: "INFO", Devices: devices,
		Health: control.Health{
			Status: control.Degraded, Started: time.Now(), Devices: 3, Attaching: 1, Failed: []control.Failure{{}},
		},
	}
	lines := strings.Split(s.text(s.Health.Started.Add(61500*time.Millisecond)), "\n")
	require.Equal(t, "tcmud 1.2.3: degraded, 3 devices, 1 attaching, 1 failed", lines[0])
	require.Contains(t, lines[1], "(1m2s)")
	require.Equal(t, []string{
		"",
		"DEVICE      KIND     STATE    SIZE     UIO   ERROR",
		"user_0/rd0  ramdisk  serving  10.0MiB  " + devices[0].UIO,
		"user_1/rd1  ramdisk  failed   -        " + devices[1].UIO + "  no memory left",
	}, lines[2:])
}

func TestStatusInJSON(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created ramdisk rd0 with size 10M.", "/backstores/ramdisk", "create", "rd0", "10M")
	var s daemonStatus
	h.json(&s, "status")
	require.Equal(t, "test", s.Version)
	require.Equal(t, "INFO", s.LogLevel)
	require.Equal(t, control.OK, s.Health.Status)
	require.Equal(t, 1, s.Health.Devices)
	require.Equal(t, "rd0", s.Devices[0].Name)
}

func TestLogLevel(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Log level is INFO.", "loglevel")
	h.says("Log level is DEBUG.", "loglevel", "debug")
	h.says("Log level is DEBUG.", "loglevel")
	h.refuses([]string{`loglevel: level: "loud" is no log level: give DEBUG, INFO, WARN or ERROR`}, "loglevel", "loud")
	var l control.LogLevel
	h.json(&l, "loglevel", "level=WARN")
	require.Equal(t, "WARN", l.Level.String())
}
