package main

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

// TestDeletingALUNThatNobodyServes: nothing gets into the ring between its reset and the end of the LUN.
func TestDeletingALUNThatNobodyServes(t *testing.T) {
	h := newHost(t)
	so, err := h.kernel.Root().CreateUser(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 512})
	require.NoError(t, err)
	_, err = h.kernel.Root().Export(lio.Export{Fabric: "iscsi", WWN: iqn, LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	var changes []string
	h.kernel.Fail = func(op, rel string) error {
		changes = append(changes, op+" "+path.Base(rel))
		return nil
	}
	h.says("Deleted LUN 0.", tpg1+"/luns", "delete", "0")
	require.Regexp(t, "^write block_dev, write reset_ring, unlink [0-9a-f]+, rmdir lun_0, write block_dev$", strings.Join(changes, ", "))
}

func TestALUAGroup(t *testing.T) {
	h := newISCSI(t)
	h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	lun := tpg1 + "/luns/lun0"
	h.says("alua_tg_pt_gp_name=default_tg_pt_gp", lun, "get", "alua", "alua_tg_pt_gp_name")
	so := h.kernel.Root().User(0, "rd0")
	_, err := so.CreateALUAGroup("slow", 1)
	require.NoError(t, err)
	h.says("Parameter alua_tg_pt_gp_name is now 'slow'.", lun, "set", "alua", "alua_tg_pt_gp_name=slow")
	require.Equal(t, "ramdisk/rd0 (slow)", h.summary(lun))
}

func TestLUNOfForeignBackstores(t *testing.T) {
	h := newISCSI(t)
	_, err := h.kernel.Root().CreateUser(lio.User{Name: "vol", Config: "rbd/pool/vol", Size: 512})
	require.NoError(t, err)
	_, err = h.kernel.Root().CreateKernelObject(lio.KernelObject{Plugin: "fileio", Name: "img", Control: "fd_dev_name=/srv/img,fd_dev_size=1048576", UdevPath: "/srv/img"})
	require.NoError(t, err)
	luns := tpg1 + "/luns"
	h.says("Created LUN 0.", luns, "create", "/backstores/user:rbd/vol")
	h.says("Created LUN 1.", luns, "create", "/backstores/kernel:fileio/img")
	h.shows(`
o- luns .... [LUNs: 2]
  o- lun0 .... [user:rbd/vol (default_tg_pt_gp)]
  o- lun1 .... [kernel:fileio/img (/srv/img) (default_tg_pt_gp)]
`, luns)
}
