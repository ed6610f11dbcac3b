package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// usual is the size of disks: more than the 32 MiB that one WRITE SAME is tried with, and so little that it is overwritten
// within the five seconds that the client gives a command.
const usual = 48 << 20

// disk is a kind of disk to be tested.
type disk struct {
	name    string
	about   string
	ours    bool
	writes  string   // pattern of the tests in which the client may write and sanitize
	fabrics []string // over which the client can have it; nil: all
	tests   string   // pattern of those that are run on it
	size    int64    // bytes
	engine  bool     // a LUN is made of a device for each I_T nexus

	daemons []inside.Daemon // what serves it, in the order of starting
	create  func(root lio.Root, path string, size int64) (lio.StorageObject, error)
}

var disks = []disk{
	ours("thin", "thin provisioned, one logical block to the physical block"),
	ours("physical", "thin provisioned, eight logical blocks to the physical block", "physical_exponent", "3"),
	ours("removable", "thin provisioned, with a medium that can be removed, and without commands of 32 bytes",
		"removable", "1", "emulate_cdb32", "0"),
	// Most tests that write want to succeed.
	ours("protected", "write protected; not over /dev/sdX, which the client would open for writing",
		"write_protect", "1").onlyWrittenIn("SCSI.ReadOnly.*").over("sg", "iscsi"),
	ours("engine", "as removable, and it keeps reservations itself: each initiator has a device of its own",
		"removable", "1", "emulate_cdb32", "0", "reservations", "engine").withNexuses(),
	ours("large", "as thin, and with 1 GiB: to sanitize it takes longer than the three seconds for which a test waits").sized(1 << 30).onlyFor("SCSI.Sanitize.Reset").over("iscsi"),
	{name: "fileio", about: "the kernel's own fileio backstore, with emulate_tpu=1 and emulate_tpws=1",
		writes: everyTest, create: createKernelFile},
	{name: "tcmu-runner", about: "Debian's tcmu-runner, whose qcow handler serves a raw image",
		writes: everyTest, daemons: []inside.Daemon{inside.SystemBus, inside.TcmuRunner}, create: createRunnerFile},
}

func (d disk) onlyWrittenIn(tests string) disk {
	d.writes = tests
	return d
}

func (d disk) over(fabrics ...string) disk {
	d.fabrics = fabrics
	return d
}

func (d disk) onlyFor(tests string) disk {
	d.tests = tests
	return d
}

func (d disk) sized(bytes int64) disk {
	d.size = bytes
	return d
}

func (d disk) withNexuses() disk {
	d.engine = true
	return d
}

// ours is a disk of tcmud's with options, names and values in turn, in a file.
func ours(name, about string, options ...string) disk {
	return disk{name: name, about: about, ours: true, writes: everyTest, daemons: []inside.Daemon{inside.Tcmud},
		create: func(root lio.Root, path string, size int64) (lio.StorageObject, error) {
			config := backend.Config{Kind: "fileio", Path: path}
			for i := 0; i < len(options); i += 2 {
				if err := config.Options.Set(options[i], options[i+1]); err != nil {
					return lio.StorageObject{}, err
				}
			}
			return root.CreateUser(lio.User{Name: name, Config: config.String(), Size: size,
				Attributes: attributes(config)})
		}}
}

func attributes(c backend.Config) map[string]string {
	a := map[string]string{"emulate_write_cache": "1"}
	if c.Options.Engine {
		maps.Copy(a, lio.EngineAttributes())
	}
	return a
}

// createRunnerFile names the file in a way that tcmu-runner does not take for a path from where it was started.
func createRunnerFile(root lio.Root, path string, size int64) (lio.StorageObject, error) {
	return root.CreateUser(lio.User{Name: "runner", Config: "qcow/" + path, Size: size})
}

func createKernelFile(root lio.Root, path string, size int64) (lio.StorageObject, error) {
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

// bytes is the size of the disk.
func (d disk) bytes() int64 { return cmp.Or(d.size, usual) }

// suits says whether a test is run on the disk over a fabric.
func (d disk) suits(f fabric, t test) bool {
	return matches(d.tests, string(t)) && (d.fabrics == nil || slices.Contains(d.fabrics, f.name)) && (f.wire || t.family() != "iSCSI")
}

// with calls do while the disk is there, its file in dir, and somebody serves it, who logs to the directory logs.
func (d disk) with(ctx context.Context, root lio.Root, dir, logs string, do func(lio.StorageObject) error) (err error) {
	for _, daemon := range d.daemons {
		process, err := daemon.Start(ctx, logs)
		if err != nil {
			return err
		}
		defer process.End()
	}
	path := filepath.Join(dir, d.name+".img")
	if _, err := backend.CreateFile(path, d.bytes()); err != nil {
		return err
	}
	defer os.Remove(path)
	so, err := d.create(root, path, d.bytes())
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
