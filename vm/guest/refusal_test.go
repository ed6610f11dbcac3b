//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refusal is what an administrator types, and a part of the answer.
type refusal struct{ line, says string }

const (
	newRD   = "/backstores/ramdisk create "
	newFIO  = "/backstores/fileio create "
	target  = "naa.5001405000000001"
	newLUN  = "/loopback/" + target + "/luns create "
	usageRD = "create NAME SIZE "
)

// Beside the ramdisk rd0, which is LUN 0 of target, and the fileio disk0.
var (
	badNames = []refusal{
		{newRD + "rd0 1M", "storage object rd0 exists: /backstores/ramdisk/rd0: choose another name"},
		{newRD + "disk0 1M", "storage object disk0 exists: /backstores/fileio/disk0"},
		{newFIO + "rd0 new 1M", "storage object rd0 exists"},
		{newRD + "a/b 1M", `"a/b" cannot be the name of a storage object: use letters`},
		{newRD + "'a b' 1M", `"a b" cannot be the name`},
		{newRD + ".. 1M", `".." cannot be the name`},
		{newRD + "'' 1M", "name: it is empty"},
		{newRD + strings.Repeat("x", 300) + " 1M", "cannot be the name"},
		{newFIO + "a,b new 1M", `"a,b" cannot be the name`},
		{newRD + "x 1M vendor=ninechars", "at most 8 characters"},
		{newRD + "x 1M product=seventeenletters_", "at most 16 characters"},
		{newRD + "x 1M revision=12345", "at most 4 characters"},
		{newFIO + "x new 1M vendor=Zoë", "only printable ASCII characters"},
	}
	badSizes = []refusal{
		{newRD + "x 0", `"0" is no size for a disk: give more than 0`},
		{newRD + "x -1M", `"-1M" is no size for a disk: give more than 0`},
		{newRD + "x ten", `"ten" is no size: give bytes, or a number with K, M, G or T`},
		{newRD + "x 1000", "size 1000: use a positive multiple of the block size, 512"},
		{newRD + "x 2560 block_size=4096", "size 2560: use a positive multiple of the block size, 4096"},
		{newRD + "x 9999P", `"9999P" is too large: give at most`},
		{newRD + "x 1M block_size=1024", `"1024" is no block size: give 512 or 4096`},
		{newFIO + "x new 0", `"0" is no size for a disk`},
		{newFIO + "x new 1000", "size 1000: use a positive multiple of the block size, 512"},
		{newFIO + "x new 100T", "cannot hold a file of 109951162777600 bytes, ask for less"},
		{newFIO + "x good 2M", "good exists with 1048576 bytes, not 2097152"},
	}
	badFiles = []refusal{
		{newFIO + "x missing", "missing does not exist: give a size to create it"},
		{newFIO + "x nowhere/new 1M", "make its directory first"},
		{newFIO + "x empty", "empty has size 0: give it one"},
		{newFIO + "x odd", "size 1000 is not a multiple of the block size 512"},
		{newFIO + "x immutable", "immutable cannot be opened for writing"},
		{newFIO + "x immutable 1M", "immutable cannot be opened for writing"},
		{newFIO + "x folder", "folder is a directory: name a file in it"},
		{newFIO + "x folder 1M", "folder is a directory: name a file in it"},
		{newFIO + "x fifo", "fifo is neither a regular file nor a block device"},
		{newFIO + "x /dev/null", "/dev/null is neither a regular file nor a block device"},
		{newFIO + "x locked", "locked is in use by another program"},
		{newFIO + "x locked 1M", "locked is in use by another program"},
		{newFIO + "x disk0.img", "disk0.img is in use"},
		{newFIO + "x disk0.img 1M", "disk0.img is in use"},
		{newFIO + "x /dev/disk/by-id/virtio-scratch", "is in use: unmount it"},
		{newFIO + "x /dev/disk/by-id/virtio-scratch 1M", "is a block device, it has a size: give none"},
		{newFIO + "x a,b 1M", "',', which the kernel's configuration strings cannot carry"},
		{newFIO + "x a:b 1M", "':', which the kernel's configuration strings cannot carry"},
		{newFIO + "x " + strings.Repeat("x", 250) + " 1M", "use a shorter path"},
	}
	badTargets = []refusal{
		{"/loopback create naa.xyz", `"naa.xyz" is no NAA name: use naa. and 16 hexadecimal digits`},
		{"/loopback create iqn.2003-01.org.example:x", "is no NAA name"},
		{"/loopback create " + target, "target " + target + " exists"},
		{"/loopback delete naa.5001405000000002", "no target naa.5001405000000002 in /loopback"},
		{newLUN + "/backstores/ramdisk/none", "no such path: /backstores/ramdisk/none"},
		{newLUN + "/backstores/ramdisk", "/backstores/ramdisk is no storage object"},
		{newLUN + "/backstores/ramdisk/rd0", "LUN of storage object rd0 exists (" + configfs + "/loopback/" + target + "/tpgt_1/lun/lun_0)"},
		{newLUN + "/backstores/fileio/disk0 0", "/tpgt_1/lun/lun_0) and is made of storage object rd0: choose another number"},
		{newLUN + "/backstores/fileio/disk0 -1", `"-1" is no number`},
		{newLUN + "/backstores/fileio/disk0 70000", "use a number from 0 to 65535"},
		{"/loopback/" + target + "/luns delete 7", "no LUN 7 in /loopback/" + target},
		{"/backstores/ramdisk delete rd0", "rd0 is in use by loopback/" + target + "/tpgt_1/lun/lun_0: delete the LUN first"},
		{"/backstores/ramdisk delete none", "no storage object none in /backstores/ramdisk"},
		{"/backstores/ramdisk delete disk0", "no storage object disk0 in /backstores/ramdisk"},
	}
	badGrammar = []refusal{
		{"frobnicate", `no command "frobnicate"`},
		{"/backstores/ramdisk", "no command for /backstores/ramdisk: to go there is of no use here"},
		{"/nowhere ls", `no such path: /nowhere: "tcmuctl ls /" shows what there is`},
		{"/backstores/floppy create x 1M", "no such path: /backstores/floppy"},
		{newRD + "x", "size is missing: " + usageRD},
		{newRD + "x 1M 2M", `"2M" is one argument too many: ` + usageRD},
		{newRD + "x 1M size=2M", "size is given twice: " + usageRD},
		{newRD + "x 1M colour=blue", "there is no parameter colour: " + usageRD},
		{newFIO + "x new 1M write_back=maybe", `"maybe" is neither true nor false`},
		{"--frob ls", "unknown flag: --frob"},
	}
)

func TestBadInputIsRefusedAndLeavesNothing(t *testing.T) {
	startDaemon(t)
	t.Chdir(t.TempDir())
	create(t, "fileio", "disk0", "disk0.img", "1M")
	rd0 := create(t, "ramdisk", "rd0", "1M")
	must(t, "tcmuctl", "/loopback", "create", target)
	t.Cleanup(func() { must(t, "tcmuctl", "/loopback", "delete", target) })
	must(t, "tcmuctl", "/loopback/"+target+"/luns", "create", rd0.Path)
	makeBadFiles(t)

	for _, group := range [][]refusal{badNames, badSizes, badFiles, badTargets, badGrammar} {
		for _, r := range group {
			t.Run("tcmuctl "+shorten(r.line), func(t *testing.T) { requireRefused(t, r) })
		}
	}
}

func shorten(s string) string { return s[:min(len(s), 60)] }

// requireRefused types a line, and requires one line of complaint, the exit
// status 1, and everything to be as it was.
func requireRefused(t *testing.T, r refusal) {
	t.Helper()
	before, files := footprint(t), listing(t)
	o := run(t, "bash", "-c", "tcmuctl "+r.line)
	assert.Equal(t, 1, o.status)
	assert.Empty(t, o.stdout)
	assert.Contains(t, o.stderr, r.says)
	assert.Regexp(t, `^tcmuctl: [^\n]*\n$`, o.stderr)
	requireFootprint(t, before)
	require.Equal(t, files, listing(t))
}

// makeBadFiles makes files in this folder that cannot be disks.
func makeBadFiles(t *testing.T) {
	t.Helper()
	must(t, "bash", "-euc", `
		touch empty
		truncate --size=1000 odd
		truncate --size=1M good locked immutable
		chattr +i immutable
		mkdir folder
		mkfifo fifo`)
	t.Cleanup(func() { must(t, "chattr", "-i", "immutable") })
	f, err := os.Open("locked")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
}

// listing describes the files of this folder.
func listing(t *testing.T) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		list = append(list, fmt.Sprint(info.Mode(), " ", e.Name(), " ", info.Size(), " ", info.ModTime()))
	}
	return list
}

// What cannot work without the daemon, or without root, says so at once.
func TestNoDaemonOrNoRootIsSaid(t *testing.T) {
	const asNobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups "
	t.Chdir(t.TempDir())
	for _, r := range []refusal{
		{newRD + "x 1M", "tcmud does not run (nobody answers at " + controlSocket + "): start it as root"},
		{newFIO + "x new 1M", "tcmud does not run"},
	} {
		requireRefused(t, r)
	}
	require.Equal(t, outcome{"", "tcmud: not root: serving the kernel's devices takes root (sudo tcmud)\n", 1},
		run(t, "bash", "-c", asNobody+"tcmud"))

	startDaemon(t)
	o := run(t, "bash", "-c", asNobody+"tcmuctl "+newRD+"x 1M")
	require.Equal(t, 1, o.status)
	require.Regexp(t, `^tcmuctl: .*permission denied: run as root \(sudo\)\n$`, o.stderr)
}

// Two daemons would serve one ring: the second does not begin.
func TestSecondDaemonRefusesToStart(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "1M")
	o := run(t, "tcmud")
	require.Equal(t, 1, o.status)
	require.Regexp(t, `^tcmud: another tcmud listens on /run/tcmud/tcmud\.sock: stop it first[^\n]*\n$`, o.stderr)
	requireKeepsData(t, d, mib)
}

// A script may ask for a kind of store that there is not. The disk then says
// NOT READY, tcmud's log and tcmuctl say why; nothing hangs.
func TestUnknownKindOfStoreIsNotServed(t *testing.T) {
	daemon := startDaemon(t)
	t.Run("made", func(t *testing.T) {
		scripted(t, script{name: "floppy", config: "tcmud/floppy"})
		before := footprint(t)
		o := run(t, "bash", "-c", "tcmuctl /loopback create "+target+" && tcmuctl "+newLUN+"/backstores/user:tcmud/floppy")
		require.Equal(t, 1, o.status)
		require.Contains(t, o.stderr, `tcmud cannot serve floppy: unknown kind of store "floppy"`)
		must(t, "tcmuctl", "/loopback", "delete", target)
		requireFootprint(t, before)
	})
	daemon.terminate()
	require.Contains(t, daemon.log.String(), `unknown kind of store \"floppy\": block, fileio, null, pscsi and ramdisk are known`)
}

// A file that goes away under the daemon is named, whoever made the device.
func TestFileThatIsMissingAtStartIsNamed(t *testing.T) {
	daemon := startDaemon(t)
	t.Run("made", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "gone.img")
		v := scripted(t, script{name: "lost", config: "tcmud/fileio" + missing})
		o := run(t, "bash", "-c", "tcmuctl /loopback create "+target+" && tcmuctl "+newLUN+"/backstores/fileio/"+v.Name)
		require.Equal(t, 1, o.status)
		require.Contains(t, o.stderr, "tcmud cannot serve lost: fileio: "+missing+" does not exist")
		must(t, "tcmuctl", "/loopback", "delete", target)
	})
	daemon.terminate()
}
