package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// done is commands of 4096 bytes that took 12 µs each.
func done(commands uint64) control.Traffic {
	t := control.Traffic{Commands: commands, Bytes: 4096 * commands, Time: time.Duration(commands) * 12 * time.Microsecond}
	t.Latency[4] = commands // 8 to 16 µs
	return t
}

func ramdiskThatDid(read, write, other uint64, errors map[string]uint64) control.Device {
	return control.Device{
		HBA: 3, Name: "rd0", Config: "tcmud/ramdisk", State: control.Serving, Incarnation: 77,
		Counters: control.Counters{Read: done(read), Write: done(write), Other: done(other), Errors: errors, InFlight: 5},
	}
}

func TestRates(t *testing.T) {
	before := []control.Device{ramdiskThatDid(1000, 50, 3, map[string]uint64{"unit_attention": 1})}
	after := []control.Device{ramdiskThatDid(21000, 50, 5, map[string]uint64{"unit_attention": 1, "medium_error": 4})}

	got := ratesBetween(before, after, 2*time.Second)[0]
	require.Equal(t, "ramdisk", got.Kind)
	require.InDelta(t, 10_000, got.Read.Commands, 1e-9)
	require.InDelta(t, 40_960_000, got.Read.Bytes, 1e-9)
	require.InDelta(t, 12e-6, got.Read.Mean, 1e-12)
	require.InDelta(t, 15.92e-6, got.Read.P99, 1e-8, "99 % of the way from 8 to 16 µs")
	require.Zero(t, got.Write)
	require.InDelta(t, 1, got.Other.Commands, 1e-9)
	require.InDelta(t, 10_001, got.All.Commands, 1e-9)
	require.InDelta(t, 2, got.Errors, 1e-9)
	require.InDelta(t, 0.12, got.Queue, 0.001, "10001 a second for 12 µs each")
	require.EqualValues(t, 5, got.InFlight)
}

func TestRatesOfADeviceThatIsNewOrBeganAnew(t *testing.T) {
	now := []control.Device{ramdiskThatDid(10, 0, 0, nil)}
	require.InDelta(t, 10, ratesBetween(nil, now, time.Second)[0].Read.Commands, 1e-9)
	before := []control.Device{ramdiskThatDid(1000, 0, 0, map[string]uint64{"busy": 9})}
	got := ratesBetween(before, now, time.Second)[0]
	require.InDelta(t, 10, got.Read.Commands, 1e-9)
	require.Zero(t, got.Errors)

	before[0].Incarnation = 76 // of another device that had the name
	require.InDelta(t, 10, ratesBetween(before, now, time.Second)[0].Read.Commands, 1e-9)
}

func TestTheBusiestDeviceComesFirst(t *testing.T) {
	idle, busy := ramdiskThatDid(0, 0, 0, nil), ramdiskThatDid(9, 0, 0, nil)
	busy.Name, busy.Incarnation = "rd1", 78
	got := ratesBetween(nil, []control.Device{idle, busy}, time.Second)
	require.Equal(t, "rd1", got[0].Name)
	require.Equal(t, "rd0", got[1].Name)
}

func TestTable(t *testing.T) {
	one, two := ramdiskThatDid(120_000, 500, 1, nil), ramdiskThatDid(0, 2_000, 0, map[string]uint64{"medium_error": 3})
	two.HBA, two.Name, two.Config, two.Incarnation = 12, "disk0", "tcmud/fileio/srv/disk0.img", 78
	a := activity{Devices: ratesBetween(nil, []control.Device{one, two}, time.Second)}
	require.Equal(t, strings.TrimPrefix(`
DEVICE         KIND     READ/s  WRITE/s  OTHER/s  READ MB/s  WRITE MB/s  MEAN    99 %  QUEUE  ERRORS/s
user_3/rd0     ramdisk  120000      500        1      491.5         2.0  12µs  15.9µs    1.4         0
user_12/disk0  fileio        0     2000        0        0.0         8.2  12µs  15.9µs    0.0         3
all                     120000     2500        1      491.5        10.2     -       -    1.5         3`, "\n"),
		strings.Join(a.table(), "\n"))
}

func TestLatencyHasThreeDigits(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "-", 1.2e-7: "120ns", 12.345e-6: "12.3µs", 999.9e-6: "1ms", 0.0123456: "12.3ms", 2.5: "2.5s", 8.388608: "8.39s",
	} {
		require.Equal(t, want, latency(seconds), seconds)
	}
}

// busyDaemon reads ten more blocks whenever it is asked.
type busyDaemon struct {
	daemon
	asked *atomic.Uint64
}

func (d busyDaemon) Devices() []control.Device {
	return []control.Device{ramdiskThatDid(10*d.asked.Add(1), 0, 0, nil)}
}

// startBusy starts one.
func (h *host) startBusy() *atomic.Uint64 {
	l, err := control.Listen(h.socket)
	require.NoError(h.t, err)
	d := busyDaemon{daemon{root: h.kernel.Root()}, new(atomic.Uint64)}
	server := control.NewServer(control.Handler(d))
	go server.Serve(l)
	h.t.Cleanup(func() { server.Close() })
	return d.asked
}

func TestTopPrintsATableForEachInterval(t *testing.T) {
	h := newHost(t)
	asked := h.startBusy()
	stdout, stderr, status := h.enter("top", "0.1", "count=3")
	require.Zero(t, status, stderr)
	require.EqualValues(t, 4, asked.Load())
	require.Equal(t, 3, strings.Count(stdout, "DEVICE"))
	require.Equal(t, 3, strings.Count(stdout, "user_3/rd0  ramdisk"))
	require.NotContains(t, stdout, "\x1b")
}

func TestTopPrintsOneJSONObjectOnALine(t *testing.T) {
	h := newHost(t)
	h.startBusy()
	stdout, stderr, status := h.enter("--json", "top", "interval=0.1", "count=2")
	require.Zero(t, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 2)
	for _, l := range lines {
		var a activity
		require.NoError(t, json.Unmarshal([]byte(l), &a), l)
		require.GreaterOrEqual(t, a.Seconds, 0.1)
		require.InDelta(t, 10/a.Seconds, a.Devices[0].Read.Commands, 1e-6)
	}
}

// onTerminal runs a command line on a terminal of 40 columns and 5 rows. What is shown is in screen once ended is
// closed.
func (h *host) onTerminal(ctx context.Context, words ...string) (keys io.Writer, screen *bytes.Buffer, ended chan int) {
	ours, theirs, err := pty.Open()
	require.NoError(h.t, err)
	require.NoError(h.t, pty.Setsize(ours, &pty.Winsize{Rows: 5, Cols: 40}))
	screen, ended = new(bytes.Buffer), make(chan int)
	read := make(chan struct{})
	go func() {
		_, _ = io.Copy(screen, ours) // it ends in EIO, with theirs
		close(read)
	}()
	go func() {
		open := func() (lio.Root, error) { return h.kernel.Root(), nil }
		c := &console{in: theirs, out: theirs, err: theirs}
		status := run(ctx, append([]string{"--socket", h.socket}, words...), open, c)
		theirs.Close()
		<-read
		ended <- status
	}()
	h.t.Cleanup(func() { ours.Close() })
	return ours, screen, ended
}

func TestTopOnATerminal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(keys io.Writer, cancel func())
	}{
		{"q", func(keys io.Writer, _ func()) { _, _ = io.WriteString(keys, "xq") }},
		{"Ctrl-C", func(_ io.Writer, cancel func()) { cancel() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			asked := h.startBusy()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			keys, screen, ended := h.onTerminal(ctx, "top", "0.1")
			require.Eventually(t, func() bool { return asked.Load() > 3 }, 10*time.Second, time.Millisecond)
			tt.leave(keys, cancel)
			require.Zero(t, <-ended)

			shown := screen.String()
			require.True(t, strings.HasPrefix(shown, "\x1b[?1049h\x1b[?25l\x1b[H"), "%q", shown)
			require.True(t, strings.HasSuffix(shown, "\x1b[?25h\x1b[?1049l"), "%q", shown)
			frames := strings.Split(shown, "\x1b[H")[1:]
			require.GreaterOrEqual(t, len(frames), 2)
			for _, line := range strings.Split(frames[0], "\x1b[K\r\n") {
				require.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\x1b[K\x1b[J"))), 40)
			}
			require.Regexp(t, `^tcmud, ..:..:.., every 0\.1 s; q leaves`, frames[0])
			require.Contains(t, frames[0], "\r\nDEVICE      KIND     READ/s  WRITE/s  OT\x1b[K\r\nuser_3/rd0  ramdisk ")
		})
	}
}

// A terminal that top has left is as it was before.
func TestTopGivesTheTerminalBack(t *testing.T) {
	ours, theirs, err := pty.Open()
	require.NoError(t, err)
	defer ours.Close()
	defer theirs.Close()
	s, err := openScreen(&console{in: theirs, out: theirs})
	require.NoError(t, err)
	changed := terminalOf(t, theirs)
	require.NoError(t, s.close())
	require.NotEqual(t, changed, terminalOf(t, theirs))
	require.Equal(t, s.before, terminalOf(t, theirs))
}

func TestTopWithoutADaemon(t *testing.T) {
	h := newHost(t)
	h.refuses([]string{"tcmud does not run"}, "top", "count=1")
	h.refuses([]string{"tcmud does not run"}, "status")
	h.refuses([]string{"tcmud does not run"}, "loglevel", "debug")
}

func TestBadIntervals(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	for _, bad := range []string{"0", "0.01", "-1", "fast", "NaN", "4000", "Inf"} {
		h.refuses([]string{"top: interval: ", "is no interval: give seconds, from 0.1 to 3600"}, "top", bad)
	}
}

// terminalOf is how a terminal is set.
func terminalOf(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return *termios
}
