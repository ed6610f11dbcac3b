//go:build guest

package guest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A file system is made on the disk and filled with a tree of files; what
// comes back from a fresh mount is that tree, and the checker is content.
func TestFileSystemsLiveOnTheDisk(t *testing.T) {
	const tree = "/etc"
	fileSystems := []struct{ name, mkfs, check string }{
		{"ext4", "mkfs.ext4 -q", "e2fsck -f -n"},
		{"xfs", "mkfs.xfs -q", "xfs_repair -n"},
	}
	startDaemon(t)
	for _, store := range stores {
		for _, fs := range fileSystems {
			t.Run(fs.name+" on a "+store.name, func(t *testing.T) {
				d := store.make(t, "320M")
				shell(t, fs.mkfs+" "+d.node)
				mounted(t, d.node, fs.name, "", func(dir string) {
					must(t, "cp", "-a", tree, dir+"/copy")
				})
				mounted(t, d.node, fs.name, "", func(dir string) {
					must(t, "diff", "-r", "--no-dereference", tree, dir+"/copy")
					must(t, "rm", "-r", dir+"/copy")
					must(t, "fstrim", dir)
				})
				shell(t, fs.check+" "+d.node)
			})
		}
	}
}

// shell runs a command line that has to succeed.
func shell(t *testing.T, line string) string {
	t.Helper()
	return must(t, "bash", "-euc", line)
}

// mounted does something with a file system while it is mounted.
func mounted(t *testing.T, device, fileSystem, options string, do func(dir string)) {
	t.Helper()
	dir, err := os.MkdirTemp("/mnt", "guest")
	require.NoError(t, err)
	require.NoError(t, unix.Mount(device, dir, fileSystem, 0, options))
	defer func() {
		require.NoError(t, unix.Unmount(dir, 0))
		require.NoError(t, os.Remove(dir))
	}()
	do(dir)
}
