package main

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio/saveconfig"
)

func TestNexusesAreSavedAndRestored(t *testing.T) {
	h := withTwoInitiators(t)
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.says("Created LUN 0.", "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0", "group=3")
	h.says("Created target naa.5001405000000002.\nCreated TPG 1.", "/vhost", "create", "naa.5001405000000002")
	h.says("Created LUN 0.", "/vhost/naa.5001405000000002/tpg1/luns", "create", "/backstores/ramdisk/rd0")
	file := path.Join(h.dir, "saved.json")
	h.says("Configuration saved to "+file, "saveconfig", file)
	before := h.tree()
	restored := "Configuration restored from " + file
	h.says(restored, "restoreconfig", file)
	same := func(disk string) { require.Equal(t, before, strings.ReplaceAll(h.tree(), disk, "/dev/sdb")) }
	same("/dev/sdb")

	h.says(restored, "restoreconfig", file, "true")
	same("/dev/sdc")
	h.says(restored, "restoreconfig", file, "true", "target="+target)
	same("/dev/sdd")
	h.says(restored, "restoreconfig", file, "true", "target="+iqn)
	same("/dev/sdd")

	h.says("All configuration cleared", "clearconfig", "true")
	h.says(restored, "restoreconfig", file, "storage_object=rd0")
	h.says(restored, "restoreconfig", file, "storage_object=/backstores/user/rd1")
	for _, wwn := range []string{target, iqn, "naa.5001405000000002"} {
		h.says(restored, "restoreconfig", file, "target="+wwn)
	}
	same("/dev/sde")
	for _, name := range []string{"rd0", "rd0.nexus1", "rd0.nexus4"} {
		require.Equal(t, "0", h.attributeOf(h.named(name), "pgr_support"), name)
		require.Equal(t, "0", h.attributeOf(h.named(name), "alua_support"), name)
	}
	h.refuses([]string{"rd0 is in use by iscsi/" + iqn + "/tpgt_1/lun/lun_0, loopback/" + target + "/tpgt_1/lun/lun_0, vhost/"},
		"/backstores/ramdisk", "delete", "rd0")
}

// TestBackstoresAreRestoredBeforeTheirNexuses: what serves them is served first.
func TestBackstoresAreRestoredBeforeTheirNexuses(t *testing.T) {
	h := withTwoInitiators(t)
	file := path.Join(h.dir, "saved.json")
	h.says("Configuration saved to "+file, "saveconfig", file)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var config saveconfig.Config
	require.NoError(t, json.Unmarshal(text, &config))
	slices.Reverse(config.StorageObjects)
	text, err = json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))

	h.says("All configuration cleared", "clearconfig", "true")
	var made []string
	h.kernel.Fail = func(op, rel string) error {
		if ok, _ := path.Match("core/user_*/*", rel); ok && op == "mkdir" {
			made = append(made, path.Base(rel))
		}
		return nil
	}
	h.says("Configuration restored from "+file, "restoreconfig", file)
	require.Equal(t, []string{"rd1", "rd0", "rd0.nexus2", "rd0.nexus1"}, made)
	h.shows(twoInitiators, tpg1)
	var gone []string
	h.kernel.Fail = func(op, rel string) error {
		if ok, _ := path.Match("core/user_*/*", rel); ok && op == "rmdir" {
			gone = append(gone, path.Base(rel))
		}
		return nil
	}
	h.says("All configuration cleared", "clearconfig", "true")
	require.Equal(t, []string{"rd0.nexus2", "rd0.nexus1", "rd1", "rd0"}, gone)
}
