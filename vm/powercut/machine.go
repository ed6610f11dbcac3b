package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi/sgio"
)

const (
	scratch  = "/scratch"
	device   = "/dev/disk/by-id/virtio-scratch"
	configfs = "/sys/kernel/config/target/loopback"
)

// reserved is the disk whose reservations are changed, and targets are where its two hosts see it.
const reserved = "/backstores/ramdisk/rd0"

var targets = []string{"naa.5001405000000001", "naa.5001405000000002"}

// machine is a disk that keeps reservations itself, and two hosts of it, all of which are the same after a boot.
type machine struct {
	tcmud *exec.Cmd
	a, b  nexus
}

// nexus is one of the two hosts.
type nexus struct{ *sgio.Device }

func newMachine(ctx context.Context) (*machine, error) {
	m := new(machine)
	if err := errors.Join(mount(ctx), m.start(ctx)); err != nil {
		return nil, err
	}
	err := command(ctx, "tcmuctl", "/backstores/ramdisk", "create", "rd0", "1M", "wwn=powercut", "reservations=engine")
	if err != nil {
		return nil, err
	}
	if m.a, err = newNexus(ctx, targets[0], reserved); err != nil {
		return nil, err
	}
	m.b, err = newNexus(ctx, targets[1], reserved)
	return m, err
}

// start starts tcmud and waits until it answers.
func (m *machine) start(ctx context.Context) error {
	m.tcmud = exec.Command("tcmud", "--data-dir", scratch+"/tcmud")
	m.tcmud.Stderr = os.Stderr
	if err := m.tcmud.Start(); err != nil {
		return err
	}
	for command(ctx, "tcmuctl", "status") != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// restart kills tcmud and starts it again.
func (m *machine) restart(ctx context.Context) error {
	if err := m.tcmud.Process.Kill(); err != nil {
		return err
	}
	m.tcmud.Wait() // it was killed
	return m.start(ctx)
}

// remove leaves nothing of the machine.
func (m *machine) remove(ctx context.Context) error {
	err := errors.Join(m.a.Close(), m.b.Close())
	for _, wwn := range targets {
		err = errors.Join(err, command(ctx, "tcmuctl", "/loopback", "delete", wwn))
	}
	err = errors.Join(err, command(ctx, "tcmuctl", "/backstores/ramdisk", "delete", "rd0"))
	return errors.Join(err, m.tcmud.Process.Signal(syscall.SIGTERM), m.tcmud.Wait())
}

// mount makes a file system on the disk that outlives us, unless there is one, or it is mounted.
func mount(ctx context.Context) error {
	if exec.CommandContext(ctx, "mountpoint", "-q", scratch).Run() == nil {
		return nil
	}
	if exec.CommandContext(ctx, "blkid", device).Run() != nil {
		if err := command(ctx, "mkfs.ext4", "-q", device); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	return unix.Mount(device, scratch, "ext4", 0, "")
}

func command(ctx context.Context, words ...string) error {
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", words, err, out)
	}
	return nil
}

// newNexus makes a target and a LUN of a disk. Its initiator is named after it, rather than at random.
func newNexus(ctx context.Context, wwn, disk string) (n nexus, err error) {
	if err := command(ctx, "tcmuctl", "/loopback", "create", wwn); err != nil {
		return n, err
	}
	initiator := wwn[:len(wwn)-2] + "a" + wwn[len(wwn)-1:]
	for _, name := range []string{"NULL", initiator} {
		if err := os.WriteFile(filepath.Join(configfs, wwn, "tpgt_1/nexus"), []byte(name), 0o600); err != nil {
			return n, err
		}
	}
	out, err := exec.CommandContext(ctx, "tcmuctl", "--json", "/loopback/"+wwn+"/luns", "create", disk).Output()
	if err != nil {
		return n, fmt.Errorf("LUN: %w", err)
	}
	var lun struct {
		Properties struct {
			Generic string `json:"generic"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(out, &lun); err != nil {
		return n, err
	}
	n.Device, err = sgio.OpenNode(lun.Properties.Generic)
	return n, err
}
