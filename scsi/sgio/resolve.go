package sgio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Resolve finds the sg node of a SCSI device: of itself, of /dev/sda, /dev/sr0 or /dev/nst0, of a link to one of them as
// in /dev/disk/by-id, or of an address H:C:T:L. The result is a path, "/dev/sg3", and good until the device goes or the
// host is booted; a link in /dev/disk/by-id is good for longer.
func Resolve(dev string) (sg string, err error) {
	p, err := here.find(dev)
	return p.node, err
}

// place is a SCSI device as sysfs has it.
type place struct {
	node string // its sg node
	disk string // its block device, "" if it has none
	kind kind
}

// host is where devices are looked up.
type host struct {
	sys    string
	number func(path string) (string, error) // where in sys/dev a device node is: "block/8:0", "char/21:3"
}

var here = host{"/sys", number}

var address = regexp.MustCompile(`^\d+:\d+:\d+:\d+$`)

func (h host) find(dev string) (place, error) {
	dir, err := h.folder(dev)
	if err != nil {
		return place{}, fmt.Errorf("pscsi: %w", err)
	}
	p, err := h.describe(dir)
	if err != nil {
		return place{}, fmt.Errorf("pscsi: %s %w", dev, err)
	}
	return p, nil
}

// folder is the folder of the SCSI device in sysfs.
func (h host) folder(dev string) (string, error) {
	if address.MatchString(dev) {
		dir, err := filepath.EvalSymlinks(filepath.Join(h.sys, "class/scsi_device", dev, "device"))
		if err != nil {
			return "", fmt.Errorf("there is no SCSI device %s: \"lsscsi -g\" lists those there are", dev)
		}
		return dir, nil
	}
	number, err := h.number(dev)
	if err != nil {
		return "", err
	}
	node := filepath.Join(h.sys, "dev", number)
	if _, err := os.Stat(filepath.Join(node, "partition")); err == nil {
		return "", fmt.Errorf("%s is a partition: name the disk that it is on", dev)
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(node, "device"))
	if err == nil {
		var subsystem string
		if subsystem, err = os.Readlink(filepath.Join(dir, "subsystem")); err == nil && filepath.Base(subsystem) == "scsi" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s is no SCSI device: use a backstore of kind block for it if it is a disk", dev)
}

// describe reads what there is to know of the SCSI device in the folder dir. Its errors go on from the device's name.
func (h host) describe(dir string) (place, error) {
	if strings.Contains(dir, "/tcm_loop_adapter_") {
		// Were it a LUN of the very device that is made of it, its commands would wait for each other for ever.
		return place{}, errors.New("is a LUN of this host's own loopback target: use the backstore that it exports")
	}
	sg, err := filepath.Glob(filepath.Join(dir, "scsi_generic", "sg*"))
	if err != nil || len(sg) == 0 {
		return place{}, errors.New("has no sg node: load the module (modprobe sg)")
	}
	text, err := os.ReadFile(filepath.Join(dir, "type"))
	if err != nil {
		return place{}, fmt.Errorf("has no device type: %w", err)
	}
	k, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil {
		return place{}, fmt.Errorf("has the device type %q, which is not a number", text)
	}
	return place{node: "/dev/" + filepath.Base(sg[0]), disk: disk(dir), kind: kind(k)}, nil
}

// disk is the path of the block device whose SCSI device is in the folder dir of sysfs: "" if there is none.
func disk(dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, "block", "*"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return "/dev/" + filepath.Base(found[0])
}

// number is host.number for this host.
func number(path string) (string, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == unix.ENOENT {
		return "", fmt.Errorf("%s does not exist: \"lsscsi -g\" lists the SCSI devices there are", path)
	}
	if err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	at := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		return "block/" + at, nil
	case unix.S_IFCHR:
		return "char/" + at, nil
	}
	return "", fmt.Errorf("%s is no device: use a backstore of kind fileio for a file", path)
}
