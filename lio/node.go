package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Kernel makes changes to the tree. Reading needs none of it: files are files. Errors are *fs.PathError or
// *os.LinkError, and name the path.
type Kernel interface {
	// Mkdir makes a directory; the kernel fills it with the files and directories of the object it stands for.
	Mkdir(path string) error
	// Rmdir removes a directory with what the kernel put into it; what else is in it makes it fail.
	Rmdir(path string) error
	// Write gives the file at path, which must exist, a value, in one write(2).
	Write(path, value string) error
	// Symlink makes a link called path to object.
	Symlink(object, path string) error
	// Unlink removes a link.
	Unlink(path string) error
	// Load loads a kernel module.
	Load(module string) error
}

// running is the kernel that runs.
type running struct{}

func (running) Mkdir(path string) error           { return os.Mkdir(path, 0o755) }
func (running) Symlink(object, path string) error { return os.Symlink(object, path) }
func (running) Unlink(path string) error          { return os.Remove(path) }
func (running) Load(module string) error          { return modprobe(module) }

// Rmdir is rmdir(2) alone: os.Remove would try to unlink(2) first, and report that error.
func (running) Rmdir(path string) error {
	if err := unix.Rmdir(path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

func (running) Write(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// node is a directory of the tree: what all objects have in common.
type node struct {
	kernel Kernel
	path   string
}

// Path is the directory in configfs that the object is.
func (n node) Path() string { return n.path }

// Exists reports whether the object is there.
func (n node) Exists() bool { return exists(n.path) }

func exists(dir string) bool {
	var st unix.Stat_t
	return unix.Stat(dir, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func (n node) child(elem ...string) node {
	return node{n.kernel, filepath.Join(append([]string{n.path}, elem...)...)}
}

// dirs names the directories in n, sorted. A directory that is not there has none.
func (n node) dirs() ([]string, error) { return n.entries(fs.ModeDir) }

// links names the symbolic links in n, sorted.
func (n node) links() ([]string, error) { return n.entries(fs.ModeSymlink) }

// linked is what they point to.
func (n node) linked() ([]string, error) {
	links, err := n.links()
	for i, link := range links {
		if links[i], err = os.Readlink(filepath.Join(n.path, link)); err != nil {
			return nil, err
		}
	}
	return links, err
}

func (n node) entries(kind fs.FileMode) ([]string, error) {
	list, err := os.ReadDir(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	var names []string
	for _, e := range list {
		if e.Type() == kind {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read returns the value of a file in n, without the white space around it.
func (n node) read(file string) (string, error) {
	b, err := os.ReadFile(filepath.Join(n.path, file))
	return strings.TrimSpace(string(b)), explain(err)
}

func (n node) write(file, value string) error {
	return explain(n.kernel.Write(filepath.Join(n.path, file), value))
}

func (n node) mkdir() error { return explain(n.kernel.Mkdir(n.path)) }

func (n node) rmdir() error { return explain(n.kernel.Rmdir(n.path)) }

// File reads a file of the object that has no method of its own, without the white space around it.
func (n node) File(name string) (string, error) { return n.read(name) }

// SetFile writes a file of the object that has no method of its own.
func (n node) SetFile(name, value string) error { return n.write(name, value) }

// Attribute reads the attribute name (attrib/name).
func (n node) Attribute(name string) (string, error) { return n.read("attrib/" + name) }

// SetAttribute writes the attribute name (attrib/name).
func (n node) SetAttribute(name, value string) error { return n.set("attrib", name, value) }

// Attributes lists the attributes that can be read, sorted by name. An object without any has none.
func (n node) Attributes() ([]Attribute, error) { return n.settings("attrib") }

// Parameter reads the parameter name (param/name): what an iSCSI TPG offers in negotiation.
func (n node) Parameter(name string) (string, error) { return n.read("param/" + name) }

// SetParameter writes the parameter name (param/name).
func (n node) SetParameter(name, value string) error { return n.set("param", name, value) }

// Parameters lists the parameters that can be read, sorted by name. An object without any has none.
func (n node) Parameters() ([]Attribute, error) { return n.settings("param") }

// set writes a file of one of the directories of an object that hold settings.
func (n node) set(dir, name, value string) error {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q is no name of a setting: %s/%s lists them", name, n.path, dir)
	}
	file := filepath.Join(n.path, dir, name)
	if info, err := os.Stat(file); err == nil && info.Mode()&0o200 == 0 {
		return fmt.Errorf("%s is read-only: the kernel keeps it as it is", file)
	}
	return n.write(dir+"/"+name, value)
}

// Attribute is one file of an object's attrib or param directory.
type Attribute struct {
	Name     string
	Value    string
	Writable bool // false: the kernel has made it read-only
}

func (n node) settings(dir string) ([]Attribute, error) {
	list, err := os.ReadDir(filepath.Join(n.path, dir))
	if errors.Is(err, fs.ErrNotExist) && n.Exists() {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	var all []Attribute
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o400 == 0 {
			continue
		}
		value, err := n.read(dir + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, Attribute{e.Name(), value, info.Mode()&0o200 != 0})
	}
	return all, nil
}

// explain adds to an error what to do about it, where that is known.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run as root (sudo)", err)
	case errors.Is(err, unix.ESRCH): // netlink has no listener
		return fmt.Errorf("%w: the kernel changes this only if a daemon listens: start tcmud", err)
	}
	return err
}
