//go:build guest

package guest

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// requireKeepsData writes n random bytes to the disk and reads them back, past
// the page cache both times.
func requireKeepsData(t *testing.T, d disk, n int) {
	t.Helper()
	sent := randomFile(t, n)
	received := filepath.Join(t.TempDir(), "received")
	must(t, "dd", "if="+sent, "of="+d.node, "bs=1M", "oflag=direct,dsync")
	must(t, "dd", "if="+d.node, "of="+received, "bs=1M", "count="+strconv.Itoa(n/mib), "iflag=direct")
	require.Equal(t, sha(t, sent), sha(t, received))
}

func sha(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return sha256.Sum256(b)
}

func TestDiskKeepsWhatIsWritten(t *testing.T) {
	startDaemon(t)
	for _, store := range stores {
		for _, block := range []string{"512", "4096"} {
			t.Run(store.name+" of "+block, func(t *testing.T) {
				requireKeepsData(t, store.make(t, "10M", "block_size="+block), 10*mib)
			})
		}
	}
}

// The disk is the file: offset by offset.
func TestFileHoldsWhatTheDiskIsGiven(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "8M")
	sent := randomFile(t, mib)
	must(t, "dd", "if="+sent, "of="+d.node, "bs=1M", "seek=3", "oflag=direct")
	content, err := os.ReadFile(d.file(t))
	require.NoError(t, err)
	want, err := os.ReadFile(sent)
	require.NoError(t, err)
	require.Len(t, content, 8*mib)
	require.True(t, bytes.Equal(want, content[3*mib:4*mib]))
	require.Empty(t, bytes.Trim(content[:3*mib], "\x00"))
	require.Empty(t, bytes.Trim(content[4*mib:], "\x00"))
}

// What is discarded reads as zeros, and takes no space any more.
func TestDiscardGivesBackTheSpace(t *testing.T) {
	startDaemon(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			d := store.make(t, "16M")
			require.Zero(t, allocated(t, d.file(t)))
			must(t, "dd", "if="+randomFile(t, 16*mib), "of="+d.node, "bs=1M", "oflag=direct")
			must(t, "sync", d.file(t)) // a file system may allocate late
			require.GreaterOrEqual(t, allocated(t, d.file(t)), int64(16*mib))

			must(t, "blkdiscard", "--offset", "4M", "--length", "8M", d.node)
			require.Empty(t, bytes.Trim(d.content(t, 8*mib, 4*mib), "\x00"))
			require.NotEmpty(t, bytes.Trim(d.content(t, mib, 3*mib), "\x00"))
			require.InDelta(t, 8*mib, allocated(t, d.file(t)), 64<<10)

			must(t, "blkdiscard", d.node)
			require.Empty(t, bytes.Trim(d.content(t, 16*mib, 0), "\x00"))
			require.Less(t, allocated(t, d.file(t)), int64(64<<10))
		})
	}
}

// Zeros that the kernel asks for in one command, as mkfs does.
func TestWriteZeroesClearsARange(t *testing.T) {
	startDaemon(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			d := store.make(t, "8M")
			must(t, "dd", "if="+randomFile(t, 8*mib), "of="+d.node, "bs=1M", "oflag=direct")
			must(t, "blkdiscard", "--zeroout", "--offset", "1049088", "--length", "3144704", d.node) // no multiple of 4096
			require.Empty(t, bytes.Trim(d.content(t, 3144704, 1049088), "\x00"))
			require.NotEmpty(t, bytes.Trim(d.content(t, 512, 1049088-512), "\x00"))
			require.NotEmpty(t, bytes.Trim(d.content(t, 512, 1049088+3144704), "\x00"))
		})
	}
}

// A ramdisk takes memory for what is written, not for what it could hold.
func TestEmptyRamdiskCostsNothing(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "1T")
	require.Equal(t, strconv.Itoa(1<<31), d.sys(t, "size"))
	require.Less(t, allocated(t, d.file(t)), int64(mib))
	must(t, "dd", "if="+randomFile(t, mib), "of="+d.node, "bs=1M", "seek=1048575", "oflag=direct")
	require.InDelta(t, mib, allocated(t, d.file(t)), mib)
}

// file is the file that the disk's data is in.
func (d disk) file(t *testing.T) string {
	t.Helper()
	if d.object.Properties.Config != "tcmud/ramdisk" {
		return d.object.Properties.Config[len("tcmud/fileio"):]
	}
	found, err := filepath.Glob("/dev/shm/tcmud/user_" + strconv.Itoa(d.object.Properties.HBA) + ".*")
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// allocated is how many bytes the file takes of its file system.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return 512 * st.Blocks
}
