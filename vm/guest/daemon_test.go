//go:build guest

package guest

import (
	"bytes"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// controlSocket is where tcmud listens for tcmuctl.
const controlSocket = "/run/tcmud/tcmud.sock"

// daemon is a tcmud that runs for one test.
type daemon struct {
	t       *testing.T
	args    []string
	process *exec.Cmd    // nil: it does not run
	log     bytes.Buffer // complete once process has been waited for
}

// startDaemon starts tcmud. It ends with the test, which has failed if it does
// not end well or leaves anything on the machine that was not there before.
func startDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	before := footprint(t)
	d := &daemon{t: t, args: args}
	t.Cleanup(func() {
		if t.Failed() {
			d.sweep()
		}
		if d.process != nil {
			d.terminate()
		}
		if t.Failed() {
			t.Logf("tcmud's log:\n%s", d.log.String())
		}
		requireFootprint(t, before)
	})
	d.start()
	return d
}

// start starts tcmud, again if need be, and waits until it answers.
func (d *daemon) start() {
	d.t.Helper()
	require.Nil(d.t, d.process, "it runs still: a subtest has failed before it could end it")
	cmd := exec.Command("tcmud", d.args...)
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	require.NoError(d.t, cmd.Start())
	d.process = cmd
	eventually(d.t, "tcmud listens", func() bool {
		conn, err := net.Dial("unix", controlSocket)
		return err == nil && conn.Close() == nil
	})
}

// sweep removes what the test, which has failed, may have left: it is no fault of the next.
func (d *daemon) sweep() {
	d.t.Helper()
	if d.process == nil { // who serves nothing makes each disk wait that goes
		d.start()
	}
	for _, args := range [][]string{{"clearconfig", "confirm=true"}, {"doctor", "--fix"}} {
		o := run(d.t, "tcmuctl", args...)
		d.t.Logf("tcmuctl %s\n%s%s", args, o.stdout, o.stderr)
	}
}

// withItsOwnDaemon runs a program that starts and ends tcmud itself, and leaves nothing.
func withItsOwnDaemon(t *testing.T, name string, args ...string) {
	t.Helper()
	before := footprint(t)
	t.Cleanup(func() {
		if t.Failed() {
			run(t, "pkill", "-KILL", "-x", "tcmud")
			d := &daemon{t: t}
			d.sweep()
			d.terminate()
		}
		requireFootprint(t, before)
	})
	t.Log(must(t, name, args...))
}

// terminate asks tcmud to end, as an administrator or systemd does.
func (d *daemon) terminate() {
	d.t.Helper()
	assert.NoError(d.t, d.end(syscall.SIGTERM), "tcmud after SIGTERM")
}

// kill gives tcmud no time for a last word.
func (d *daemon) kill() {
	d.t.Helper()
	require.EqualError(d.t, d.end(syscall.SIGKILL), "signal: killed")
}

// end sends a signal and returns how tcmud ended.
func (d *daemon) end(signal syscall.Signal) error {
	d.t.Helper()
	require.NoError(d.t, d.process.Process.Signal(signal))
	ended := make(chan error, 1)
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(d.process)
	d.process = nil
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		require.FailNow(d.t, "tcmud does not end")
		return nil
	}
}
