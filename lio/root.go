// Package lio is the kernel's target configuration - the configfs tree below /sys/kernel/config/target - as Go values:
// storage objects, targets, target portal groups, nexuses and LUNs. It is to Go what rtslib is to Python.
//
// The values hold paths, never state: what exists is what configfs says at the moment of asking, so targetcli, a shell
// script and this package can work on one host. Only the order of creation is guarded, by the lock file that rtslib uses
// too. A create that fails leaves nothing behind.
//
// Writing to the tree can wait for whoever serves a device: LUN creation and removal send it SCSI commands. No lock is
// held then.
package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is where the tree hangs.
type Root struct {
	// Dir is the root of the file system that sys, dev, etc and run are looked for in. Empty: the running system's.
	Dir string
	// Kernel makes the changes. Nil: the running kernel.
	Kernel Kernel
}

// Open returns the tree of the running kernel. Where it is not there yet, configfs is mounted and the modules
// target_core_mod and target_core_user are loaded, which takes root; to read a tree that is there takes no rights.
func Open() (Root, error) {
	r := Root{}
	if err := mountConfigfs(r.path("sys/kernel/config")); err != nil {
		return r, err
	}
	return r, r.Prepare()
}

// Prepare loads the core of the target and its userspace back end, unless they are there, and makes the directory that
// the core keeps persistent reservations in. The core chooses that directory when it is loaded, and without it every
// PERSISTENT RESERVE OUT fails.
func (r Root) Prepare() error {
	if err := r.makeReservationDir("etc/target"); err != nil {
		return err
	}
	for _, m := range []Module{coreModule, userModule} {
		if err := r.load(m); err != nil {
			return err
		}
	}
	dbroot, err := r.target().read("dbroot")
	if err != nil || dbroot == "" {
		return nil // kernels before 4.18 have one fixed place
	}
	return r.makeReservationDir(dbroot)
}

// makeReservationDir does nothing, and says nothing, for a user who may only read.
func (r Root) makeReservationDir(dbroot string) error {
	err := os.MkdirAll(r.path(dbroot, "pr"), 0o700)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil
	}
	return err
}

// StorageObjects lists the storage objects of all plugins, whoever made them, ordered by HBA number and name.
func (r Root) StorageObjects() ([]StorageObject, error) {
	core := r.target().child("core")
	hbas, err := core.dirs()
	if err != nil {
		return nil, err
	}
	var all []StorageObject
	for _, hba := range hbas {
		plugin, number, ok := parseHBA(hba)
		if !ok {
			continue // core/alua
		}
		names, err := core.child(hba).dirs()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, r.storageObject(plugin, number, name))
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.HBA < b.HBA || a.HBA == b.HBA && a.Name < b.Name
	})
	return all, nil
}

// Named lists the storage objects of a name, of all plugins: with thousands of others it is much quicker than to look
// through StorageObjects.
func (r Root) Named(name string) ([]StorageObject, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, nil
	}
	core := r.target().child("core")
	hbas, err := core.dirs()
	if err != nil {
		return nil, err
	}
	var found []StorageObject
	for _, hba := range hbas {
		plugin, number, ok := parseHBA(hba)
		if ok && exists(core.path+"/"+hba+"/"+name) {
			found = append(found, r.storageObject(plugin, number, name))
		}
	}
	return found, nil
}

// User is the TCMU device name of HBA user_hba, whether it exists or not.
func (r Root) User(hba int, name string) StorageObject { return r.storageObject("user", hba, name) }

func (r Root) storageObject(plugin string, hba int, name string) StorageObject {
	dir := r.target().child("core", fmt.Sprintf("%s_%d", plugin, hba), name)
	return StorageObject{node: dir, root: r, Plugin: plugin, HBA: hba, Name: name}
}

// parseHBA takes "rd_mcp_3" apart into "rd_mcp" and 3.
func parseHBA(dir string) (plugin string, number int, ok bool) {
	i := strings.LastIndexByte(dir, '_')
	if i <= 0 {
		return "", 0, false
	}
	number, err := strconv.Atoi(dir[i+1:])
	return dir[:i], number, err == nil && number >= 0
}

// LUNs lists the LUNs of all fabrics, whoever made them, those of fabrics that this package cannot create too.
func (r Root) LUNs() ([]LUN, error) {
	fabrics, err := r.Fabrics()
	if err != nil {
		return nil, err
	}
	var all []LUN
	for _, f := range fabrics {
		targets, err := f.Targets()
		if err != nil {
			return nil, err
		}
		for _, t := range targets {
			luns, err := t.LUNs()
			if err != nil {
				return nil, err
			}
			all = append(all, luns...)
		}
	}
	return all, nil
}

// target is the tree's own top, where core and the fabrics are.
func (r Root) target() node {
	k := r.Kernel
	if k == nil {
		k = running{}
	}
	return node{kernel: k, path: r.path("sys/kernel/config/target")}
}

func (r Root) path(elem ...string) string {
	return filepath.Join(append([]string{"/", r.Dir}, elem...)...)
}

// lock takes the lock under which HBA numbers are chosen, by us and by rtslib, and what devices of I_T nexuses are called.
// It is held for a few changes that wait for nobody, and given back by the function returned.
func (r Root) lock() (unlock func(), err error) {
	f, err := os.OpenFile(r.path("var/run/rtslib_backstore.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, explain(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return func() { f.Close() }, nil
}
