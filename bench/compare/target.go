package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// target is a kind of disk to be measured.
type target struct {
	name   string
	limit  int  // hw_max_sectors; 0: the kernel's 128 blocks, which are 64 KiB
	large  bool // only workloads with large commands tell it from another
	create func(t target, b *bench) (lio.StorageObject, error)
	serve  func(ctx context.Context, so lio.StorageObject, s *servers) (*handler, error) // nil: the kernel does
}

// mebibyte is the longest command that the loopback fabric carries, in blocks.
const mebibyte = 2048

var targets = []target{
	{name: "rd_mcp", create: kernelRAM},
	{name: "kernel fileio", create: kernelFile},
	{name: "tcmu-runner", limit: mebibyte, create: runnerFile, serve: byRunner},
	{name: "tcmu-runner 64k", large: true, create: runnerFile, serve: byRunner},
	{name: "ceiling sleep", limit: mebibyte, create: bare, serve: byCeiling()},
	{name: "ceiling spin", limit: mebibyte, create: bare, serve: byCeiling("--spin", looks)},
	{name: "ceiling copy sleep", limit: mebibyte, create: bare, serve: byCeiling("--copy")},
	{name: "ceiling copy spin", limit: mebibyte, create: bare, serve: byCeiling("--copy", "--spin", looks)},
	{name: "tcmud ramdisk", limit: mebibyte, create: ours("ramdisk"), serve: byTcmud},
	{name: "tcmud fileio", limit: mebibyte, create: ours("fileio"), serve: byTcmud},
	{name: "tcmud fileio direct", limit: mebibyte, create: ours("fileio", "direct", "1"), serve: byTcmud},
	{name: "tcmud null", limit: mebibyte, create: ours("null"), serve: byTcmud},
}

// looks is how often a C handler that spins looks at the ring before it sleeps.
const looks = "20000"

// suits says whether a workload is run on the target.
func (t target) suits(w workload) bool { return w.large || !t.large }

// object is the name of the target's storage object.
func (t target) object() string { return strings.ReplaceAll(t.name, " ", "-") }

// file makes a file for the target, which is all zeros until the disk is filled.
func (t target) file(b *bench) (path string, err error) {
	path = filepath.Join(b.dir, t.object()+".img")
	_, err = backend.CreateFile(path, b.size)
	return path, err
}

// user makes a TCMU device.
func (t target) user(b *bench, config string) (lio.StorageObject, error) {
	return b.root.CreateUser(lio.User{Name: t.object(), Config: config, Size: b.size, HWMaxSectors: t.limit})
}

func kernelRAM(t target, b *bench) (lio.StorageObject, error) {
	return b.root.CreateKernelObject(lio.KernelObject{Plugin: "rd_mcp", Name: t.object(), Control: fmt.Sprintf("rd_pages=%d", b.size/4096)})
}

// kernelFile is buffered, as targetcli makes it.
func kernelFile(t target, b *bench) (lio.StorageObject, error) {
	path, err := t.file(b)
	if err != nil {
		return lio.StorageObject{}, err
	}
	return b.root.CreateKernelObject(lio.KernelObject{Plugin: "fileio", Name: t.object(), UdevPath: path,
		Control: fmt.Sprintf("fd_dev_name=%s,fd_dev_size=%d,fd_buffered_io=1", path, b.size)})
}

// runnerFile is a raw image, which Debian's tcmu-runner serves through its qcow handler: it has no other for files.
func runnerFile(t target, b *bench) (lio.StorageObject, error) {
	path, err := t.file(b)
	if err != nil {
		return lio.StorageObject{}, err
	}
	return t.user(b, "qcow/"+path)
}

// bare is a device that nobody knows who does not serve it.
func bare(t target, b *bench) (lio.StorageObject, error) { return t.user(b, "ceiling/"+t.object()) }

// ours is a disk of tcmud's, as tcmuctl makes it, with options: names and values in turn.
func ours(kind string, options ...string) func(target, *bench) (lio.StorageObject, error) {
	return func(t target, b *bench) (so lio.StorageObject, err error) {
		c := backend.Config{Kind: kind}
		for i := 0; i < len(options); i += 2 {
			if err := c.Options.Set(options[i], options[i+1]); err != nil {
				return so, err
			}
		}
		u := lio.User{Name: t.object(), Size: b.size, HWMaxSectors: t.limit}
		if kind == "fileio" {
			if c.Path, err = t.file(b); err != nil {
				return so, err
			}
			u.Attributes = map[string]string{"emulate_write_cache": "1"}
		}
		u.Config = c.String()
		return b.root.CreateUser(u)
	}
}
