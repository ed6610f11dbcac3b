package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tcmu-runner holds a lock on its file while it runs.
func TestFilesOfTCMURunnerAreOursWhileItDoesNotRun(t *testing.T) {
	d := idle(t)
	theirs := "file//srv/disk0.img"
	require.True(t, d.ours("tcmud/ramdisk"))
	require.False(t, d.ours("rbd/pool/image"))
	require.True(t, d.ours(theirs), "tcmu-runner has never run")

	path := filepath.Join(d.cfg.Root.Dir, "run/tcmu.lock")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	f, err := os.Create(path)
	require.NoError(t, err)
	require.True(t, d.ours(theirs), "tcmu-runner has run")

	// A lock of an open file description is another's even to the process that took it.
	require.NoError(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	require.False(t, d.ours(theirs), "tcmu-runner runs")
	require.True(t, d.ours("tcmud/ramdisk"))
	require.NoError(t, f.Close())
	require.True(t, d.ours(theirs), "tcmu-runner has ended")
}
