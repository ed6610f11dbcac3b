package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// What a daemon that was killed has the kernel do may last longer than its process, and keeps the store in use. The next
// one waits for that; but who makes a device of a file that somebody uses hears of it at once.
func TestAStoreIsWaitedForAfterARestart(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(1<<20))
	inUse := func() { require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX)) }
	inUse()
	m.create("made", "tcmud/fileio"+path)
	require.Contains(t, m.said("made", control.Failed).Error, "is in use by another program")

	free := func() { require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_UN)) }
	m.restart(func() { time.AfterFunc(50*time.Millisecond, free) })
	m.said("made", control.Serving)
}
