package main

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"time"

	"github.com/tcmud/tcmud/lio"
)

// fabric is a way of the client to a disk.
type fabric struct {
	name  string
	about string
	wire  bool // the client is an iSCSI initiator, so that the iSCSI family can run
	// with calls do while there are two paths to the storage object: device nodes or URLs.
	with func(ctx context.Context, root lio.Root, so lio.StorageObject, do func(paths []string) error) error
}

var fabrics = []fabric{
	{name: "sd", about: "tcm_loop, /dev/sdX", with: loopback(func(d lio.Disk) string { return "/dev/" + d.Block })},
	{name: "sg", about: "tcm_loop, /dev/sgN", with: loopback(func(d lio.Disk) string { return "/dev/" + d.Generic })},
	{name: "iscsi", about: "the kernel's iSCSI target on 127.0.0.1", wire: true, with: overISCSI},
}

// loopback makes the storage object a LUN of two loopback targets: a path each.
func loopback(node func(lio.Disk) string) func(context.Context, lio.Root, lio.StorageObject, func([]string) error) error {
	return func(ctx context.Context, root lio.Root, so lio.StorageObject, do func([]string) error) (err error) {
		var paths []string
		for range 2 {
			target, err := root.Export(lio.Export{Fabric: "loopback", LUNs: []lio.StorageObject{so}})
			if err != nil {
				return err
			}
			defer target.Delete()
			path, err := waitPath(ctx, target, node)
			if err != nil {
				return err
			}
			paths = append(paths, path)
		}
		// udev reads a new disk, and the kernel its partitions: they come first.
		if err := exec.CommandContext(ctx, "udevadm", "settle").Run(); err != nil {
			return fmt.Errorf("udevadm settle: %w", err)
		}
		return do(paths)
	}
}

func waitPath(ctx context.Context, target lio.Target, node func(lio.Disk) string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tpgs, err := target.TPGs()
	if err != nil {
		return "", err
	}
	d, err := tpgs[0].LUN(0).WaitDisk(ctx)
	return node(d), err
}

// overISCSI makes the storage object a LUN of an iSCSI target, to which the client logs in twice for two paths.
func overISCSI(_ context.Context, root lio.Root, so lio.StorageObject, do func([]string) error) error {
	portal := netip.MustParseAddrPort("127.0.0.1:3260")
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{so},
		Portals: []netip.AddrPort{portal}, OpenToAll: true})
	if err != nil {
		return err
	}
	defer target.Delete()
	url := fmt.Sprintf("iscsi://%v/%s/0", portal, target.WWN)
	return do([]string{url, url})
}
