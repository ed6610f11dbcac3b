package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
)

// claiming claims what begins with "tcmud/" in a tree where two devices are already, ours and another's.
func claiming(t *testing.T) lio.Root {
	root := lio.Root{Dir: t.TempDir()}
	makeDevice(t, root, 1, "ours", "tcmud/ramdisk")
	makeDevice(t, root, 2, "theirs", "rbd/pool/image")
	ours := func(config string) bool { return strings.HasPrefix(config, "tcmud/") }
	c, err := claim(root, ours, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return root
}

// makeDevice makes a device in the steps in which rtslib does, and does not enable it.
func makeDevice(t *testing.T, root lio.Root, hba int, name, config string) {
	t.Helper()
	attributes := filepath.Join(root.User(hba, name).Path(), "attrib")
	require.NoError(t, os.MkdirAll(attributes, 0o700))
	set(t, filepath.Join(attributes, "nl_reply_supported"), "0")
	set(t, filepath.Join(attributes, "dev_config"), "")
	configure(t, root.User(hba, name), config)
	configure(t, root.User(hba, name), config) // dev_size comes in a write of its own
}

// configure writes to a device's control file, of which the kernel makes attributes.
func configure(t *testing.T, so lio.StorageObject, config string) {
	t.Helper()
	set(t, filepath.Join(so.Path(), "attrib/dev_config"), config)
	set(t, filepath.Join(so.Path(), "control"), "dev_config="+config)
}

func set(t *testing.T, path, value string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(value), 0o600))
}

func awaited(t *testing.T, root lio.Root, hba int, name string) bool {
	t.Helper()
	value, err := root.User(hba, name).Attribute("nl_reply_supported")
	require.NoError(t, err)
	return value != "-1"
}

func claimed(t *testing.T, root lio.Root, hba int, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return !awaited(t, root, hba, name) }, 10*time.Second, time.Millisecond, name)
}

func TestClaimTakesOursAndLeavesOthers(t *testing.T) {
	root := claiming(t)
	claimed(t, root, 1, "ours")
	makeDevice(t, root, 3, "other", "qcow/srv/a.img")
	makeDevice(t, root, 4, "new", "tcmud/null")
	claimed(t, root, 4, "new")
	makeDevice(t, root, 4, "neighbour", "tcmud/null")
	claimed(t, root, 4, "neighbour")
	require.True(t, awaited(t, root, 2, "theirs"))
	require.True(t, awaited(t, root, 3, "other"))
}

// A device deleted and made again is a new one; what is half made waits for its maker.
func TestClaimFollowsDevicesThatComeAndGo(t *testing.T) {
	root := claiming(t)
	for range 3 {
		makeDevice(t, root, 5, "again", "")
		require.True(t, awaited(t, root, 5, "again"))
		configure(t, root.User(5, "again"), "tcmud/ramdisk")
		claimed(t, root, 5, "again")
		require.NoError(t, os.RemoveAll(root.User(5, "again").Path()))
	}
}

func TestWaitForNobodySaysWhoWaited(t *testing.T) {
	root := lio.Root{Dir: t.TempDir()}
	for _, test := range []struct {
		value  string
		waited bool
	}{{"0", false}, {"1", true}, {"-1", false}} {
		name := "value" + test.value
		makeDevice(t, root, 1, name, "")
		set(t, filepath.Join(root.User(1, name).Path(), "attrib/nl_reply_supported"), test.value)
		waited, err := waitForNobody(root.User(1, name))
		require.NoError(t, err)
		require.Equal(t, test.waited, waited, test.value)
		require.False(t, awaited(t, root, 1, name))
	}
	_, err := waitForNobody(root.User(1, "gone"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestClaimNeedsATree(t *testing.T) {
	_, err := claim(lio.Root{Dir: t.TempDir()}, nil, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "sys/kernel/config/target/core")
}

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
