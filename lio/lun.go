package lio

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// LUN is a logical unit: a directory with one symbolic link in it, to the storage object it is made of.
type LUN struct {
	node
	TPG    TPG
	Number int
}

// String is the path below the top of the tree: "loopback/naa.5001405.../tpgt_1/lun/lun_0".
func (l LUN) String() string {
	t := l.TPG.Target
	return filepath.Join(t.Fabric.Name, t.WWN, filepath.Base(l.TPG.path), "lun", filepath.Base(l.path))
}

// StorageObject is what the LUN is made of. The error wraps fs.ErrNotExist while the LUN is made of nothing.
func (l LUN) StorageObject() (StorageObject, error) {
	links, err := l.links()
	if err != nil {
		return StorageObject{}, err
	}
	for _, link := range links {
		to, err := os.Readlink(filepath.Join(l.path, link))
		if err != nil {
			return StorageObject{}, err
		}
		// The kernel gives a relative path back, whatever it was given. Its end is core/HBA/NAME.
		plugin, number, ok := parseHBA(filepath.Base(filepath.Dir(to)))
		if ok {
			return l.TPG.Target.Fabric.root.storageObject(plugin, number, filepath.Base(to)), nil
		}
	}
	return StorageObject{}, fmt.Errorf("%s links to no storage object: %w", l, fs.ErrNotExist)
}

// link makes the LUN of so. The name of the link means nothing; it is as random as rtslib's.
func (l LUN) link(so StorageObject) error {
	name := filepath.Join(l.path, hex.EncodeToString(random(5)))
	return explain(l.kernel.Symlink(so.path, name))
}

// Delete removes the logical unit. Its disk vanishes from the initiators.
func (l LUN) Delete() error {
	if !l.Exists() {
		return fmt.Errorf("no LUN %d (%s): %w", l.Number, l.path, fs.ErrNotExist)
	}
	links, err := l.links()
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := l.kernel.Unlink(filepath.Join(l.path, link)); err != nil {
			return explain(err)
		}
	}
	return l.rmdir()
}

// Disk is what a loopback LUN has become on this host.
type Disk struct {
	Address string // SCSI address, "H:C:T:L"
	Block   string // block device, "sdb"; empty: there is none (yet)
	Generic string // SG device, "sg1"; empty: there is none (yet)
}

// Disk tells what a loopback LUN is on this host, by now. The error wraps fs.ErrNotExist when the kernel knows no such
// SCSI device, as on other fabrics.
func (l LUN) Disk() (Disk, error) {
	address, err := l.TPG.read("address") // "H:0:T"
	if err != nil {
		return Disk{}, err
	}
	d := Disk{Address: fmt.Sprintf("%s:%d", address, l.Number)}
	dir := l.scsiDevice(d)
	if !dir.Exists() {
		return d, fmt.Errorf("no SCSI device %s: %w", d.Address, fs.ErrNotExist)
	}
	d.Block = first(dir.child("block"))
	d.Generic = first(dir.child("scsi_generic"))
	return d, nil
}

// WaitDisk waits, until ctx ends, for the block device of a loopback LUN and its node in /dev. A device that is not a
// disk is not waited for.
func (l LUN) WaitDisk(ctx context.Context) (Disk, error) {
	for {
		d, err := l.Disk()
		if err == nil && (!l.isDisk(d) || l.hasNode(d)) {
			return d, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
		select {
		case <-ctx.Done():
			return d, errors.Join(ctx.Err(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (l LUN) scsiDevice(d Disk) node {
	return node{path: l.TPG.Target.Fabric.root.path("sys/bus/scsi/devices", d.Address)}
}

// isDisk reports whether the sd driver takes the device: PERIPHERAL DEVICE TYPE 00h or 14h (zoned).
func (l LUN) isDisk(d Disk) bool {
	kind, _ := l.scsiDevice(d).read("type")
	return kind == "0" || kind == "20"
}

func (l LUN) hasNode(d Disk) bool {
	if d.Block == "" {
		return false
	}
	_, err := os.Stat(l.TPG.Target.Fabric.root.path("dev", d.Block))
	return err == nil
}

// first names the first directory in n, empty when there is none.
func first(n node) string {
	names, _ := n.dirs()
	if len(names) == 0 {
		return ""
	}
	return names[0]
}
