package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Module is a kernel module that this package loads when it is first needed.
type Module struct {
	Name   string // "tcm_loop"
	Option string // that a kernel is built with to have it: "CONFIG_LOOPBACK_TARGET"
}

var (
	coreModule = Module{"target_core_mod", "CONFIG_TARGET_CORE"}
	userModule = Module{"target_core_user", "CONFIG_TCM_USER2"}
)

// Modules are the modules that every TCMU device needs, and those of the fabrics.
func Modules() (core, fabrics []Module) {
	for _, d := range drivers {
		fabrics = append(fabrics, d.module)
	}
	return []Module{coreModule, userModule}, fabrics
}

// Loaded reports whether the kernel has loaded m. A kernel that has it built in may not say so.
func (r Root) Loaded(m Module) bool {
	_, err := os.Stat(r.path("sys/module", m.Name))
	return err == nil
}

// load loads m unless it is loaded. A module built into the kernel counts as loaded by modprobe's own list.
func (r Root) load(m Module) error {
	if r.Loaded(m) {
		return nil
	}
	err := r.target().kernel.Load(m.Name)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("kernel module %s is not loaded and cannot be: run as root (sudo)", m.Name)
	}
	if err != nil {
		return fmt.Errorf("kernel module %s cannot be loaded: %w: the kernel needs %s (Debian: linux-image-amd64 and linux-image-cloud-amd64 have it; Ubuntu: install linux-modules-extra-$(uname -r))",
			m.Name, err, m.Option)
	}
	return nil
}

// modprobe loads a module into the running kernel.
func modprobe(module string) error {
	if os.Geteuid() != 0 {
		return fs.ErrPermission
	}
	return runModprobe(module)
}

// Loadable asks modprobe whether it could load a module, and loads nothing.
func Loadable(module string) error { return runModprobe("--dry-run", module) }

func runModprobe(args ...string) error {
	path, err := exec.LookPath("modprobe")
	if err != nil {
		// A root's PATH may lack sbin, where the program is.
		path = "/sbin/modprobe"
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no modprobe: install the package kmod")
	}
	if text := strings.TrimSpace(string(out)); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}

// configfsMagic is what statfs(2) calls configfs.
const configfsMagic = 0x62656570

// mountConfigfs mounts configfs at dir unless it is mounted there.
func mountConfigfs(dir string) error {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil && st.Type == configfsMagic {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("configfs is not mounted at %s: run as root (sudo)", dir)
	}
	// The directory is the module's own: it is there once the module is loaded, or built in.
	if _, err := os.Stat(dir); err != nil {
		if err := modprobe("configfs"); err != nil {
			return fmt.Errorf("kernel module configfs cannot be loaded: %w: the kernel needs CONFIG_CONFIGFS_FS", err)
		}
	}
	if err := unix.Mount("configfs", dir, "configfs", 0, ""); err != nil {
		return fmt.Errorf("mount configfs at %s: %w", dir, err)
	}
	return nil
}
