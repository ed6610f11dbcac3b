package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/scsi/sgio"
)

var pscsiKind = backstoreKind("pscsi", "pass commands through to a local SCSI device", createPSCSI,
	param{name: "dev", help: "/dev/sdb, /dev/sg1, a link in /dev/disk/by-id (best: it is good for longer), or H:C:T:L", is: file, required: true})

func createPSCSI(ctx context.Context, at *node, a args) (result, error) {
	dev := a.text("dev")
	u, err := passedThrough(a, dev)
	if err != nil {
		return result{}, err
	}
	n, err := at.createDevice(ctx, u)
	if err != nil {
		return result{}, err
	}
	text := fmt.Sprintf("Created pscsi storage object %s using %s", u.Name, dev)
	if info, err := os.Stat(dev); err == nil && info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice {
		text = "Note: block backstore recommended for SCSI block devices\n" + text
	}
	return created(n, text)
}

// passedThrough is the device for a SCSI device, with the size and the block size that this has.
func passedThrough(a args, dev string) (lio.User, error) {
	behind, err := sgio.Open(dev)
	if err != nil {
		return lio.User{}, err
	}
	size, block, err := behind.Size()
	if closing := behind.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return lio.User{}, err
	}
	if given := a.number("block_size", block); given != block {
		return lio.User{}, fmt.Errorf("%s has blocks of %d bytes: leave block_size out", dev, block)
	}
	// A name that the user gives may be one that stays the device's. An address has colons, which no string can carry.
	config := backend.Config{Kind: "pscsi", Path: dev}
	if path, err := filepath.Abs(dev); err == nil {
		config.Path = path
	}
	if _, err := os.Stat(config.Path); err != nil || config.Check() != nil {
		config.Path = behind.Node()
	}
	a["block_size"] = block
	u := device(a, config, size)
	u.UdevPath = dev
	return u, config.Check()
}
