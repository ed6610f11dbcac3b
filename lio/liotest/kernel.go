// Package liotest has a kernel for tests: a directory that behaves as the target's configfs does, as far as package lio
// and its users can tell. It needs no root, no modules and no daemon.
package liotest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tcmud/tcmud/lio"
)

// Kernel is a lio.Kernel over a directory of its own, with the same layout as a running system: sys, dev, etc, var.
type Kernel struct {
	// Dir is the root of the file system it plays.
	Dir string
	// Fail, if not nil, is asked before every change; an error it returns is what the change ends with. The operations
	// are called mkdir, rmdir, write, symlink, unlink and load; path is relative to the top of the tree, for load it is
	// the module.
	Fail func(op, path string) error

	mu    sync.Mutex
	hosts int // SCSI hosts made so far
	uios  int // uio devices made so far
	disks int // disks made so far; the first is sdb
}

// New returns a kernel whose target modules are not loaded yet.
func New(t testing.TB) *Kernel {
	k := &Kernel{Dir: t.TempDir()}
	for _, dir := range []string{"sys/kernel/config", "sys/module", "sys/class/uio", "sys/bus/scsi/devices", "dev", "etc", "var/run"} {
		if err := os.MkdirAll(filepath.Join(k.Dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// Open returns the tree of a new kernel that is ready to make TCMU devices.
func Open(t testing.TB) (lio.Root, *Kernel) {
	k := New(t)
	if err := k.Root().Prepare(); err != nil {
		t.Fatal(err)
	}
	return k.Root(), k
}

// Root is the tree.
func (k *Kernel) Root() lio.Root { return lio.Root{Dir: k.Dir, Kernel: k} }

// Path is a path in the file system that k plays.
func (k *Kernel) Path(elem ...string) string {
	return filepath.Join(append([]string{k.Dir}, elem...)...)
}

// begin locks k, cuts path into its parts below the top of the tree, and asks Fail.
func (k *Kernel) begin(op, path string) ([]string, error) {
	k.mu.Lock()
	rel, err := filepath.Rel(k.top(), path)
	if err != nil || op != "write" && strings.HasPrefix(rel, "..") {
		return nil, fail(op, path, syscall.EXDEV) // beside the tree, files can be written, but nothing can be made
	}
	if k.Fail != nil {
		if err := k.Fail(op, rel); err != nil {
			return nil, fail(op, path, err)
		}
	}
	return strings.Split(rel, "/"), nil
}

func (k *Kernel) top() string { return k.Path("sys/kernel/config/target") }

func fail(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// Load implements lio.Kernel.
func (k *Kernel) Load(module string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Fail != nil {
		if err := k.Fail("load", module); err != nil {
			return err
		}
	}
	if module == "target_core_mod" {
		dbroot := "/var/target"
		if _, err := os.Stat(k.Path("etc/target")); err == nil {
			dbroot = "/etc/target"
		}
		k.fill(k.top(), map[string]string{"core/alua/lu_gps/": "", "dbroot": dbroot, "version": "Target Engine Core ConfigFS Infrastructure v5.0"})
	}
	return os.Mkdir(k.Path("sys/module", module), 0o755)
}

// Mkdir implements lio.Kernel.
func (k *Kernel) Mkdir(path string) error {
	parts, err := k.begin("mkdir", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	content, errno := k.content(parts)
	if errno != 0 {
		return fail("mkdir", path, errno)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	k.fill(path, content)
	return nil
}

// content is what the kernel puts into a new directory: files with their values, directories with a slash at the end.
func (k *Kernel) content(parts []string) (map[string]string, syscall.Errno) {
	isCore := parts[0] == "core"
	switch {
	case isCore && len(parts) == 2:
		return map[string]string{"hba_info": "HBA"}, 0
	case isCore && len(parts) == 3:
		return deviceFiles(strings.HasPrefix(parts[1], "user_")), 0
	case isCore && len(parts) == 5 && parts[3] == "alua":
		return map[string]string{"tg_pt_gp_id": ""}, 0
	case parts[0] == "loopback" && len(parts) == 1:
		if _, err := os.Stat(k.Path("sys/module/tcm_loop")); err != nil {
			return nil, syscall.ENOENT
		}
		return map[string]string{"version": ""}, 0
	case len(parts) == 2:
		k.hosts++
		return map[string]string{".host": fmt.Sprint(k.hosts)}, 0
	case len(parts) == 3 && strings.HasPrefix(parts[2], "tpgt_"):
		host, _ := os.ReadFile(filepath.Join(k.top(), parts[0], parts[1], ".host"))
		address := fmt.Sprintf("%s:0:%s", strings.TrimSpace(string(host)), strings.TrimPrefix(parts[2], "tpgt_"))
		return map[string]string{"lun/": "", "nexus": "", "address": address, "attrib/fabric_prot_type": "0"}, 0
	case len(parts) == 5 && parts[3] == "lun" && strings.HasPrefix(parts[4], "lun_"):
		return map[string]string{"statistics/": "", "alua_tg_pt_gp": ""}, 0
	}
	return nil, syscall.EPERM
}

// deviceFiles is a new storage object, with the defaults of Linux 6.1.
func deviceFiles(user bool) map[string]string {
	files := map[string]string{
		"control": "", "enable": "0", "udev_path": "", "alua/default_tg_pt_gp/": "",
		"info":           "Status: DEACTIVATED  Max Queue Depth: 0",
		"wwn/vendor_id":  "LIO-ORG",
		"wwn/product_id": "", "wwn/revision": "",
		"wwn/vpd_unit_serial": "T10 VPD Unit Serial Number: ",
	}
	if !user {
		return files
	}
	for name, value := range map[string]string{
		"dev_config": "", "dev_size": "0", "hw_block_size": "0", "hw_max_sectors": "0", "nl_reply_supported": "0",
		"max_data_area_mb": "1024", "data_pages_per_blk": "1", "emulate_write_cache": "0", "cmd_time_out": "30",
	} {
		files["attrib/"+name] = value
	}
	files["action/block_dev"] = "unblocked"
	files["action/reset_ring"] = ""
	return files
}

// fill writes files below dir. The directory is k's own: nothing but a broken test machine can make that fail.
func (k *Kernel) fill(dir string, files map[string]string) {
	for name, value := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			panic(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				panic(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
			panic(err)
		}
	}
}

// Rmdir implements lio.Kernel.
func (k *Kernel) Rmdir(path string) error {
	parts, err := k.begin("rmdir", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	if errno := k.removable(parts, path); errno != 0 {
		return fail("rmdir", path, errno)
	}
	if len(parts) == 3 && parts[0] == "core" {
		k.dropUIO(parts)
	}
	return os.RemoveAll(path)
}

// removable says why a directory cannot be removed: it is in use, or has in it what the kernel did not put there.
func (k *Kernel) removable(parts []string, path string) syscall.Errno {
	if _, err := os.Stat(path); err != nil {
		return syscall.ENOENT
	}
	isCore, below := parts[0] == "core", ""
	switch {
	case isCore && len(parts) == 2:
		below = "*"
	case isCore && len(parts) == 3 && k.links(path) > 0:
		return syscall.EBUSY
	case isCore && len(parts) == 3:
		below = "alua/[^d]*" // all but default_tg_pt_gp
	case len(parts) == 2:
		below = "tpgt_*"
	case len(parts) == 3:
		below = "lun/*"
	case len(parts) == 5 && k.linkIn(path) != "":
		return syscall.ENOTEMPTY
	}
	if below != "" && k.hasDir(filepath.Join(path, below)) {
		return syscall.ENOTEMPTY
	}
	return 0
}

func (k *Kernel) hasDir(pattern string) bool {
	found, _ := filepath.Glob(pattern)
	return slices.ContainsFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	})
}
