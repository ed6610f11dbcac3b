package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tcmud/tcmud/lio"
)

// fabric is a way of the initiator, which is Linux on this machine, to the disks.
type fabric struct {
	name string
	// with calls do while the storage objects are disks, whose block devices it is given in the same order.
	with func(ctx context.Context, root lio.Root, objects []lio.StorageObject, do func(blocks []string) error) error
}

var fabrics = []fabric{{"loopback", overLoopback}, {"iscsi", overISCSI}}

// overLoopback makes each storage object a LUN of a loopback target of its own.
func overLoopback(ctx context.Context, root lio.Root, objects []lio.StorageObject, do func([]string) error) (err error) {
	var blocks []string
	for _, so := range objects {
		target, err := root.Export(lio.Export{Fabric: "loopback", LUNs: []lio.StorageObject{so}})
		if err != nil {
			return err
		}
		defer target.Delete()
		block, err := loopbackDisk(ctx, target)
		if err != nil {
			return fmt.Errorf("%s: %w", so.Name, err)
		}
		blocks = append(blocks, block)
	}
	return do(blocks)
}

// loopbackDisk waits for the disk of a target's only LUN.
func loopbackDisk(ctx context.Context, target lio.Target) (block string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tpgs, err := target.TPGs()
	if err != nil {
		return "", err
	}
	luns, err := tpgs[0].LUNs()
	if err != nil {
		return "", err
	}
	disk, err := luns[0].WaitDisk(ctx)
	return disk.Block, err
}

// What open-iscsi is, and where it finds the target.
const (
	initiator = "InitiatorName=iqn.1993-08.org.debian:01:bench\n"
	portal    = "127.0.0.1:3260"
)

// overISCSI makes the storage objects LUNs of one target of the kernel's, to which open-iscsi logs in over 127.0.0.1.
func overISCSI(ctx context.Context, root lio.Root, objects []lio.StorageObject, do func([]string) error) (err error) {
	end, err := startOpenISCSI(ctx)
	if err != nil {
		return err
	}
	defer end()
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: objects,
		Portals: []netip.AddrPort{netip.MustParseAddrPort(portal)}, OpenToAll: true})
	if err != nil {
		return err
	}
	defer target.Delete()
	node := []string{"iscsiadm", "--mode", "node", "--targetname", target.WWN, "--portal", portal}
	for _, args := range [][]string{{"--op", "new"}, {"--login"}} {
		if err := command(ctx, append(node, args...)...); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, command(context.WithoutCancel(ctx), append(node, "--logout")...)) }()
	var blocks []string
	for lun := range objects {
		block, err := awaitLink(ctx, fmt.Sprintf("/dev/disk/by-path/ip-%s-iscsi-%s-lun-%d", portal, target.WWN, lun))
		if err != nil {
			return err
		}
		blocks = append(blocks, block)
	}
	return do(blocks)
}

// startOpenISCSI makes this machine an initiator. The function ends it.
func startOpenISCSI(ctx context.Context) (end func(), err error) {
	for _, c := range [][]string{{"ip", "link", "set", "lo", "up"}, {"modprobe", "iscsi_tcp"}} {
		if err := command(ctx, c...); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll("/run/lock/iscsi", 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile("/etc/iscsi/initiatorname.iscsi", []byte(initiator), 0o644); err != nil {
		return nil, err
	}
	iscsid := exec.Command("iscsid", "--foreground")
	iscsid.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it ends all of its process group
	if err := iscsid.Start(); err != nil {
		return nil, err
	}
	end = func() {
		iscsid.Process.Signal(syscall.SIGTERM)
		iscsid.Wait() // with the signal
	}
	for range 100 {
		out, _ := exec.CommandContext(ctx, "iscsiadm", "--mode", "session").CombinedOutput() // fails while there is none
		if !strings.Contains(string(out), "can not connect to iSCSI daemon") {
			return end, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	end()
	return nil, errors.New("iscsid does not answer")
}

// awaitLink waits for a link that udev makes, and names the block device it leads to.
func awaitLink(ctx context.Context, link string) (block string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		node, err := filepath.EvalSymlinks(link)
		if err == nil {
			return filepath.Base(node), nil
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// command runs a program, whose words become the error if it fails.
func command(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
