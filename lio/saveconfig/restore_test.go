package saveconfig_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/lio/saveconfig"
)

// golden is a file as rtslib writes it, with something of everything.
const golden = "testdata/saveconfig.json"

const (
	iqn = "iqn.2003-01.org.example:a"
	naa = "naa.5001405c81b9d906"
)

// ours says of the golden file's disk0 that nobody is asked about it.
func ours(config string) (udevPath string, isOurs bool) {
	path, isOurs := strings.CutPrefix(config, "tcmud/fileio")
	return path, isOurs
}

var options = saveconfig.Options{Ours: ours}

func readGolden(t *testing.T) saveconfig.Config {
	t.Helper()
	c, unknown, err := saveconfig.Read(golden)
	require.NoError(t, err)
	require.Empty(t, unknown)
	return c
}

// restore restores c, all of it.
func restore(t *testing.T, root lio.Root, c saveconfig.Config, o saveconfig.Options) {
	t.Helper()
	unrestored, err := c.Restore(root, o)
	require.NoError(t, err)
	require.Empty(t, unrestored)
}

func capture(t *testing.T, root lio.Root) saveconfig.Config {
	t.Helper()
	c, err := saveconfig.Capture(root)
	require.NoError(t, err)
	return c
}

// saved is the configuration as a file would have it.
func saved(t *testing.T, root lio.Root) string {
	t.Helper()
	text, err := capture(t, root).Marshal()
	require.NoError(t, err)
	return string(text)
}

func TestWhatRtslibHasWrittenIsRestoredAndWrittenAgain(t *testing.T) {
	root, _ := liotest.Open(t)
	restore(t, root, readGolden(t), options)
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), saved(t, root), "to the byte, names of links and all")
	iscsi, err := root.Fabric("iscsi")
	require.NoError(t, err)
	target, err := iscsi.Target(iqn)
	require.NoError(t, err)
	tpgs, err := target.TPGs()
	require.NoError(t, err)
	enabled, err := tpgs[0].Enabled()
	require.NoError(t, err)
	require.True(t, enabled)
}

func TestOursAreMadeAsCreateUserDoes(t *testing.T) {
	root, k := liotest.Open(t)
	k.NobodyListens = true // what would have to be told to a daemon is said before there is one to listen
	var writes []string
	k.Fail = func(op, path string) error {
		if name, ok := strings.CutPrefix(path, "core/user_0/disk0/"); ok && op == "write" {
			writes = append(writes, name)
		}
		return nil
	}
	o := options
	o.StorageObject = "disk0"
	restore(t, root, readGolden(t), o)
	require.Equal(t, []string{"control", "wwn/vpd_unit_serial", "udev_path", "attrib/emulate_write_cache", "enable"}, writes)
	so := root.User(0, "disk0")
	for name, want := range map[string]string{
		"nl_reply_supported": "-1", "hw_block_size": "4096", "max_data_area_mb": "64", "data_pages_per_blk": "2",
		"hw_max_sectors": "2048", "dev_size": "10485760", "dev_config": "tcmud/fileio/srv/disk0.img", "emulate_write_cache": "1",
	} {
		got, err := so.Attribute(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	path, err := so.UdevPath()
	require.NoError(t, err)
	require.Equal(t, "/srv/disk0.img", path)
}

func TestIdentitiesThatRtslibDoesNotSave(t *testing.T) {
	root, k := liotest.Open(t)
	u := lio.User{
		Name: "a", Config: "tcmud/ramdisk", Size: 1 << 20,
		Identity: lio.Identity{Vendor: "ACME", Product: "Rocket", Revision: "0001", Serial: "s-1"},
	}
	_, err := root.CreateUser(u)
	require.NoError(t, err)
	c := capture(t, root)
	require.NoError(t, saveconfig.Clear(root, saveconfig.Options{}))
	restore(t, root, c, saveconfig.Options{Ours: func(string) (string, bool) { return "", true }})
	id, err := root.User(0, "a").Identity()
	require.NoError(t, err)
	require.Equal(t, u.Identity, id)
	require.Equal(t, c, capture(t, root))
	require.DirExists(t, k.Path("sys/kernel/config/target/core/user_0/a"))
}

func TestAllDevicesAreMadeBeforeTheFirstIsWaitedForAndServedBeforeTheyAreLinked(t *testing.T) {
	root, k := liotest.Open(t)
	var events []string
	k.Fail = func(op, path string) error {
		if op == "symlink" || op == "mkdir" && strings.Count(path, "/") == 2 && strings.HasPrefix(path, "core/user_") {
			events = append(events, op)
		}
		return nil
	}
	o, steps := options, 0
	o.Serve = func(so lio.StorageObject) error {
		events = append(events, "serve "+so.Name)
		return nil
	}
	o.Progress = func() { steps++ }
	c := readGolden(t)
	restore(t, root, c, o)
	require.Equal(t, []string{
		"mkdir", "mkdir", "serve image", "serve disk0",
		"symlink", "symlink", "symlink", "symlink", "symlink", "symlink", "symlink",
	}, events, "five LUNs and two mapped ones")
	require.Equal(t, 10, steps)
	require.Equal(t, steps, c.Steps())
}

// TestFailureAtEachStep: whatever fails, all is as before.
func TestFailureAtEachStep(t *testing.T) {
	c := readGolden(t)
	c.StorageObjects, c.Targets = []saveconfig.StorageObject{c.StorageObjects[1], c.StorageObjects[3]}, c.Targets[:1]
	root, k := liotest.Open(t)
	before := saved(t, root)
	for n := 0; ; n++ {
		count := 0
		k.Fail = func(string, string) error {
			if count++; count == n+1 {
				return fs.ErrInvalid
			}
			return nil
		}
		_, err := c.Restore(root, options)
		k.Fail = nil
		if count <= n {
			require.NoError(t, err)
			require.Greater(t, n, 40, "as many steps went wrong before")
			return
		}
		require.ErrorIs(t, err, fs.ErrInvalid, n)
		require.ErrorContains(t, err, "nothing is restored")
		require.Equal(t, before, saved(t, root), "step %d: %v", n, err)
		hbas, err := root.EmptyHBAs()
		require.NoError(t, err)
		require.Empty(t, hbas)
	}
}

func TestWhatCannotBeRemovedAgainIsSaid(t *testing.T) {
	root, k := liotest.Open(t)
	failed := errors.New("no")
	o := options
	o.Serve = func(lio.StorageObject) error {
		k.Fail = func(op, path string) error {
			if op == "rmdir" && strings.HasSuffix(path, "/r0") {
				return failed
			}
			return nil
		}
		return errors.New("disk0 is not served")
	}
	_, err := readGolden(t).Restore(root, o)
	require.ErrorIs(t, err, failed)
	require.ErrorContains(t, err, "disk0 is not served: what had been restored could not all be removed again: rmdir ")
	require.ErrorContains(t, err, "/r0: no")
}

func TestWhatIsThereAndTheSameStays(t *testing.T) {
	root, k := liotest.Open(t)
	c := readGolden(t)
	restore(t, root, c, options)
	k.Fail = func(op, path string) error { return fmt.Errorf("%s %s: there is nothing to do", op, path) }
	restore(t, root, c, options)

	k.Fail = nil
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.Target(naa)
	require.NoError(t, err)
	require.NoError(t, target.Delete())
	restore(t, root, c, options)
	require.Equal(t, c, capture(t, root), "only the target was missing")
}

func TestWhatIsThereAndDiffersIsRefused(t *testing.T) {
	for name, change := range map[string]struct {
		change func(*saveconfig.Config)
		want   string
	}{
		"size": {
			func(c *saveconfig.Config) { c.StorageObjects[0].Size *= 2 },
			"/backstores/fileio/f0: it is there, and differs in size: delete it, or restore with clear_existing=true",
		},
		"attribute": {
			func(c *saveconfig.Config) { c.StorageObjects[2].Attributes["emulate_pr"] = "0" },
			"/backstores/user/image: it is there, and differs in attributes.emulate_pr",
		},
		"lun": {
			func(c *saveconfig.Config) {
				c.Targets[0].TPGs[0].LUNs[1].Index = 6
				c.Targets[0].TPGs[0].ACLs = []saveconfig.ACL{}
			},
			iqn + ": it is there, and differs in tpgs[0].luns[1].index",
		},
		"discovery": {
			func(c *saveconfig.Config) { c.Fabrics[0].Password = "other" },
			"iscsi: the CHAP of discovery is set, and differs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, _ := liotest.Open(t)
			restore(t, root, readGolden(t), options)
			before := saved(t, root)
			c := readGolden(t)
			change.change(&c)
			_, err := c.Restore(root, options)
			require.ErrorContains(t, err, change.want)
			require.NotContains(t, err.Error(), "sesame", "passwords are not shown")
			require.Equal(t, before, saved(t, root))

			o := options
			o.Clear = true
			restore(t, root, c, o)
			require.Equal(t, c, capture(t, root))
		})
	}
}

// Loopback makes no disk of a LUN while there is no LUN 0.
func TestLUNsAreMadeInTheirOrder(t *testing.T) {
	root, k := liotest.Open(t)
	var made []string
	k.Fail = func(op, path string) error {
		if op == "symlink" && strings.HasPrefix(path, "loopback/") {
			made = append(made, path)
		}
		return nil
	}
	c := readGolden(t)
	slices.Reverse(c.Targets[1].TPGs[0].LUNs)
	restore(t, root, c, options)
	require.Equal(t, []string{"loopback/" + naa + "/tpgt_1/lun/lun_0/77aa10ce31", "loopback/" + naa + "/tpgt_1/lun/lun_9/77aa10ce32"}, made)
}

func TestSettingsThatThisKernelDoesNotHave(t *testing.T) {
	root, _ := liotest.Open(t)
	c := readGolden(t)
	c.StorageObjects[0].Attributes["emulate_rsoc"] = "1"
	c.StorageObjects[3].Control += ",cmd_ring_size_mb=16"
	c.Targets[0].TPGs[0].Parameters["Rfc"] = "7143"
	off := false
	c.Targets[2].TPGs[0].Enable = &off
	unrestored, err := c.Restore(root, options)
	require.NoError(t, err)
	require.Equal(t, []string{
		"/backstores/fileio/f0 attribute emulate_rsoc",
		"/backstores/user/disk0 control cmd_ring_size_mb",
		iqn + " tpg1 parameter Rfc",
		"naa.5001405000000009 tpg1 enable",
	}, unrestored)
	require.Len(t, capture(t, root).Targets, 3, "the rest is there")
}
