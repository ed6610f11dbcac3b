package lio_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

func TestPrepareMakesTheReservationDirectoryBeforeTheCoreChoosesIt(t *testing.T) {
	k := liotest.New(t)
	var loaded []string
	k.Fail = func(op, what string) error {
		if op == "load" {
			loaded = append(loaded, what)
			require.DirExists(t, k.Path("etc/target/pr"))
		}
		return nil
	}
	require.NoError(t, k.Root().Prepare())
	require.Equal(t, []string{"target_core_mod", "target_core_user"}, loaded)
	require.NoError(t, k.Root().Prepare())
	require.Len(t, loaded, 2, "modules that are there are not loaded again")
}

func TestPrepareFollowsTheDirectoryThatTheCoreHasChosen(t *testing.T) {
	_, k := liotest.Open(t)
	dbroot := filepath.Join(k.Dir, "sys/kernel/config/target/dbroot")
	require.NoError(t, os.WriteFile(dbroot, []byte("/var/target\n"), 0o644))
	require.NoError(t, k.Root().Prepare())
	require.DirExists(t, k.Path("var/target/pr"))
}

func TestPrepareSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		module string
		err    error
		want   []string
	}{
		{"no TCMU", "target_core_user", errors.New("FATAL: Module target_core_user not found"), []string{"target_core_user", "not found", "CONFIG_TCM_USER2", "linux-modules-extra"}},
		{"no target", "target_core_mod", errors.New("no"), []string{"CONFIG_TARGET_CORE"}},
		{"not root", "target_core_mod", fs.ErrPermission, []string{"target_core_mod", "run as root"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := liotest.New(t)
			k.Fail = func(op, what string) error {
				if op == "load" && what == tt.module {
					return tt.err
				}
				return nil
			}
			err := k.Root().Prepare()
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestStorageObjectsListsEverybodys(t *testing.T) {
	root, k := liotest.Open(t)
	for _, dir := range []string{"rd_mcp_3", "rd_mcp_3/their-ramdisk", "user_10", "user_10/b", "fileio_2", "user_4"} {
		require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core", dir)))
	}
	ours, err := root.CreateUser(rd0)
	require.NoError(t, err)

	all, err := root.StorageObjects()
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, ours, all[0])
	require.Equal(t, []any{"rd_mcp", 3, "their-ramdisk"}, []any{all[1].Plugin, all[1].HBA, all[1].Name})
	require.Equal(t, root.User(10, "b"), all[2])
}

func TestNothingIsThereBeforeModulesAreLoaded(t *testing.T) {
	root := liotest.New(t).Root()
	objects, err := root.StorageObjects()
	require.NoError(t, err)
	require.Empty(t, objects)
	luns, err := root.LUNs()
	require.NoError(t, err)
	require.Empty(t, luns)
	loopback, err := root.Fabric("loopback")
	require.NoError(t, err)
	targets, err := loopback.Targets()
	require.NoError(t, err)
	require.Empty(t, targets)
}

func TestNotRootIsToldSo(t *testing.T) {
	root, k := liotest.Open(t)
	k.Fail = func(string, string) error { return syscall.EACCES }
	_, err := root.CreateUser(rd0)
	require.ErrorContains(t, err, "core/user_0: permission denied: run as root")
}

// rd0 is the plainest device there is.
var rd0 = lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 10 << 20}
