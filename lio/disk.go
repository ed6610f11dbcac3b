package lio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

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

// Abandon ends at once all that a loopback LUN's disk has in flight, and makes the host use it no more, so that Delete
// does not wait for a device that nobody serves. What has not been written is lost. It must not be called while somebody
// serves the device: the ring's memory is given to other commands.
func (l LUN) Abandon() error {
	so, err := l.StorageObject()
	if err != nil {
		return err
	}
	d, err := l.Disk()
	if err != nil {
		return err
	}
	// sd believes that there is no cache now, and does not send the SYNCHRONIZE CACHE that a disk which goes is due.
	cache := node{l.kernel, l.TPG.Target.Fabric.root.path("sys/class/scsi_disk", d.Address)}
	if err := cache.write("cache_type", "temporary write through"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Commands that end with BUSY are tried again, which fails on a device that is offline. The line end is required.
	if err := l.scsiDevice(d).write("state", "offline\n"); err != nil {
		return err
	}
	if err := so.BlockDev(true); err != nil {
		return err
	}
	return errors.Join(so.ResetRing(ResetBusy), so.BlockDev(false))
}

func (l LUN) scsiDevice(d Disk) node {
	return node{l.kernel, l.TPG.Target.Fabric.root.path("sys/bus/scsi/devices", d.Address)}
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
