package main

import (
	"context"
	"errors"
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
	// with calls do while there are two paths to the storage object: device nodes or URLs. Of one with nexuses a LUN is made
	// by a device for each initiator.
	with func(ctx context.Context, root lio.Root, so lio.StorageObject, nexuses bool, do func(paths []string) error) error
}

var fabrics = []fabric{
	{name: "sd", about: "tcm_loop, /dev/sdX", with: loopback(func(d lio.Disk) string { return "/dev/" + d.Block })},
	{name: "sg", about: "tcm_loop, /dev/sgN", with: loopback(func(d lio.Disk) string { return "/dev/" + d.Generic })},
	{name: "iscsi", about: "the kernel's iSCSI target on 127.0.0.1", wire: true, with: overISCSI},
}

// loopback makes the storage object a LUN of two loopback targets: a path each.
func loopback(node func(lio.Disk) string) func(context.Context, lio.Root, lio.StorageObject, bool, func([]string) error) error {
	return func(ctx context.Context, root lio.Root, so lio.StorageObject, nexuses bool, do func([]string) error) (err error) {
		if nexuses {
			defer deleteNexuses(so, &err)
		}
		var paths []string
		for range 2 {
			target, err := root.Export(lio.Export{Fabric: "loopback"})
			if err != nil {
				return err
			}
			defer target.Delete()
			disk, err := waitDisk(ctx, target, so, nexuses)
			if err != nil {
				return err
			}
			paths = append(paths, node(disk))
		}
		// udev reads a new disk, and the kernel its partitions: they come first.
		if err := exec.CommandContext(ctx, "udevadm", "settle").Run(); err != nil {
			return fmt.Errorf("udevadm settle: %w", err)
		}
		return do(paths)
	}
}

// waitDisk makes a LUN of the storage object, or of a nexus of it, and waits for its disk.
func waitDisk(ctx context.Context, target lio.Target, so lio.StorageObject, nexuses bool) (lio.Disk, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tpgs, err := target.TPGs()
	if err != nil {
		return lio.Disk{}, err
	}
	if nexuses {
		n, err := tpgs[0].CreateNexus(so, lio.AnyGroup)
		if err != nil {
			return lio.Disk{}, err
		}
		so = n.Device
	}
	l, err := tpgs[0].CreateLUN(so, 0)
	if err != nil {
		return lio.Disk{}, err
	}
	return l.WaitDisk(ctx)
}

// deleteNexuses deletes the devices for I_T nexuses of a storage object, of which no LUN is made any more.
func deleteNexuses(so lio.StorageObject, err *error) {
	all, listErr := so.Nexuses()
	*err = errors.Join(*err, listErr)
	for _, n := range all {
		*err = errors.Join(*err, n.Device.Delete())
	}
}

// overISCSI makes the storage object a LUN of an iSCSI target, to which the client logs in twice for two paths.
func overISCSI(_ context.Context, root lio.Root, so lio.StorageObject, nexuses bool, do func([]string) error) (err error) {
	portal := netip.MustParseAddrPort("127.0.0.1:3260")
	if nexuses {
		defer deleteNexuses(so, &err)
	}
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{so},
		Portals: []netip.AddrPort{portal}, OpenToAll: !nexuses})
	if err != nil {
		return err
	}
	defer target.Delete()
	if nexuses {
		if err := admit(target, so, initiator, secondInitiator); err != nil {
			return err
		}
	}
	url := fmt.Sprintf("iscsi://%v/%s/0", portal, target.WWN)
	return do([]string{url, url})
}

// admit lets initiators in, to a device of their own each.
func admit(target lio.Target, so lio.StorageObject, initiators ...string) error {
	tpgs, err := target.TPGs()
	if err != nil {
		return err
	}
	if err := tpgs[0].SetAttribute("authentication", "0"); err != nil {
		return err
	}
	for _, name := range initiators {
		acl, err := tpgs[0].CreateACL(name)
		if err != nil {
			return err
		}
		_, own, err := acl.CreateNexus(so, lio.AnyGroup)
		if err != nil {
			return err
		}
		if _, err := acl.Map(own, 0, false); err != nil {
			return err
		}
	}
	return nil
}
