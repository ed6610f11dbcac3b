package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// backstoreKind is a sort of backstore that tcmud serves.
func backstoreKind(name, help string, create func(context.Context, *node, args) (result, error), params ...param) kind {
	return kind{
		name: name,
		commands: []command{
			{name: "create", help: help, params: slices.Concat([]param{nameParam}, params, identityParams), run: create},
			deleteObject,
		},
		below:    []*kind{&objectKind},
		children: objectsOfSort,
		find:     findObject,
		status:   countObjects,
	}
}

var (
	ramdiskKind = backstoreKind("ramdisk", "make a disk in memory; it takes only what is written to it", createUnbacked, sizeParam, keeperParam)
	nullKind    = backstoreKind("null", "make a disk for benchmarks: it reads as zeros and forgets what is written", createUnbacked, sizeParam, keeperParam)
	blockKind   = backstoreKind("block", "make a disk of a block device", createBlock,
		param{name: "dev", help: "a block device that nobody uses", is: file, required: true},
		param{name: "readonly", help: "true: open it for reading only; true for a device that is read-only if left out", is: boolean, keyword: true},
		directParam, keeperParam)
	fileioKind = backstoreKind("fileio", "make a disk of a file or a block device", createFileio,
		param{name: "file_or_dev", help: "a regular file, made if a size is given, or a block device", is: file, required: true},
		param{name: "size", help: "10M, 1G ...; left out: that of the file or device", is: size},
		param{name: "write_back", help: "false: data is on stable storage before a write is done; true if left out", is: boolean, keyword: true},
		param{name: "sparse", help: "false: a file that is made has all its space from the start; true if left out", is: boolean, keyword: true},
		directParam, keeperParam)
)

var (
	nameParam = param{name: "name", help: "name of the backstore, and of the product unless product= is given", is: text, required: true}
	sizeParam = param{name: "size", help: "10M, 1G ...", is: typedSize, required: true}
)

// directParam is for what could be in the page cache.
var directParam = param{
	name: "direct", is: boolean, keyword: true,
	help: "true: read and write past this host's page cache (O_DIRECT); false if left out",
}

// keeperParam says who keeps reservations and access states.
var keeperParam = param{
	name: "reservations", is: keeper, keyword: true,
	help: "engine: tcmud keeps reservations and access states, and has a device for each initiator; kernel if left out",
}

var keeper = value{"kernel|engine", func(s string) (any, error) {
	if s != "kernel" && s != "engine" {
		return nil, fmt.Errorf("%q keeps no reservations: give kernel or engine", s)
	}
	return s, nil
}, values("kernel", "engine")}

// givenSize is a size in bytes, and as it was typed: targetcli repeats it so.
type givenSize struct {
	bytes int64
	text  string
}

var typedSize = value{size.name, func(s string) (any, error) {
	n, err := parseSize(s)
	return givenSize{n, s}, err
}, nil}

// identityParams are what can be said of any disk.
var identityParams = []param{
	{name: "block_size", help: "length of a logical block in bytes; 512 if left out", is: blockSize, keyword: true},
	{name: "wwn", help: "unit serial number; a random UUID if left out", is: text, keyword: true},
	{name: "vendor", help: "vendor identification, at most 8 characters; LIO-ORG if left out", is: text, keyword: true},
	{name: "product", help: "product identification, at most 16 characters", is: text, keyword: true},
	{name: "revision", help: "product revision level, at most 4 characters", is: text, keyword: true},
}

// maxTransfer is the longest transfer in bytes that a disk offers to take in one command: what vhost, the most capable
// fabric, can carry.
const maxTransfer = 8 << 20

// createUnbacked makes a disk with nothing behind it but memory, or nothing at all.
func createUnbacked(ctx context.Context, at *node, a args) (result, error) {
	size := a["size"].(givenSize)
	u := device(a, backend.Config{Kind: at.name}, size.bytes)
	n, err := at.createDevice(ctx, u)
	if err != nil {
		return result{}, err
	}
	return created(n, fmt.Sprintf("Created %s %s with size %s.", at.name, u.Name, size.text))
}

// createBlock makes a disk of a block device. Unless it is said whether it is to be read-only, the device decides.
func createBlock(ctx context.Context, at *node, a args) (result, error) {
	config := backend.Config{Kind: "block"}
	config.Options.Direct = a.boolean("direct", false)
	config.Options.ReadOnly = a.boolean("readonly", false)
	u, err := backed(a, config, "dev")
	if _, said := a["readonly"]; !said && errors.Is(err, syscall.EROFS) {
		config.Options.ReadOnly = true
		u, err = backed(a, config, "dev")
	}
	if err != nil {
		return result{}, err
	}
	n, err := at.createDevice(ctx, u)
	if err != nil {
		return result{}, err
	}
	return created(n, fmt.Sprintf("Created block storage object %s using %s.", u.Name, a.text("dev")))
}

func createFileio(ctx context.Context, at *node, a args) (result, error) {
	config := backend.Config{Kind: "fileio"}
	config.Options.Direct = a.boolean("direct", false)
	u, err := backed(a, config, "file_or_dev")
	if err != nil {
		return result{}, err
	}
	if a.boolean("write_back", true) {
		u.Attributes["emulate_write_cache"] = "1"
	}
	if err := at.ready(ctx, u); err != nil {
		return result{}, err
	}
	made := false
	if a.size("size") > 0 {
		create := backend.CreateFile
		if !a.boolean("sparse", true) {
			create = backend.AllocateFile
		}
		if made, err = create(u.UdevPath, u.Size); err != nil {
			return result{}, err
		}
	}
	n, err := at.createDevice(ctx, u)
	if err != nil {
		if made {
			err = errors.Join(err, os.Remove(u.UdevPath))
		}
		return result{}, err
	}
	text := fmt.Sprintf("Created fileio %s with size %d", u.Name, u.Size)
	if info, err := os.Stat(u.UdevPath); err == nil && info.Mode()&fs.ModeDevice != 0 {
		text = "Note: block backstore preferred for best results\n" + text
	}
	return created(n, text)
}

// backed is the device with the file or device behind it that a parameter names. Without a size it must be there, and
// has one.
func backed(a args, config backend.Config, param string) (lio.User, error) {
	path, err := filepath.Abs(a.text(param))
	if err != nil {
		return lio.User{}, err
	}
	config.Path = path
	if err := config.Check(); err != nil {
		return lio.User{}, err
	}
	u := device(a, config, a.size("size"))
	u.UdevPath = path
	if u.Size == 0 {
		f, err := backend.OpenFile(path, backend.FileOptions{
			BlockSize: int64(u.BlockSize), ReadOnly: config.Options.ReadOnly, DeviceOnly: config.Kind == "block",
			Direct: config.Options.Direct,
		})
		if err != nil {
			return lio.User{}, err
		}
		u.Size = f.Size()
		return u, f.Close()
	}
	return u, nil
}

// device is the TCMU device that the arguments of a create command ask for.
func device(a args, config backend.Config, size int64) lio.User {
	block := a.number("block_size", 512)
	attributes := map[string]string{}
	if config.Options.Engine = a.text("reservations") == "engine"; config.Options.Engine {
		attributes = lio.EngineAttributes()
	}
	return lio.User{
		Name:         a.text("name"),
		Config:       config.String(),
		Size:         size,
		BlockSize:    block,
		HWMaxSectors: maxTransfer / block,
		Attributes:   attributes,
		Identity: lio.Identity{
			Vendor: a.text("vendor"), Product: a.text("product"), Revision: a.text("revision"), Serial: a.text("wwn"),
		},
	}
}

// ready finds what stands against making u, before anything is made for it.
func (n *node) ready(ctx context.Context, u lio.User) error {
	if err := u.Check(); err != nil {
		return err
	}
	root, err := n.session.tree()
	if err != nil {
		return err
	}
	objects, err := root.Named(u.Name)
	if err != nil {
		return err
	}
	for _, so := range objects {
		if so.Plugin != "user" {
			continue
		}
		o, _ := classify(so) // its sort is only for the message
		return fmt.Errorf("storage object %s exists: /backstores/%s/%[1]s: choose another name, or delete that one first", u.Name, o.sort)
	}
	_, err = n.session.daemon.Version(ctx)
	return err
}

// createDevice makes a device and waits until the daemon serves it. When it does not, the device is removed again.
func (n *node) createDevice(ctx context.Context, u lio.User) (*node, error) {
	if err := n.ready(ctx, u); err != nil {
		return nil, err
	}
	root, err := n.session.tree()
	if err != nil {
		return nil, err
	}
	so, err := root.CreateUser(u)
	if err != nil {
		return nil, err
	}
	if err := n.session.waitServed(ctx, so); err != nil {
		return nil, errors.Join(err, so.Delete())
	}
	return n.child(u.Name)
}

// created is the result of having made n.
func created(n *node, text string) (result, error) {
	v, err := look(n, 0)
	return result{text, v}, err
}
