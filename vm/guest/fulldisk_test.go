//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// smallTmpfs mounts a tmpfs of 16 MiB, which a file "filler" fills up but for
// 4 MiB.
func smallTmpfs(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("/mnt", "small")
	require.NoError(t, err)
	require.NoError(t, unix.Mount("small", dir, "tmpfs", 0, "size=16m"))
	t.Cleanup(func() {
		require.NoError(t, unix.Unmount(dir, 0))
		require.NoError(t, os.Remove(dir))
	})
	must(t, "fallocate", "--length=12M", filepath.Join(dir, "filler"))
	return dir
}

// A disk that promises more than there is space for is thin, not broken: the
// sense says so, what was written stays, and with space it goes on.
func TestFullStoreFailsWritesAndRecovers(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string) disk
	}{
		{"fileio", func(t *testing.T, dir string) disk {
			startDaemon(t)
			return attach(t, create(t, "fileio", "thin", filepath.Join(dir, "thin.img"), "32M"))
		}},
		{"fileio without write cache", func(t *testing.T, dir string) disk {
			startDaemon(t)
			return attach(t, create(t, "fileio", "thin", filepath.Join(dir, "thin.img"), "32M", "write_back=false"))
		}},
		{"ramdisk", func(t *testing.T, dir string) disk {
			startDaemon(t, "--memory-dir="+filepath.Join(dir, "memory"))
			return attach(t, create(t, "ramdisk", "thin", "32M"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := smallTmpfs(t)
			requireThin(t, c.make(t, dir), filepath.Join(dir, "filler"))
		})
	}
}

// requireThin has 4 MiB of space for the disk, and more when filler goes.
func requireThin(t *testing.T, d disk, filler string) {
	t.Helper()
	random := randomFile(t, 8*mib)
	want, err := os.ReadFile(random)
	require.NoError(t, err)
	require.Zero(t, fill(t, d, random, 0, 2).status)

	full := fill(t, d, random, 2, 6)
	require.NotZero(t, full.status)
	require.Contains(t, full.stderr, "No space left on device")

	// LBA 20 MiB, where nothing is as yet; one block of the disk is 512 bytes.
	a := sendOut(t, d, fmt.Sprintf("2a 00 %s 00 08 00 00", "00 00 a0 00"), random, 2048*512)
	require.Contains(t, a, "Sense key: Data Protect")
	require.Contains(t, a, "Space allocation failed write protect")
	require.True(t, bytes.Equal(want[:2*mib], d.content(t, 2*mib, 0)), "what was written before")

	require.NoError(t, os.Remove(filler))
	require.Zero(t, fill(t, d, random, 2, 6).status)
	require.True(t, bytes.Equal(want, d.content(t, 8*mib, 0)))
}

// fill copies count MiB of a file to the disk, to where they are in the file.
func fill(t *testing.T, d disk, file string, at, count int) outcome {
	t.Helper()
	return run(t, "dd", "if="+file, "of="+d.node, "bs=1M", "oflag=direct", "conv=fsync",
		fmt.Sprintf("skip=%d", at), fmt.Sprintf("seek=%d", at), fmt.Sprintf("count=%d", count))
}
