//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// requestSense is what sg_requests tells of a disk.
func requestSense(t *testing.T, d disk) string {
	t.Helper()
	o := run(t, "sg_requests", "--progress", d.generic)
	return o.stdout + o.stderr
}

// remembered is the files of what disks remember; those of other tests are among them.
func remembered(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/var/lib/tcmud/units/*")
	require.NoError(t, err)
	return files
}

func ready(t *testing.T, d disk) bool { return run(t, "sg_turs", d.generic).status == 0 }

// A disk that is being sanitized stays so though tcmud is killed, and so it does while the next looks for it; the work
// comes to its end.
func TestSanitizeOutlivesTheDaemon(t *testing.T) {
	tcmud := startDaemon(t)
	log := kernelLog(t)
	before := remembered(t)
	d := newFile(t, "128M")
	pattern := filepath.Join(t.TempDir(), "pattern")
	write(t, pattern, "tcmu")
	must(t, "sg_sanitize", "--overwrite", "--quick", "--early", "--count=4", "--pattern="+pattern, d.generic)
	require.Contains(t, requestSense(t, d), "Progress indication")
	require.False(t, ready(t, d))
	tcmud.kill()
	tcmud.start()
	require.Contains(t, requestSense(t, d), "Progress indication", "it goes on")
	tcmud.terminate()
	tcmud.start()
	eventually(t, "the disk is ready", func() bool { return ready(t, d) })
	for _, offset := range []int64{0, 64 * mib, 127 * mib} {
		require.True(t, bytes.Equal(bytes.Repeat([]byte("tcmu"), mib/4), d.content(t, mib, offset)), offset)
	}
	require.Equal(t, before, remembered(t), "it is forgotten when it has ended")

	must(t, "sg_sanitize", "--block", "--quick", "--early", d.generic)
	eventually(t, "the disk is ready", func() bool { return ready(t, d) })
	require.Equal(t, make([]byte, mib), d.content(t, mib, 64*mib))
	requireQuietButNotReady(t, log())
}

// sg_format, in the background, as its users run it.
func TestFormat(t *testing.T) {
	startDaemon(t)
	for _, kind := range stores {
		t.Run(kind.name, func(t *testing.T) {
			d := kind.make(t, "64M")
			require.NoError(t, os.WriteFile(d.node, bytes.Repeat([]byte{0xa5}, mib), 0))
			must(t, "sg_format", "--format", "--quick", "--early", d.generic)
			eventually(t, "the disk is ready", func() bool { return ready(t, d) })
			require.Equal(t, make([]byte, mib), d.content(t, mib, 0))
			must(t, "sg_format", "--format", "--quick", "--ip-def", "--early", d.generic)
			eventually(t, "the disk is ready", func() bool { return ready(t, d) })
		})
	}
}

// move loads or ejects the medium. The kernel prevents it as long as somebody has the disk open, as udev has for a moment
// after each change.
func move(t *testing.T, d disk, how string) {
	t.Helper()
	eventually(t, "sg_start "+how, func() bool { return run(t, "sg_start", how, d.generic).status == 0 })
}

// A medium is ejected, stays outside while tcmud begins anew, and is loaded again; the kernel sees a removable disk.
func TestRemovableMedium(t *testing.T) {
	tcmud := startDaemon(t)
	object := create(t, "fileio", "disk0", filepath.Join(t.TempDir(), "disk0.img"), "16M")
	must(t, "tcmuctl", object.Path, "set", "attribute", "removable=1")
	d := attach(t, object)
	require.Equal(t, "1", d.sys(t, "removable"))
	text := []byte("on a medium")
	f, err := os.OpenFile(d.node, os.O_WRONLY|os.O_SYNC, 0)
	require.NoError(t, err)
	_, err = f.Write(append(text, make([]byte, 512-len(text))...))
	require.NoError(t, err)
	require.NoError(t, f.Close())

	must(t, "sg_prevent", "--prevent=1", d.generic)
	require.NotZero(t, run(t, "sg_start", "--eject", d.generic).status, "somebody prevents it")
	must(t, "sg_prevent", "--allow", d.generic)
	move(t, d, "--eject")
	require.False(t, ready(t, d))
	tcmud.terminate()
	tcmud.start()
	o := run(t, "sg_turs", "--verbose", d.generic)
	require.Contains(t, o.stdout+o.stderr, "edium not present")
	move(t, d, "--load")
	require.True(t, ready(t, d))
	require.Equal(t, string(text), string(d.content(t, int64(len(text)), 0)))

	must(t, "sg_prevent", "--prevent=1", d.generic)
	must(t, "sg_reset", "--device", d.generic)
	move(t, d, "--eject") // a reset allows it
	move(t, d, "--load")
}

// requireQuietButNotReady is requireQuiet, but for what the kernel says of a disk that was not ready when it looked.
func requireQuietButNotReady(t *testing.T, log string) {
	t.Helper()
	for _, words := range []string{"timed out", "cmd_id", "BUG", "WARNING", "rejecting I/O"} {
		require.NotContains(t, log, words, fmt.Sprint(log))
	}
}
