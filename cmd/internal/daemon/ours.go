package daemon

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// ours reports whether a device with this configuration string is for us to serve. The files of tcmu-runner's handler
// are while tcmu-runner does not run. This is asked when a device is found or comes, not when tcmu-runner comes or goes:
// what we serve stays ours, and what a tcmu-runner that is just restarted has left waits for it.
func (d *Daemon) ours(config string) bool {
	return strings.HasPrefix(config, backend.Prefix) || isRunners(config) && !runnerRuns(d.cfg.Root)
}

// isRunners reports whether a configuration string was written for tcmu-runner.
func isRunners(config string) bool { return strings.HasPrefix(config, backend.RunnerPrefix) }

// parseConfig takes apart a configuration string of ours.
func parseConfig(config string) (backend.Config, error) {
	if isRunners(config) {
		return backend.ParseRunnerConfig(config)
	}
	return backend.ParseConfig(config)
}

// runnerRuns reports whether tcmu-runner runs: it holds a lock on this file, so that there is only one.
func runnerRuns(root lio.Root) bool {
	f, err := os.Open(filepath.Join("/", root.Dir, "run/tcmu.lock"))
	if err != nil {
		return false // it has never run
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}
