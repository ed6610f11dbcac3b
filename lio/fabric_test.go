package lio_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

func after50ms() <-chan time.Time { return time.After(50 * time.Millisecond) }

const wwn = "naa.5001405000000001"

// loopbackTPG makes a loopback target with a TPG.
func loopbackTPG(t *testing.T, root lio.Root) lio.TPG {
	t.Helper()
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget(wwn)
	require.NoError(t, err)
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	return tpg
}

func TestTargetFromCreationToDeletion(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	tpg := loopbackTPG(t, root)
	require.DirExists(t, k.Path("sys/module/tcm_loop"))
	nexus, err := tpg.Nexus()
	require.NoError(t, err)
	require.Regexp(t, `^naa\.5001405[0-9a-f]{9}$`, nexus)

	lun, err := tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)
	require.Zero(t, lun.Number)
	require.Equal(t, "loopback/"+wwn+"/tpgt_1/lun/lun_0", lun.String())
	from, err := lun.StorageObject()
	require.NoError(t, err)
	require.Equal(t, so, from)
	disk, err := lun.Disk()
	require.NoError(t, err)
	require.Equal(t, lio.Disk{Address: "1:0:1:0", Block: "sdb", Generic: "sg1"}, disk)
	activated, err := so.Activated()
	require.NoError(t, err)
	require.True(t, activated)

	var inUse *lio.InUseError
	require.ErrorAs(t, so.Delete(), &inUse)
	require.Equal(t, []lio.LUN{lun}, inUse.LUNs)
	require.EqualError(t, inUse, "storage object rd0 is in use by loopback/"+wwn+"/tpgt_1/lun/lun_0: delete the LUN first")

	target, err := tpg.Target.Fabric.Target(wwn)
	require.NoError(t, err)
	require.Equal(t, tpg.Target, target)
	require.NoError(t, target.Delete())
	_, err = tpg.Target.Fabric.Target(wwn)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoFileExists(t, k.Path("dev/sdb"))
	require.NoError(t, so.Delete())
}

func TestWorldWideNames(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"naa.5001405c81b9d906", "naa.5001405c81b9d906"},
		{"5001405c81b9d906", "naa.5001405c81b9d906"},
		{"0x5001405C81B9D906", "naa.5001405c81b9d906"},
		{" naa.5001405c-81b9-d906 ", "naa.5001405c81b9d906"},
		{"50:01:40:5c:81:b9:d9:06", "naa.5001405c81b9d906"},
		{"naa.10000000c9000001", "naa.10000000c9000001"},
		{"naa.6001405c81b9d906", ""},
		{"naa.5001405c81b9d90", ""},
		{"naa.5001405c81b9d9060", ""},
		{"naa.5001405c81b9d90g", ""},
		{"iqn.2003-01.org.example:a", ""},
		{"naa.", ""},
		{"../naa.5001405c81b9d906", ""},
	} {
		t.Run(tt.given, func(t *testing.T) {
			root, _ := liotest.Open(t)
			loopback, err := root.Fabric("loopback")
			require.NoError(t, err)
			target, err := loopback.CreateTarget(tt.given)
			if tt.want == "" {
				require.ErrorContains(t, err, fmt.Sprintf("%q is no NAA name", tt.given))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, target.WWN)
		})
	}
}

func TestRandomNamesDiffer(t *testing.T) {
	root, _ := liotest.Open(t)
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	for range 10 {
		target, err := loopback.CreateTarget("")
		require.NoError(t, err)
		require.Regexp(t, `^naa\.5001405[0-9a-f]{9}$`, target.WWN)
	}
	targets, err := loopback.Targets()
	require.NoError(t, err)
	require.Len(t, targets, 10)
}

func TestFabricErrors(t *testing.T) {
	root, _ := liotest.Open(t)
	_, err := root.Fabric("fcoe")
	require.ErrorContains(t, err, `no fabric "fcoe"`)
	loopbackTPG(t, root)
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	_, err = loopback.CreateTarget(wwn)
	require.ErrorIs(t, err, fs.ErrExist)
	for _, name := range []string{"", "..", "naa.1", "a/b"} {
		_, err = loopback.Target(name)
		require.Error(t, err, name)
	}

	k := liotest.New(t)
	k.Fail = func(op, what string) error {
		if op == "load" && what == "tcm_loop" {
			return fs.ErrNotExist
		}
		return nil
	}
	require.NoError(t, k.Root().Prepare())
	loopback, err = k.Root().Fabric("loopback")
	require.NoError(t, err)
	_, err = loopback.CreateTarget("")
	require.ErrorContains(t, err, "CONFIG_LOOPBACK_TARGET")
}

func TestTPGWithoutNexusIsNotLeft(t *testing.T) {
	root, k := liotest.Open(t)
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	target, err := loopback.CreateTarget("")
	require.NoError(t, err)
	k.Fail = func(op, path string) error {
		if strings.HasSuffix(path, "/nexus") {
			return syscall.EIO
		}
		return nil
	}
	_, err = target.CreateTPG(1)
	require.ErrorIs(t, err, syscall.EIO)
	tpgs, err := target.TPGs()
	require.NoError(t, err)
	require.Empty(t, tpgs)
}

func TestLUNNumbers(t *testing.T) {
	root, _ := liotest.Open(t)
	tpg := loopbackTPG(t, root)
	object := func(i int) lio.StorageObject {
		return create(t, root, lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512})
	}
	for i, tt := range []struct{ ask, get int }{{1, 1}, {lio.AnyLUN, 0}, {lio.AnyLUN, 2}, {10, 10}, {65535, 65535}, {lio.AnyLUN, 3}} {
		lun, err := tpg.CreateLUN(object(i), tt.ask)
		require.NoError(t, err)
		require.Equal(t, tt.get, lun.Number)
	}
	luns, err := tpg.LUNs()
	require.NoError(t, err)
	var numbers []int
	for _, l := range luns {
		numbers = append(numbers, l.Number)
	}
	require.Equal(t, []int{0, 1, 2, 3, 10, 65535}, numbers, "in numerical order")

	one := object(100)
	for _, tt := range []struct {
		number int
		want   string
	}{{10, "LUN 10 exists"}, {65536, "from 0 to 65535"}, {-2, "from 0 to 65535"}} {
		_, err := tpg.CreateLUN(one, tt.number)
		require.ErrorContains(t, err, tt.want)
	}
	first, err := luns[0].StorageObject()
	require.NoError(t, err)
	_, err = tpg.CreateLUN(first, lio.AnyLUN)
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "LUN of storage object rd1 exists (")

	require.NoError(t, luns[0].Delete())
	require.ErrorIs(t, luns[0].Delete(), fs.ErrNotExist)
	lun, err := tpg.CreateLUN(one, lio.AnyLUN)
	require.NoError(t, err)
	require.Zero(t, lun.Number)
}

func TestFailedLUNIsNotLeft(t *testing.T) {
	root, k := liotest.Open(t)
	so, tpg := create(t, root, rd0), loopbackTPG(t, root)
	k.Fail = func(op, path string) error {
		if op == "symlink" {
			return syscall.ENODEV
		}
		return nil
	}
	_, err := tpg.CreateLUN(so, 5)
	require.ErrorIs(t, err, syscall.ENODEV)
	luns, err := tpg.LUNs()
	require.NoError(t, err)
	require.Empty(t, luns)
}

func TestLUNGivesItsTPGTheNexusItLacks(t *testing.T) {
	root, k := liotest.Open(t)
	so, tpg := create(t, root, rd0), loopbackTPG(t, root)
	require.NoError(t, k.Write(filepath.Join(tpg.Path(), "nexus"), "NULL"))
	_, err := tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)
	nexus, err := tpg.Nexus()
	require.NoError(t, err)
	require.NotEmpty(t, nexus)
}

func TestLUNsOfFabricsThatWeOnlyLookAt(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	lun := k.Path("sys/kernel/config/target/fcoe/naa.5001405000000002/tpgt_1/lun/lun_4")
	require.NoError(t, os.MkdirAll(lun, 0o755))
	require.NoError(t, k.Symlink(so.Path(), filepath.Join(lun, "0123456789")))

	luns, err := so.LUNs()
	require.NoError(t, err)
	require.Len(t, luns, 1)
	require.Equal(t, "fcoe/naa.5001405000000002/tpgt_1/lun/lun_4", luns[0].String())
	_, err = luns[0].Disk()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, so.Delete(), "in use by fcoe/")

	fabrics, err := root.Fabrics()
	require.NoError(t, err)
	require.Len(t, fabrics, 1)
	_, err = fabrics[0].CreateTarget("")
	require.EqualError(t, err, "no targets of fabric fcoe can be made here: iscsi, loopback, vhost are known")
}

func TestWaitDisk(t *testing.T) {
	root, k := liotest.Open(t)
	so, tpg := create(t, root, rd0), loopbackTPG(t, root)
	lun, err := tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)
	node := k.Path("dev/sdb")

	disk, err := lun.WaitDisk(t.Context())
	require.NoError(t, err)
	require.Equal(t, "sdb", disk.Block)

	require.NoError(t, os.Remove(node))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = lun.WaitDisk(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "udev has not made the node yet")

	go func() {
		<-after50ms()
		os.WriteFile(node, nil, 0o600)
	}()
	_, err = lun.WaitDisk(t.Context())
	require.NoError(t, err)

	require.NoError(t, os.Remove(node))
	require.NoError(t, os.WriteFile(k.Path("sys/bus/scsi/devices/1:0:1:0/type"), []byte("1\n"), 0o644))
	_, err = lun.WaitDisk(t.Context())
	require.NoError(t, err, "a tape drive has no disk to wait for")
}

func TestWaitDiskOfADeviceThatDoesNotAnswer(t *testing.T) {
	root, k := liotest.Open(t)
	so, tpg := create(t, root, rd0), loopbackTPG(t, root)
	lun, err := tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(k.Path("sys/bus/scsi/devices/1:0:1:0")))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = lun.WaitDisk(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no SCSI device 1:0:1:0")
}

func TestAbandon(t *testing.T) {
	root, k := liotest.Open(t)
	so, tpg := create(t, root, rd0), loopbackTPG(t, root)
	lun, err := tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)
	var writes []string
	k.Fail = func(op, path string) error {
		writes = append(writes, op+" "+filepath.Base(path))
		return nil
	}
	require.NoError(t, lun.Abandon())
	require.Equal(t, []string{"write cache_type", "write state", "write block_dev", "write reset_ring", "write block_dev"}, writes)
	for file, want := range map[string]string{
		"sys/class/scsi_disk/1:0:1:0/cache_type":                     "temporary write through",
		"sys/bus/scsi/devices/1:0:1:0/state":                         "offline",
		"sys/kernel/config/target/core/user_0/rd0/action/block_dev":  "unblocked",
		"sys/kernel/config/target/core/user_0/rd0/action/reset_ring": "1",
	} {
		got, err := os.ReadFile(k.Path(file))
		require.NoError(t, err)
		require.Equal(t, want+"\n", string(got), file)
	}
	require.NoError(t, lun.Delete())
	require.ErrorIs(t, lun.Abandon(), fs.ErrNotExist)
}
