//go:build guest

package guest

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Scripts that were written for targetcli read these words.
func TestTcmuctlAnswersInTargetclisWords(t *testing.T) {
	startDaemon(t)
	file := filepath.Join(t.TempDir(), "disk0.img")
	for _, c := range []struct{ line, says string }{
		{"/backstores/ramdisk create rd0 10M", "Created ramdisk rd0 with size 10M."},
		{"/backstores/fileio create name=disk0 file_or_dev=" + file + " size=10MiB", "Created fileio disk0 with size 10485760"},
		{"/loopback create " + target, "Created target " + target + "."},
		{"/loopback/" + target + "/luns create /backstores/ramdisk/rd0", "Created LUN 0."},
		{"/loopback/" + target + "/luns create /backstores/fileio/disk0 lun=5", "Created LUN 5."},
		{"/loopback/" + target + "/luns delete 5", "Deleted LUN 5."},
		{"/loopback delete " + target, "Deleted Target " + target + "."},
		{"/backstores/ramdisk delete rd0", "Deleted storage object rd0."},
		{"/backstores/fileio delete disk0", "Deleted storage object disk0."},
	} {
		require.Equal(t, c.says, shell(t, "tcmuctl "+c.line))
	}
	require.FileExists(t, file, "its data is the administrator's")
}

// An administrator finds the disk's node in the tree.
func TestTreeShowsTheDisks(t *testing.T) {
	startDaemon(t)
	ramdisk, file := newRamdisk(t, "10M"), newFile(t, "10M", "write_back=no")
	tree := must(t, "tcmuctl", "ls")
	require.Regexp(t, `o- rd0 \.+ \[\(10\.0MiB\) activated\]`, tree)
	require.Regexp(t, `o- disk0 \.+ \[/scratch/\S+/disk0\.img \(10\.0MiB\) write-thru activated\]`, tree)
	for _, d := range []disk{ramdisk, file} {
		require.Contains(t, tree, "o- "+filepath.Base(d.target))
		require.Regexp(t, fmt.Sprintf(`o- lun0 \.+ \[%s \(%s\)\]`, d.object.Path[len("/backstores/"):], d.node), tree)
	}
}
