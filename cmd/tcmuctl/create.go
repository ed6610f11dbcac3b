package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

var ramdiskKind = kind{
	name: "ramdisk",
	commands: []command{{
		name: "create", help: "make a disk in memory; it takes only what is written to it",
		params: append([]param{nameParam, {name: "size", help: "10M, 1G ...", is: size, required: true}}, identityParams...),
		run:    createRamdisk,
	}, deleteObject},
	below:    []*kind{&objectKind},
	children: objectsOfSort,
	find:     findObject,
	status:   countObjects,
}

var fileioKind = kind{
	name: "fileio",
	commands: []command{{
		name: "create", help: "make a disk of a file or a block device",
		params: append([]param{
			nameParam,
			{name: "file_or_dev", help: "a regular file, made if a size is given, or a block device", is: file, required: true},
			{name: "size", help: "10M, 1G ...; left out: that of the file or device", is: size},
			{name: "write_back", help: "false: data is on stable storage before a write is done; true if left out", is: boolean, keyword: true},
		}, identityParams...),
		run: createFileio,
	}, deleteObject},
	below:    []*kind{&objectKind},
	children: objectsOfSort,
	find:     findObject,
	status:   countObjects,
}

var nameParam = param{name: "name", help: "name of the backstore, and of the product unless product= is given", is: text, required: true}

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

func createRamdisk(ctx context.Context, at *node, a args) (result, error) {
	u := device(a, backend.Config{Kind: "ramdisk"}, a.size("size"))
	if err := at.ready(ctx, u); err != nil {
		return result{}, err
	}
	n, err := at.createDevice(ctx, u)
	if err != nil {
		return result{}, err
	}
	return created(n, fmt.Sprintf("Created ramdisk %s with size %d.", u.Name, u.Size))
}

func createFileio(ctx context.Context, at *node, a args) (result, error) {
	u, err := fileDevice(a)
	if err != nil {
		return result{}, err
	}
	if err := at.ready(ctx, u); err != nil {
		return result{}, err
	}
	made := false
	if a.size("size") > 0 {
		if made, err = backend.CreateFile(u.UdevPath, u.Size); err != nil {
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
	return created(n, fmt.Sprintf("Created fileio %s with size %d", u.Name, u.Size))
}

// fileDevice is the device that the arguments of fileio's create ask for. Without a size the file must be there.
func fileDevice(a args) (lio.User, error) {
	path, err := filepath.Abs(a.text("file_or_dev"))
	if err != nil {
		return lio.User{}, err
	}
	config := backend.Config{Kind: "fileio", Path: path}
	if err := config.Check(); err != nil {
		return lio.User{}, err
	}
	u := device(a, config, a.size("size"))
	u.UdevPath = path
	if a.boolean("write_back", true) {
		u.Attributes = map[string]string{"emulate_write_cache": "1"}
	}
	if u.Size == 0 {
		f, err := backend.OpenFile(path, backend.FileOptions{BlockSize: int64(u.BlockSize)})
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
	return lio.User{
		Name:         a.text("name"),
		Config:       config.String(),
		Size:         size,
		BlockSize:    block,
		HWMaxSectors: maxTransfer / block,
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
	objects, err := storageObjects(n.session)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if o.Plugin == "user" && o.Name == u.Name {
			return fmt.Errorf("storage object %s exists: /backstores/%s/%[1]s: choose another name, or delete that one first", u.Name, o.sort)
		}
	}
	_, err = n.session.daemon.Version(ctx)
	return err
}

// createDevice makes a device and waits until the daemon serves it. When it does not, the device is removed again.
func (n *node) createDevice(ctx context.Context, u lio.User) (*node, error) {
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
