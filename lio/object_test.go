package lio_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// create makes a device, and fails the test if that fails.
func create(t *testing.T, root lio.Root, u lio.User) lio.StorageObject {
	t.Helper()
	so, err := root.CreateUser(u)
	require.NoError(t, err)
	return so
}

// coreDirs are the HBA directories.
func coreDirs(t *testing.T, k *liotest.Kernel) []string {
	list, err := os.ReadDir(k.Path("sys/kernel/config/target/core"))
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestCreateUser(t *testing.T) {
	root, k := liotest.Open(t)
	var writes []string
	k.Fail = func(op, path string) error {
		if op == "write" {
			writes = append(writes, strings.TrimPrefix(path, "core/user_0/disk-0.a/"))
		}
		return nil
	}
	so := create(t, root, lio.User{
		Name: "disk-0.a", Config: "tcmud/fileio/tmp/disk0.img", Size: 10 << 20, BlockSize: 4096, HWMaxSectors: 2048,
		MaxDataAreaMB: 64, DataPagesPerBlk: 2, CmdRingSizeMB: 1,
		Identity:   lio.Identity{Vendor: "ACME", Product: "Rocket", Revision: "0001", Serial: "s-1"},
		UdevPath:   "/tmp/disk0.img",
		Attributes: map[string]string{"emulate_write_cache": "1", "cmd_time_out": "0"},
	})
	require.Equal(t, root.User(0, "disk-0.a"), so)
	require.Equal(t, []string{
		"control", "wwn/vendor_id", "wwn/product_id", "wwn/revision", "wwn/vpd_unit_serial", "udev_path",
		"attrib/cmd_time_out", "attrib/emulate_write_cache", "enable",
	}, writes, "all is said before the daemon hears of it")

	for name, want := range map[string]string{
		"dev_config": "tcmud/fileio/tmp/disk0.img", "dev_size": "10485760", "hw_block_size": "4096", "hw_max_sectors": "2048",
		"max_data_area_mb": "64", "data_pages_per_blk": "2", "cmd_ring_size_mb": "1", "nl_reply_supported": "-1", "emulate_write_cache": "1", "cmd_time_out": "0",
	} {
		got, err := so.Attribute(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	id, err := so.Identity()
	require.NoError(t, err)
	require.Equal(t, lio.Identity{Vendor: "ACME", Product: "Rocket", Revision: "0001", Serial: "s-1"}, id)
	size, err := so.Size()
	require.NoError(t, err)
	require.EqualValues(t, 10<<20, size)
	path, err := so.UdevPath()
	require.NoError(t, err)
	require.Equal(t, "/tmp/disk0.img", path)
	enabled, err := so.Enabled()
	require.NoError(t, err)
	require.True(t, enabled)
}

func TestDefaults(t *testing.T) {
	root, _ := liotest.Open(t)
	so := create(t, root, rd0)
	id, err := so.Identity()
	require.NoError(t, err)
	require.Equal(t, "LIO-ORG", id.Vendor)
	require.Empty(t, id.Product)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id.Serial)
	block, err := so.Attribute("hw_block_size")
	require.NoError(t, err)
	require.Equal(t, "512", block)

	other := create(t, root, lio.User{Name: "rd1", Config: "tcmud/ramdisk", Size: 512})
	otherID, err := other.Identity()
	require.NoError(t, err)
	require.NotEqual(t, id.Serial, otherID.Serial)
}

func TestHBANumbersAreUniqueOverAllPlugins(t *testing.T) {
	root, k := liotest.Open(t)
	for _, hba := range []string{"rd_mcp_0", "fileio_2", "user_3"} {
		require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core", hba)))
	}
	require.Equal(t, 1, create(t, root, rd0).HBA)
	require.Equal(t, 4, create(t, root, lio.User{Name: "rd1", Config: "tcmud/ramdisk", Size: 512}).HBA)
}

func TestConcurrentCreatesGetNumbersOfTheirOwn(t *testing.T) {
	root, _ := liotest.Open(t)
	const n = 8
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, err := root.CreateUser(lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512})
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, <-errs)
	}
	all, err := root.StorageObjects()
	require.NoError(t, err)
	require.Len(t, all, n)
	for i, so := range all {
		require.Equal(t, i, so.HBA)
	}
}

func TestCreateUserTakesRtslibsLock(t *testing.T) {
	root, k := liotest.Open(t)
	lock, err := os.OpenFile(k.Path("var/run/rtslib_backstore.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))

	done := make(chan error)
	go func() {
		_, err := root.CreateUser(rd0)
		done <- err
	}()
	select {
	case <-done:
		t.Fatal("a number was chosen while rtslib was choosing one")
	case <-after50ms():
	}
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	require.NoError(t, <-done)
}

func TestCreateUserHoldsNoLockWhileTheKernelTalksToTheDaemon(t *testing.T) {
	root, k := liotest.Open(t)
	k.Fail = func(op, path string) error {
		if op == "write" && strings.HasSuffix(path, "/enable") {
			lock, err := os.Open(k.Path("var/run/rtslib_backstore.lock"))
			require.NoError(t, err)
			defer lock.Close()
			require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
		}
		return nil
	}
	create(t, root, rd0)
}

func TestBadUsersAreRefusedBeforeAnythingIsMade(t *testing.T) {
	root, k := liotest.Open(t)
	for _, tt := range []struct {
		name   string
		change func(*lio.User)
		want   string
	}{
		{"no name", func(u *lio.User) { u.Name = "" }, `"" cannot be the name`},
		{"slash in the name", func(u *lio.User) { u.Name = "a/b" }, "letters, digits"},
		{"dots alone", func(u *lio.User) { u.Name = ".." }, "the first a letter or digit"},
		{"space in the name", func(u *lio.User) { u.Name = "a b" }, "cannot be the name"},
		{"long name", func(u *lio.User) { u.Name = strings.Repeat("a", 128) }, "at most 127"},
		{"no handler", func(u *lio.User) { u.Config = "ramdisk" }, "no '/'"},
		{"comma", func(u *lio.User) { u.Config = "tcmud/a,b" }, "commas"},
		{"line end", func(u *lio.User) { u.Config = "tcmud/a\nb" }, "line ends"},
		{"long configuration", func(u *lio.User) { u.Config = "tcmud/" + strings.Repeat("a", 250) }, "256 bytes"},
		{"no size", func(u *lio.User) { u.Size = 0 }, "size 0"},
		{"negative size", func(u *lio.User) { u.Size = -512 }, "size -512"},
		{"part of a block", func(u *lio.User) { u.Size = 1000 }, "multiple of the block size, 512"},
		{"part of a large block", func(u *lio.User) { u.BlockSize, u.Size = 4096, 512 }, "block size, 4096"},
		{"small block", func(u *lio.User) { u.BlockSize = 256 }, "block size 256"},
		{"odd block", func(u *lio.User) { u.BlockSize = 520 }, "power of two"},
		{"negative limit", func(u *lio.User) { u.DataPagesPerBlk = -1 }, "negative limits"},
		{"long vendor", func(u *lio.User) { u.Identity.Vendor = "123456789" }, `vendor_id "123456789" is too long: at most 8`},
		{"long product", func(u *lio.User) { u.Identity.Product = "12345678901234567" }, "at most 16"},
		{"long revision", func(u *lio.User) { u.Identity.Revision = "12345" }, "at most 4"},
		{"long serial", func(u *lio.User) { u.Identity.Serial = strings.Repeat("1", 254) }, "at most 253"},
		{"no ASCII", func(u *lio.User) { u.Identity.Product = "Müller" }, "printable ASCII"},
		{"control character", func(u *lio.User) { u.Identity.Serial = "a\tb" }, "printable ASCII"},
		{"space at the end", func(u *lio.User) { u.Identity.Product = "disk " }, "the kernel strips it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := rd0
			tt.change(&u)
			_, err := root.CreateUser(u)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, []string{"alua"}, coreDirs(t, k))
		})
	}
}

func TestNameInUse(t *testing.T) {
	root, k := liotest.Open(t)
	create(t, root, rd0)
	_, err := root.CreateUser(rd0)
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "storage object rd0 exists")
	require.Equal(t, []string{"alua", "user_0"}, coreDirs(t, k))
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	for _, step := range []string{
		"mkdir core/user_0", "mkdir core/user_0/rd0", "write core/user_0/rd0/control", "write core/user_0/rd0/wwn/vpd_unit_serial",
		"write core/user_0/rd0/attrib/cmd_time_out", "write core/user_0/rd0/enable", "load target_core_user",
	} {
		t.Run(step, func(t *testing.T) {
			k := liotest.New(t)
			require.NoError(t, k.Load("target_core_mod"))
			k.Fail = func(op, path string) error {
				if op+" "+path == step {
					return syscall.ENOSPC
				}
				return nil
			}
			u := rd0
			u.Attributes = map[string]string{"cmd_time_out": "0"}
			_, err := k.Root().CreateUser(u)
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.Equal(t, []string{"alua"}, coreDirs(t, k))
		})
	}
}

func TestWhatTheKernelBendsIsNoticed(t *testing.T) {
	root, k := liotest.Open(t)
	u := rd0
	u.MaxDataAreaMB = 4096
	_, err := root.CreateUser(u)
	require.ErrorContains(t, err, "max_data_area_mb=4096: the kernel made it 2048")

	k.Fail = func(op, path string) error {
		if op == "write" && strings.HasSuffix(path, "control") {
			return os.Remove(k.Path("sys/kernel/config/target/core/user_0/rd0/attrib/data_pages_per_blk"))
		}
		return nil
	}
	u = rd0
	u.DataPagesPerBlk = 16
	_, err = root.CreateUser(u)
	require.ErrorContains(t, err, "this kernel does not know data_pages_per_blk")
	require.Equal(t, []string{"alua"}, coreDirs(t, k))
}

func TestDelete(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	require.NoError(t, k.Mkdir(filepath.Join(so.Path(), "alua/standby")))
	require.NoError(t, so.Delete())
	require.Equal(t, []string{"alua"}, coreDirs(t, k))
	require.ErrorIs(t, so.Delete(), fs.ErrNotExist)
}

func TestDeleteLeavesAnHBAThatOthersUse(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	require.NoError(t, k.Mkdir(filepath.Join(filepath.Dir(so.Path()), "neighbour")))
	require.NoError(t, so.Delete())
	require.True(t, root.User(0, "neighbour").Exists())
}

func TestIncarnationChangesWhenADeviceIsMadeAgain(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	first, err := so.Incarnation()
	require.NoError(t, err)
	again, err := so.Incarnation()
	require.NoError(t, err)
	require.Equal(t, first, again)

	// The kernel does not use an inode number twice; a file system may, unless the old one is still there.
	require.NoError(t, os.Rename(so.Path(), k.Path("kept")))
	require.NoError(t, k.Mkdir(so.Path()))
	second, err := so.Incarnation()
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	_, err = root.User(9, "none").Incarnation()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestUIO(t *testing.T) {
	root, _ := liotest.Open(t)
	create(t, root, lio.User{Name: "rd", Config: "tcmud/ramdisk", Size: 512})
	so := create(t, root, rd0)
	uio, err := so.UIO()
	require.NoError(t, err)
	require.Equal(t, "uio1", uio)
	require.NoError(t, so.Delete())
	_, err = so.UIO()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestActions(t *testing.T) {
	root, _ := liotest.Open(t)
	so := create(t, root, rd0)
	action := func(file string) string {
		b, err := os.ReadFile(filepath.Join(so.Path(), "action", file))
		require.NoError(t, err)
		return strings.TrimSpace(string(b))
	}
	require.NoError(t, so.BlockDev(true))
	require.Equal(t, "blocked", action("block_dev"))
	require.NoError(t, so.ResetRing(lio.ResetBusy))
	require.Equal(t, "1", action("reset_ring"))
	require.NoError(t, so.ResetRing(lio.ResetFail))
	require.Equal(t, "2", action("reset_ring"))
	require.NoError(t, so.BlockDev(false))
	require.Equal(t, "unblocked", action("block_dev"))
}

func TestActionsWaitForTheEndOfEnabling(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	enable := filepath.Join(so.Path(), "enable")
	require.NoError(t, os.WriteFile(enable, []byte("0\n"), 0o644))
	tries := 0
	k.Fail = func(op, path string) error {
		if tries++; tries < 3 {
			return syscall.EINVAL
		}
		return nil
	}
	require.NoError(t, so.BlockDev(true))
	require.Equal(t, 3, tries)

	require.NoError(t, os.WriteFile(enable, []byte("1\n"), 0o644))
	tries = 0
	require.ErrorIs(t, so.BlockDev(true), syscall.EINVAL, "of an enabled device it means what it says")
	require.Equal(t, 1, tries)
}

func TestNamed(t *testing.T) {
	root, k := liotest.Open(t)
	so, err := root.CreateUser(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 512})
	require.NoError(t, err)
	core := filepath.Dir(filepath.Dir(so.Path()))
	for _, dir := range []string{"rd_mcp_7", "rd_mcp_7/rd0", "rd_mcp_8", "rd_mcp_8/rd1"} {
		require.NoError(t, k.Mkdir(filepath.Join(core, dir)))
	}
	found, err := root.Named("rd0")
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, []string{"rd_mcp", "user"}, []string{found[0].Plugin, found[1].Plugin})
	for _, name := range []string{"rd", "alua", "", ".", "..", "../user_0/rd0", "a\x00b"} {
		found, err := root.Named(name)
		require.NoError(t, err)
		require.Empty(t, found, name)
	}
}

func TestAttributes(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	require.NoError(t, os.Chmod(filepath.Join(so.Path(), "attrib/hw_block_size"), 0o444))
	all, err := so.Attributes()
	require.NoError(t, err)
	require.Contains(t, all, lio.Attribute{Name: "hw_block_size", Value: "512", Writable: false})
	require.Contains(t, all, lio.Attribute{Name: "cmd_time_out", Value: "30", Writable: true})

	require.NoError(t, so.SetAttribute("cmd_time_out", "5"))
	got, err := so.Attribute("cmd_time_out")
	require.NoError(t, err)
	require.Equal(t, "5", got)

	require.ErrorIs(t, so.SetAttribute("no_such", "1"), fs.ErrNotExist)
	require.ErrorContains(t, so.SetAttribute("../enable", "1"), "no name of a setting")
	k.Fail = func(string, string) error { return syscall.EINVAL }
	require.ErrorIs(t, so.SetAttribute("cmd_time_out", "5"), syscall.EINVAL)
}

func TestIdentityOnAnOldKernel(t *testing.T) {
	root, _ := liotest.Open(t)
	so := create(t, root, rd0)
	for _, file := range []string{"product_id", "revision"} {
		require.NoError(t, os.Remove(filepath.Join(so.Path(), "wwn", file)))
	}
	id, err := so.Identity()
	require.NoError(t, err)
	require.Equal(t, "LIO-ORG", id.Vendor)
	require.NotEmpty(t, id.Serial)
	_, err = root.User(9, "none").Identity()
	require.ErrorIs(t, err, fs.ErrNotExist)
}
