//go:build guest

package guest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm"
)

// TestRunnerKilledAgainAndAgain does to tcmu-runner, with a raw image behind its qcow handler, what TestKilledAgainAndAgain does
// to tcmud. It says what it has seen, and holds it to nothing: what comes of it is not ours to mend.
func TestRunnerKilledAgainAndAgain(t *testing.T) {
	limit := soak(t)
	if limit == 0 {
		t.Skip("it is there to be compared with: \"make soak\" runs it, for as long as TCMUD_SOAK says")
	}
	startBus(t)
	runner := &runner{t: t}
	runner.start()
	t.Cleanup(runner.kill)
	d := runner.disk()
	log := kernelLog(t)
	check := startCheck(t, d)
	awaitProgress(t, []disk{d}, 64)

	var pauses []time.Duration
	for began := time.Now(); time.Since(began) < limit; {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		runner.kill()
		killed, served := time.Now(), d.served(t)
		runner.start()
		if !goesOn(t, d, served+16, check.fio) {
			t.Logf("after kill %d the disk did not go on within %v", len(pauses)+1, patience)
			break
		}
		pauses = append(pauses, time.Since(killed))
	}
	_ = check.process.Process.Signal(os.Interrupt) // fails if it has ended: the exit status says why
	select {
	case <-check.ended:
		t.Logf("fio's exit status is %d (%d: it has met no error) %s", check.process.ProcessState.ExitCode(), interrupted, check.errors.String())
	case <-time.After(2 * patience):
		t.Log("fio does not end")
	}
	t.Logf("the kernel complains: %q", vm.Complaints(log()))
	if slices.Sort(pauses); len(pauses) > 0 {
		t.Logf("tcmu-runner killed %d times: pauses of %d ms in the median, %d at most",
			len(pauses), pauses[len(pauses)/2].Milliseconds(), pauses[len(pauses)-1].Milliseconds())
	}
}

// goesOn waits until the disk has served so many commands, and says whether it has; not if fio ends.
func goesOn(t *testing.T, d disk, want int, load *fio) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if d.served(t) >= want {
			return true
		}
		select {
		case <-load.ended:
			return false
		default:
		}
	}
	return false
}

// runner is tcmu-runner.
type runner struct {
	t       *testing.T
	process *exec.Cmd // nil: it does not run
}

func (r *runner) start() {
	r.t.Helper()
	r.process = exec.Command("tcmu-runner")
	require.NoError(r.t, r.process.Start())
}

func (r *runner) kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		_ = r.process.Wait() // killed
		r.process = nil
	}
}

// disk is a raw image that tcmu-runner serves.
func (r *runner) disk() disk {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "runner.img")
	require.NoError(r.t, os.WriteFile(path, nil, 0o600))
	require.NoError(r.t, os.Truncate(path, 64*mib))
	root, err := lio.Open()
	require.NoError(r.t, err)
	device, err := root.CreateUser(lio.User{Name: "runner", Config: "qcow/" + path, Size: 64 * mib})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, device.Delete()) })
	loopback, err := root.Fabric("loopback")
	require.NoError(r.t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(r.t, err)
	r.t.Cleanup(func() { require.NoError(r.t, target.Delete()) })
	tpg, err := target.CreateTPG(1)
	require.NoError(r.t, err)
	lun, err := tpg.CreateLUN(device, lio.AnyLUN)
	require.NoError(r.t, err)
	found, err := lun.WaitDisk(r.t.Context())
	require.NoError(r.t, err)
	must(r.t, "udevadm", "settle")
	return disk{object: view{Name: "runner"}, node: "/dev/" + found.Block, generic: "/dev/" + found.Generic}
}
