package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

// withDisk is a host with a daemon, and a ramdisk on a loopback target.
func withDisk(t *testing.T) *host {
	h := newHost(t)
	h.start(servesAll)
	for _, line := range []string{
		"/backstores/ramdisk create rd0 10M wwn=serial-of-rd0 vendor=ACME",
		"/loopback create " + target,
		"/loopback/" + target + "/luns create /backstores/ramdisk/rd0",
	} {
		_, stderr, status := h.enter(strings.Fields(line)...)
		require.Zero(t, status, stderr)
	}
	return h
}

// debian makes the directory that tells a Debian from others, and returns the file in it.
func (h *host) debian() string {
	require.NoError(h.t, os.MkdirAll(h.kernel.Path("etc/rtslib-fb-target"), 0o700))
	return h.kernel.Path("etc/rtslib-fb-target/saveconfig.json")
}

// withoutNexus is the tree without the names of initiators, which are new after a restore.
func (h *host) withoutNexus() string {
	lines := strings.Split(h.tree(), "\n")
	for i, line := range lines {
		if strings.Contains(line, "o- "+target) {
			lines[i] = target
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "/dev/sdc", "/dev/sdb")
}

func TestSaveClearRestore(t *testing.T) {
	h := withDisk(t)
	before := h.withoutNexus()
	other := h.kernel.Path("etc/target/saveconfig.json")
	h.says("Configuration saved to "+other, "saveconfig")
	file := h.debian()
	h.says("Configuration saved to "+file, "saveconfig")
	h.refuses([]string{"clearconfig: this removes all targets and backstores", "confirm=true"}, "clearconfig")
	h.refuses([]string{"confirm=true"}, "clearconfig", "confirm=false")
	h.says("All configuration cleared", "clearconfig", "confirm=true")
	require.NotContains(t, h.tree(), "rd0")
	h.says("Configuration restored from "+file, "restoreconfig")
	require.Equal(t, before, h.withoutNexus())
	h.says("Configuration restored from "+file, "restoreconfig", "clear_existing=false")
	h.says("Configuration restored from "+file, "restoreconfig", "clear_existing=true")
	require.Equal(t, before, strings.ReplaceAll(h.withoutNexus(), "/dev/sdd", "/dev/sdb"))
	h.says("Configuration restored from "+file, "restoreconfig", "savefile="+file, "storage_object=rd0")

	id, err := h.kernel.Root().User(0, "rd0").Identity()
	require.NoError(t, err)
	require.Equal(t, lio.Identity{Vendor: "ACME", Serial: "serial-of-rd0"}, id)
}

func TestSaveKeepsWhatWasThere(t *testing.T) {
	h := withDisk(t)
	file := h.debian()
	h.says("Configuration saved to "+file, "saveconfig")
	h.says("Created ramdisk rd1 with size 10M.", "/backstores/ramdisk", "create", "rd1", "10M")
	backups := h.kernel.Path("etc/rtslib-fb-target/backup")
	h.says("Last 10 configs saved in "+backups+"/.\nConfiguration saved to "+file, "saveconfig")
	h.says("All configuration cleared", "clearconfig", "confirm=true")
	h.refuses([]string{"there is nothing to save, and " + file + " is not empty", "saveconfig allow_empty=true"}, "saveconfig")

	require.NoError(t, os.WriteFile(file, []byte(`{"targets": [], "of": "the future"}`), 0o600))
	var done saved
	h.json(&done, "saveconfig", "allow_empty=true")
	require.Equal(t, saved{file, backups, []string{"of"}}, done)
	list, err := os.ReadDir(backups)
	require.NoError(t, err)
	require.Len(t, list, 2)

	elsewhere := filepath.Join(h.dir, "file")
	h.says("Configuration saved to "+elsewhere, "saveconfig", elsewhere)
	h.says("Configuration saved to "+elsewhere, "saveconfig", elsewhere)
	require.NoDirExists(t, filepath.Join(h.dir, "backup"), "only of the host's own")
}

func TestRestoreRefuses(t *testing.T) {
	h := withDisk(t)
	file := h.debian()
	h.refuses([]string{"restore file " + file + " not found", "saveconfig"}, "restoreconfig")
	h.says("Configuration saved to "+file, "saveconfig")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"damaged":   {string(text[:100]), "line 7, column "},
		"another":   {`[]`, "cannot be a array"},
		"different": {strings.Replace(string(text), `"emulate_pr": 1`, `"emulate_pr": 0`, 1), "/backstores/user/rd0: it is there, and differs in attributes.emulate_pr: delete it, or restore with clear_existing=true"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
			h.refuses([]string{c.want}, "restoreconfig")
		})
	}
	require.NoError(t, os.WriteFile(file, []byte(`{"storage_objects": [], "more": 1}`), 0o600))
	h.refuses([]string{"configuration restored from " + file + ", but for what is not known here: more"}, "restoreconfig")
	h.refuses([]string{"no target", "in the file"}, "restoreconfig", file, "false", "naa.5001405000000001")
}

func TestRestoreTakesADaemonThatServes(t *testing.T) {
	h := withDisk(t)
	file := h.debian()
	h.says("Configuration saved to "+file, "saveconfig")

	down := newHost(t)
	down.refuses([]string{"tcmud"}, "restoreconfig", file)
	sick := newHost(t)
	sick.start(func(so lio.StorageObject) string { return "no memory" })
	sick.refuses([]string{"tcmud cannot serve rd0: no memory: nothing is restored"}, "restoreconfig", file)
	objects, err := sick.kernel.Root().StorageObjects()
	require.NoError(t, err)
	require.Empty(t, objects)
}

func TestAShellSavesWhatItHasChanged(t *testing.T) {
	h := withDisk(t)
	file := h.debian()
	leave := func(change func()) string {
		s := h.session()
		exit := s.autosave()
		change()
		var out bytes.Buffer
		err := exit(t.Context(), &console{out: &out})
		if err != nil {
			return err.Error()
		}
		return out.String()
	}
	require.Empty(t, leave(func() {}))
	require.NoFileExists(t, file)
	said := leave(func() { h.says("Created ramdisk rd1 with size 10M.", "/backstores/ramdisk", "create", "rd1", "10M") })
	require.Equal(t, "Configuration saved to "+file+"\n", said)
	said = leave(func() { h.says("All configuration cleared", "clearconfig", "confirm=true") })
	require.Contains(t, said, "there is nothing to save, and "+file+" is not empty")
}
