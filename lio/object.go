package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// StorageObject is a directory core/PLUGIN_HBA/NAME: a device that LUNs can be made of.
type StorageObject struct {
	node
	root Root
	// Plugin is the kernel's name of the back end: "user" (TCMU), "fileio", "iblock", "pscsi", "rd_mcp".
	Plugin string
	// HBA is the number of the HBA. By convention, which rtslib keeps, numbers are unique over all plugins and each
	// HBA holds one storage object.
	HBA  int
	Name string
}

// Enabled reports whether the device has been configured: a TCMU device then has its ring and its uio device.
func (s StorageObject) Enabled() (bool, error) {
	v, err := s.read("enable")
	return v == "1", err
}

// Activated reports whether any LUN is made of the device. targetcli calls it so.
func (s StorageObject) Activated() (bool, error) {
	info, err := s.Info()
	return strings.HasPrefix(info, "Status: ACTIVATED"), err
}

// Info is what the kernel tells of the device in its own format, which differs by plugin and version.
func (s StorageObject) Info() (string, error) { return s.read("info") }

// UdevPath is the file or device behind the object, for display; empty when nobody has set it.
func (s StorageObject) UdevPath() (string, error) { return s.read("udev_path") }

// Incarnation tells one life of the device from another: it changes when the device is deleted and made again with the
// same HBA number and name. It is the inode number of the directory. The error wraps fs.ErrNotExist as soon as the kernel
// has begun to remove the device: its directory can still be seen for a while, without a link, and longer than its uio device.
func (s StorageObject) Incarnation() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(s.path, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: s.path, Err: err}
	}
	if st.Nlink == 0 {
		return 0, &fs.PathError{Op: "stat", Path: s.path, Err: fs.ErrNotExist}
	}
	return st.Ino, nil
}

// BlockDev stops (true) or resumes (false) the flow of commands to a TCMU device: commands that come in while it is
// stopped end with BUSY, and initiators try them again.
func (s StorageObject) BlockDev(stop bool) error {
	value := "0"
	if stop {
		value = "1"
	}
	return s.act("block_dev", value)
}

// Reset is how ResetRing ends the commands that are in the ring.
type Reset int

// The values are the kernel's.
const (
	ResetBusy Reset = 1 // with BUSY: initiators try them again
	ResetFail Reset = 2 // with CHECK CONDITION, LOGICAL UNIT COMMUNICATION FAILURE: initiators see an error
)

// ResetRing empties the ring of a TCMU device and repairs one that the kernel has declared broken. The memory of all
// commands is reused at once: whoever still does I/O into it must have been stopped.
func (s StorageObject) ResetRing(how Reset) error {
	return s.act("reset_ring", strconv.Itoa(int(how)))
}

// FreeKeptBuffer gives back the memory of a command of a TCMU device, by its ring id, that was completed with KEEP_BUF.
func (s StorageObject) FreeKeptBuffer(id uint16) error {
	return s.act("free_kept_buf", strconv.Itoa(int(id)))
}

// announceTime is how long a device may be announced before it is enabled.
const announceTime = time.Second

// act writes to a file of the action directory. The kernel tells daemons of a new device from within its enabling and
// takes no actions until that is done: who is quick meets EINVAL, and should only try again.
func (s StorageObject) act(file, value string) error {
	for deadline := time.Now().Add(announceTime); ; time.Sleep(time.Millisecond) {
		enabled, err := s.Enabled()
		if err != nil {
			return err
		}
		err = s.write("action/"+file, value)
		if enabled || !errors.Is(err, unix.EINVAL) || time.Now().After(deadline) {
			return err
		}
	}
}

// UIO names the uio device of a TCMU device ("uio3"). The error wraps fs.ErrNotExist when there is none, which is so
// until the device is enabled.
func (s StorageObject) UIO() (string, error) {
	class := node{path: s.root.path("sys/class/uio")}
	want := fmt.Sprintf("tcm-user/%d/%s/", s.HBA, s.Name) // the configuration string follows, unless it is empty
	list, err := os.ReadDir(class.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range list {
		name, err := class.read(e.Name() + "/name")
		if err != nil {
			continue // it went away between the two readings
		}
		if strings.HasPrefix(name+"/", want) {
			return e.Name(), nil
		}
	}
	return "", fmt.Errorf("no uio device for user_%d/%s: %w", s.HBA, s.Name, fs.ErrNotExist)
}

// LUNs lists the LUNs made of the object, of all fabrics.
func (s StorageObject) LUNs() ([]LUN, error) {
	all, err := s.root.LUNs()
	if err != nil {
		return nil, err
	}
	var mine []LUN
	for _, l := range all {
		if so, err := l.StorageObject(); err == nil && so == s {
			mine = append(mine, l)
		}
	}
	return mine, nil
}

// InUseError says which LUNs keep a storage object from being deleted.
type InUseError struct {
	Object string // name of the object
	LUNs   []LUN
}

func (e *InUseError) Error() string {
	paths := make([]string, len(e.LUNs))
	for i, l := range e.LUNs {
		paths[i] = l.String()
	}
	return fmt.Sprintf("storage object %s is in use by %s: delete the LUN first", e.Object, strings.Join(paths, ", "))
}

// Delete removes the object and its HBA. An object that LUNs are made of is refused with an *InUseError. It may wait
// for the daemon that serves the device only if that daemon has asked the kernel for a say (never a device of ours).
func (s StorageObject) Delete() error {
	if !s.Exists() {
		return fmt.Errorf("no storage object %s (%s): %w", s.Name, s.path, fs.ErrNotExist)
	}
	// The object knows whether it is in use. Only to say by whom, all LUNs are looked at.
	activated, err := s.Activated()
	if err != nil {
		return err
	}
	if activated {
		return s.inUse(unix.EBUSY)
	}
	err = s.remove()
	if errors.Is(err, unix.EBUSY) {
		return s.inUse(err)
	}
	return err
}

// inUse is an *InUseError, or the kernel's if the user of the object is gone by now.
func (s StorageObject) inUse(err error) error {
	luns, lunsErr := s.LUNs()
	if len(luns) > 0 {
		return &InUseError{s.Name, luns}
	}
	return errors.Join(fmt.Errorf("storage object %s (%s) is in use: %w: try again", s.Name, s.path, err), lunsErr)
}

// remove takes away the object, what was put below it, and the HBA if it is empty then.
func (s StorageObject) remove() error {
	groups, err := s.child("alua").dirs()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if g == "default_tg_pt_gp" {
			continue // the kernel's own, it goes with the object
		}
		if err := s.child("alua", g).rmdir(); err != nil {
			return err
		}
	}
	if err := s.rmdir(); err != nil {
		return err
	}
	err = s.child("..").rmdir()
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
		return nil // others live there, or it is gone
	}
	return err
}
