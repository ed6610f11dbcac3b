// Package liotest has a kernel for tests: a directory that behaves as the target's configfs does, as far as package lio
// and its users can tell. It needs no root, no modules and no daemon. What it refuses, Linux 6.1 refuses with the same
// error.
package liotest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

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
	// NobodyListens makes the kernel refuse what it would have to tell a daemon over netlink.
	NobodyListens bool

	mu    sync.Mutex
	hosts map[string]int    // the SCSI host that a loopback target is
	links map[string]int    // how many links there are to an object
	rtpi  map[string]int    // the relative target port identifier that an object has given last
	uio   map[string]string // the uio device of a storage object
	words map[string]words  // what a storage object of the kernel's own has been told
	host  int               // the last SCSI host
	uios  int               // uio devices made so far
	disks int               // disks made so far; the first is sdb
}

// New returns a kernel whose target modules are not loaded yet.
func New(t testing.TB) *Kernel {
	k := &Kernel{
		Dir: tempDir(t), hosts: map[string]int{}, links: map[string]int{}, rtpi: map[string]int{}, uio: map[string]string{}, words: map[string]words{},
	}
	for _, dir := range []string{"sys/kernel/config", "sys/module", "sys/class/uio", "sys/bus/scsi/devices", "dev", "etc", "var/run"} {
		if err := os.MkdirAll(filepath.Join(k.Dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// tempDir is in memory, where there is room: configfs is not on a disk either, and has a great many small files.
func tempDir(t testing.TB) string {
	const memory, room = "/dev/shm", 1 << 30
	var st unix.Statfs_t
	if unix.Statfs(memory, &st) != nil || st.Bavail < room/uint64(st.Bsize) {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "liotest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
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

func (k *Kernel) top() string { return k.Path("sys/kernel/config/target") }

// begin locks k, makes path relative to the top of the tree, and asks Fail.
func (k *Kernel) begin(op, path string) (string, error) {
	k.mu.Lock()
	rel, err := filepath.Rel(k.top(), path)
	if err != nil || op != "write" && strings.HasPrefix(rel, "..") {
		return "", fail(op, path, syscall.EXDEV) // beside the tree, files can be written, but nothing can be made
	}
	if k.Fail != nil {
		if err := k.Fail(op, rel); err != nil {
			return "", fail(op, path, err)
		}
	}
	return rel, nil
}

func fail(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// Load implements lio.Kernel.
func (k *Kernel) Load(module string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.load(module)
}

func (k *Kernel) load(module string) error {
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
		k.fill(k.top(), files{"core/alua/lu_gps/": "", "dbroot": dbroot, "version": "Target Engine Core ConfigFS Infrastructure v5.0"})
	}
	return os.Mkdir(k.Path("sys/module", module), 0o755)
}

func (k *Kernel) loaded(module string) bool {
	_, err := os.Stat(k.Path("sys/module", module))
	return err == nil
}

// files are files with their values, by path below some directory. A path that ends with a slash is a directory's, a
// value that begins with readOnly that of a file which the kernel lets nobody write.
type files map[string]string

const readOnly = "\x00"

// and adds files below a directory.
func (f files) and(dir string, more files) files {
	for name, value := range more {
		f[dir+name] = value
	}
	return f
}

// fill makes and writes files below dir. The directory is k's own: nothing but a broken test machine can make that fail.
func (k *Kernel) fill(dir string, f files) {
	made := map[string]bool{}
	for name, value := range f {
		below, file := path.Split(name)
		if !made[below] {
			if err := os.MkdirAll(filepath.Join(dir, below), 0o755); err != nil {
				panic(err)
			}
			made[below] = true
		}
		if file == "" {
			continue
		}
		mode := fs.FileMode(0o644)
		value, isReadOnly := strings.CutPrefix(value, readOnly)
		if isReadOnly {
			mode = 0o444
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), mode); err != nil {
			panic(err)
		}
	}
}

// set gives a file a value. One that others may not write, the kernel still can.
func set(path, value string) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode()
	}
	value, isReadOnly := strings.CutPrefix(value, readOnly)
	if isReadOnly {
		mode = 0o444
	}
	if mode&0o200 == 0 {
		os.Chmod(path, 0o644)
		defer os.Chmod(path, mode)
	}
	if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
		panic(err)
	}
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}
