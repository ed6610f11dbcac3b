//go:build guest

package guest

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/vm/inside"
)

// innerTime is how long the guest in the guest may take in all. Where both are emulated, and the host is busy, it takes
// minutes.
const innerTime = 8 * time.Minute

// inner is a virtual machine that runs in this one.
type inner struct {
	t     *testing.T
	input io.Writer   // its serial port, which the script reads
	lines chan string // what comes from there; closed when it has ended
	seen  []string    // what it has said up to now, with the time
	begun time.Time
	late  <-chan time.Time
}

// startInner boots it with the QEMU arguments given. It runs script when it has the disk /dev/sda, and ends.
func startInner(t *testing.T, script string, args ...string) *inner {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	guest := inside.Guest{Dir: t.TempDir(), Applets: []string{"cat", "dd"}, Script: script}
	qemu, err := guest.Command(ctx, args...)
	require.NoError(t, err)
	out, err := qemu.StdoutPipe()
	require.NoError(t, err)
	qemu.Stderr = qemu.Stdout
	input, err := qemu.StdinPipe()
	require.NoError(t, err)
	in := &inner{t: t, input: input, lines: make(chan string, 1000), begun: time.Now(), late: time.After(innerTime)}
	require.NoError(t, qemu.Start())
	t.Cleanup(func() {
		cancel()
		for range in.lines {
		}
		_ = qemu.Wait() // killed, unless it has ended already
		if t.Failed() {
			t.Logf("the inner guest:\n%s", strings.Join(in.seen, "\n"))
		}
	})
	go func() {
		defer close(in.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			in.lines <- strings.TrimSpace(s.Text())
		}
	}()
	return in
}

// says waits for a line that begins with what, and returns the rest of it. How far it has come is logged.
func (in *inner) says(what string) string {
	in.t.Helper()
	for {
		select {
		case line, ok := <-in.lines:
			in.seen = append(in.seen, time.Since(in.begun).Round(time.Second/10).String()+" "+line)
			if rest, found := strings.CutPrefix(line, "inner: "+what); found {
				in.t.Logf("after %.1f s: %s", time.Since(in.begun).Seconds(), line)
				return strings.TrimSpace(rest)
			}
			require.True(in.t, ok, "the inner guest has ended without a word of %q", what)
		case <-in.late:
			require.FailNow(in.t, "the inner guest is too slow", "it has not come to %q in %v", what, innerTime)
		}
	}
}

// tell sends a line to the script.
func (in *inner) tell(line string) {
	in.t.Helper()
	_, err := io.WriteString(in.input, line+"\n")
	require.NoError(in.t, err)
}

// ends waits for its end.
func (in *inner) ends() {
	in.t.Helper()
	for {
		select {
		case line, ok := <-in.lines:
			if !ok {
				return
			}
			in.seen = append(in.seen, line)
		case <-in.late:
			require.FailNow(in.t, "the inner guest does not end")
		}
	}
}
