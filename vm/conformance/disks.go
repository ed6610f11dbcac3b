package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// size is that of every disk: more than the 32 MiB that one WRITE SAME is tried with, and so little that it is overwritten
// within the five seconds that the client gives a command.
const size = 48 << 20

// disk is a kind of disk to be tested.
type disk struct {
	name   string
	about  string
	ours   bool
	writes string // pattern of the tests in which the client may write and sanitize
	not    string // name of a fabric over which the client cannot have it; empty: none

	daemons []daemon // what serves it, in the order of starting
	create  func(root lio.Root, path string) (lio.StorageObject, error)
}

var disks = []disk{
	ours("thin", "thin provisioned, one logical block to the physical block"),
	ours("physical", "thin provisioned, eight logical blocks to the physical block", "physical_exponent", "3"),
	ours("removable", "thin provisioned, with a medium that can be removed, and without commands of 32 bytes",
		"removable", "1", "emulate_cdb32", "0"),
	// Most tests that write want to succeed.
	ours("protected", "write protected; not over /dev/sdX, which the client would open for writing",
		"write_protect", "1").onlyWrittenIn("SCSI.ReadOnly.*").notOver("sd"),
	{name: "fileio", about: "the kernel's own fileio backstore, with emulate_tpu=1 and emulate_tpws=1",
		writes: everyTest, create: createKernelFile},
	{name: "tcmu-runner", about: "Debian's tcmu-runner, whose qcow handler serves a raw image",
		writes: everyTest, daemons: []daemon{systemBus, tcmuRunner}, create: createRunnerFile},
}

func (d disk) onlyWrittenIn(tests string) disk {
	d.writes = tests
	return d
}

func (d disk) notOver(fabric string) disk {
	d.not = fabric
	return d
}

// ours is a disk of tcmud's with options, names and values in turn, in a file.
func ours(name, about string, options ...string) disk {
	return disk{name: name, about: about, ours: true, writes: everyTest, daemons: []daemon{tcmud},
		create: func(root lio.Root, path string) (lio.StorageObject, error) {
			config := backend.Config{Kind: "fileio", Path: path}
			for i := 0; i < len(options); i += 2 {
				if err := config.Options.Set(options[i], options[i+1]); err != nil {
					return lio.StorageObject{}, err
				}
			}
			return root.CreateUser(lio.User{Name: name, Config: config.String(), Size: size,
				Attributes: map[string]string{"emulate_write_cache": "1"}})
		}}
}

// createRunnerFile names the file in a way that tcmu-runner does not take for a path from where it was started.
func createRunnerFile(root lio.Root, path string) (lio.StorageObject, error) {
	return root.CreateUser(lio.User{Name: "runner", Config: "qcow/" + path, Size: size})
}

func createKernelFile(root lio.Root, path string) (lio.StorageObject, error) {
	so, err := root.CreateKernelObject(lio.KernelObject{Plugin: "fileio", Name: "fileio",
		Control: fmt.Sprintf("fd_dev_name=%s,fd_dev_size=%d,fd_buffered_io=1", path, size), UdevPath: path})
	if err != nil {
		return so, err
	}
	for _, attribute := range []string{"emulate_tpu", "emulate_tpws"} {
		if err := so.SetAttribute(attribute, "1"); err != nil {
			return so, err
		}
	}
	return so, nil
}

// with calls do while the disk is there, its file in dir, and somebody serves it, who logs to the directory logs.
func (d disk) with(ctx context.Context, root lio.Root, dir, logs string, do func(lio.StorageObject) error) (err error) {
	for _, daemon := range d.daemons {
		end, err := daemon.start(ctx, logs)
		if err != nil {
			return err
		}
		defer end()
	}
	path := filepath.Join(dir, d.name+".img")
	if _, err := backend.CreateFile(path, size); err != nil {
		return err
	}
	defer os.Remove(path)
	so, err := d.create(root, path)
	if err != nil {
		return err
	}
	defer func() {
		if e := so.Delete(); err == nil {
			err = e
		}
	}()
	return do(so)
}
