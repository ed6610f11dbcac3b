package sgio

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sysfs makes a folder that looks as /sys does on a host with a disk, a tape, a disk of its own loopback target, a
// virtio disk, and, on a host without the sg driver, one more disk.
func sysfs(t *testing.T) host {
	t.Helper()
	sys := t.TempDir()
	file := func(path, text string) {
		path = filepath.Join(sys, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	link := func(target, path string) {
		path = filepath.Join(sys, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.Symlink(filepath.Join(sys, target), path))
	}
	device := func(dir, address, kind, subsystem string, nodes map[string]string) {
		dir = filepath.Join(dir, address)
		file(dir+"/type", kind+"\n")
		link("bus/"+subsystem, dir+"/subsystem")
		link(dir, "class/scsi_device/"+address+"/device")
		for number, node := range nodes {
			link(dir, filepath.Join(dir, node, "device"))
			link(filepath.Join(dir, node), "dev/"+number)
		}
	}
	device("devices/pci/host0", "0:0:0:0", "0", "scsi", map[string]string{"block/8:0": "block/sda", "char/21:3": "scsi_generic/sg3"})
	device("devices/pci/host0", "0:0:1:0", "1", "scsi", map[string]string{"char/9:128": "scsi_tape/nst0", "char/21:4": "scsi_generic/sg4"})
	device("devices/tcm_loop_0/tcm_loop_adapter_0/host1", "1:0:1:0", "0", "scsi", map[string]string{"block/8:16": "block/sdb", "char/21:5": "scsi_generic/sg5"})
	device("devices/pci/host2", "2:0:0:0", "0", "scsi", map[string]string{"block/8:32": "block/sdc"})
	device("devices/pci", "virtio2", "0", "virtio", map[string]string{"block/254:0": "block/vda"})
	file("devices/pci/host0/0:0:0:0/block/sda/sda1/partition", "1")
	link("devices/pci/host0/0:0:0:0/block/sda/sda1", "dev/block/8:1")
	file("devices/virtual/block/dm-0/size", "8")
	link("devices/virtual/block/dm-0", "dev/block/253:0")
	return host{sys, func(path string) (string, error) {
		return map[string]string{
			"/dev/sda": "block/8:0", "/dev/disk/by-id/scsi-1": "block/8:0", "/dev/sg3": "char/21:3", "/dev/nst0": "char/9:128",
			"/dev/sda1": "block/8:1", "/dev/sdb": "block/8:16", "/dev/sdc": "block/8:32", "/dev/vda": "block/254:0", "/dev/dm-0": "block/253:0",
			"/dev/zero": "char/1:5",
		}[path], nil
	}}
}

func TestFind(t *testing.T) {
	h := sysfs(t)
	disk := place{node: "/dev/sg3", disk: "/dev/sda", kind: directAccess}
	for dev, want := range map[string]place{
		"/dev/sda":               disk,
		"/dev/sg3":               disk,
		"/dev/disk/by-id/scsi-1": disk,
		"0:0:0:0":                disk,
		"/dev/nst0":              {node: "/dev/sg4", kind: 0x01},
		"0:0:1:0":                {node: "/dev/sg4", kind: 0x01},
	} {
		t.Run(dev, func(t *testing.T) {
			p, err := h.find(dev)
			require.NoError(t, err)
			require.Equal(t, want, p)
		})
	}
}

func TestFindErrors(t *testing.T) {
	h := sysfs(t)
	for dev, want := range map[string]string{
		"7:0:0:0":   `pscsi: there is no SCSI device 7:0:0:0: "lsscsi -g" lists those there are`,
		"/dev/sda1": "pscsi: /dev/sda1 is a partition: name the disk that it is on",
		"/dev/sdb":  "pscsi: /dev/sdb is a LUN of this host's own loopback target: use the backstore that it exports",
		"/dev/sdc":  "pscsi: /dev/sdc has no sg node: load the module (modprobe sg)",
		"/dev/vda":  "pscsi: /dev/vda is no SCSI device: use a backstore of kind block for it if it is a disk",
		"/dev/dm-0": "pscsi: /dev/dm-0 is no SCSI device: use a backstore of kind block for it if it is a disk",
		"/dev/zero": "pscsi: /dev/zero is no SCSI device: use a backstore of kind block for it if it is a disk",
	} {
		t.Run(dev, func(t *testing.T) {
			_, err := h.find(dev)
			require.EqualError(t, err, want)
		})
	}
}

func TestResolveErrorsOnThisHost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for dev, want := range map[string]string{
		"/nowhere/sg0": `pscsi: /nowhere/sg0 does not exist: "lsscsi -g" lists the SCSI devices there are`,
		file:           "pscsi: " + file + " is no device: use a backstore of kind fileio for a file",
		"/dev/null":    "pscsi: /dev/null is no SCSI device: use a backstore of kind block for it if it is a disk",
	} {
		t.Run(dev, func(t *testing.T) {
			_, err := Resolve(dev)
			require.EqualError(t, err, want)
			_, err = Open(dev)
			require.EqualError(t, err, want)
		})
	}
}
