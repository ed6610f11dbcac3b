package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMappedLUNs(t *testing.T) {
	h := newISCSI(t)
	h.says("Created LUN 3.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0", "3")
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator, "add_mapped_luns=false")
	h.says("Created Mapped LUN 0.", acl, "create", "0", "lun3", "true")
	h.says("Created LUN 0.\nCreated Mapped LUN 1.", acl, "create", "1", "/backstores/ramdisk/rd1")
	h.says("Warning: TPG LUN 3 already mapped to this NodeACL\nCreated Mapped LUN 7.", acl, "create", "mapped_lun=7", "tpg_lun_or_backstore=/backstores/ramdisk/rd0")
	h.shows(`
o- iqn.1993-08.org.debian:01:host .... [Mapped LUNs: 3]
  o- mapped_lun0 .... [lun3 ramdisk/rd0 (ro)]
  o- mapped_lun1 .... [lun0 ramdisk/rd1 (rw)]
  o- mapped_lun7 .... [lun3 ramdisk/rd0 (rw)]
`, acl)
	var mapped view
	h.json(&mapped, acl+"/mapped_lun0", "ls")
	require.Equal(t, map[string]any{
		"mapped_lun": 0.0, "lun": 3.0, "write_protect": true, "storage_object": "/backstores/ramdisk/rd0",
	}, mapped.Properties)

	h.says("Deleted Mapped LUN 7.", acl, "delete", "mapped_lun7")
	h.says("Deleted Mapped LUN 0.", acl, "delete", "0")
	require.Equal(t, "LUNs: 2", h.summary(tpg1+"/luns"), "the LUNs of the TPG stay")
	h.says("Deleted Node ACL "+initiator+".", tpg1+"/acls", "delete", initiator)
	h.shows("o- acls .... [ACLs: 0]\n", tpg1+"/acls")
}

// TestNewLUNIsMappedUnderAFreeNumber: the number of the LUN where it was given and is free, else the lowest.
func TestNewLUNIsMappedUnderAFreeNumber(t *testing.T) {
	h := newISCSI(t)
	h.ramdisk("rd2")
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	h.says("Created LUN 4.\nCreated LUN 4->4 mapping in node ACL "+initiator, tpg1+"/luns", "create", "/backstores/ramdisk/rd0", "lun4")
	h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd1", "add_mapped_luns=false")
	h.says("Created Mapped LUN 5.", acl, "create", "5", "0")
	h.says("Created LUN 5.\nCreated LUN 5->0 mapping in node ACL "+initiator, tpg1+"/luns", "create", "/backstores/ramdisk/rd2", "5")
}

func TestSessionOfAnInitiator(t *testing.T) {
	h := newISCSI(t)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	var before, after view
	h.json(&before, acl, "info")
	require.Equal(t, false, before.Properties["logged_in"])

	file := filepath.Join(h.tpg(t).ACL(initiator).Path(), "info")
	require.NoError(t, os.Chmod(file, 0o644))
	require.NoError(t, os.WriteFile(file, []byte(`InitiatorName: iqn.1993-08.org.debian:01:host
InitiatorAlias: host
LIO Session ID: 1   ISID: 0x00 02 3d 00 00 00  TSIH: 1  SessionType: Normal
Session State: TARG_SESS_STATE_LOGGED_IN
---------------------[iSCSI Session Values]-----------------------
  CmdSN/WR  :  CmdSN/WC  :  ExpCmdSN  :  MaxCmdSN  :     ITT    :     TTT
 0x00000010   0x00000010   0x0000001d   0x0000002c   0x1c000000   0x0000000a
----------------------[iSCSI Connections]-------------------------
CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN
   Address 192.0.2.7:50764 TCP  StatSN: 0x6f2b2d1c
`), 0o644))
	h.json(&after, acl, "info")
	require.Equal(t, map[string]any{"logged_in": true, "addresses": []any{"192.0.2.7:50764"}}, after.Properties)
}

func TestMappedLUNsThatAScriptMade(t *testing.T) {
	h := newISCSI(t)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	require.NoError(t, h.kernel.Mkdir(filepath.Join(h.tpg(t).ACL(initiator).Path(), "lun_2")))
	h.shows(`
o- iqn.1993-08.org.debian:01:host .... [Mapped LUNs: 1]
  o- mapped_lun2 .... [no LUN]
`, acl)
	h.says("Deleted Mapped LUN 2.", acl, "delete", "2")
}
