package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
)

// sizeGroup is the size of a storage object.
var sizeGroup = group{
	help: "the size; initiators are told when it changes",
	list: func(at *node) ([]setting, error) {
		o := at.object.(object)
		if o.Plugin != "user" {
			return nil, nil
		}
		size, err := o.Size()
		return []setting{{name: "size", value: strconv.FormatInt(size, 10), writable: o.ours && o.sort != "pscsi"}}, err
	},
	set: func(ctx context.Context, at *node, _, value string) error {
		size, err := parseSize(value)
		if err != nil {
			return err
		}
		return at.session.resize(ctx, at.object.(object), size)
	},
}

// resize changes the size of what tcmud serves: first of what is behind it, then of the device, then it waits until the
// daemon has followed. When one of these fails all is as it was.
func (s *session) resize(ctx context.Context, o object, size int64) error {
	now, err := s.daemon.Device(ctx, o.HBA, o.Name)
	if err == nil && now.State == control.Attaching { // tcmud has just been started
		soon, cancel := context.WithTimeout(ctx, serveTime)
		defer cancel()
		now, err = s.daemon.Wait(soon, o.HBA, o.Name)
	}
	if err != nil {
		return err
	}
	if now.State != control.Serving {
		return fmt.Errorf("tcmud does not serve %s, it is %s: %s", o.Name, now.State, now.Error)
	}
	before, err := o.Size()
	if err != nil {
		return err
	}
	block, err := o.Attribute("hw_block_size")
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(block, 10, 64); err != nil || n <= 0 || size%n != 0 {
		return fmt.Errorf("%d bytes are not a multiple of the block size %s: round the size up or down", size, block)
	}
	if size == before && size == now.Size {
		return nil
	}
	undo, err := o.makeRoom(size)
	if err != nil {
		return err
	}
	dev := told{"dev_size", strconv.FormatInt(before, 10), strconv.FormatInt(size, 10)}
	err = s.tell(ctx, o, now, dev, func(d control.Device) bool { return d.Size == size })
	if err != nil {
		return errors.Join(err, undo())
	}
	// The disk has its size from its backstore: of the devices of its nexuses, only the kernel and its tools tell it.
	return s.setOnNexuses(o, "dev_size", strconv.FormatInt(size, 10))
}

// makeRoom makes the file behind o long enough. What undo does can be done once the size is as it was before.
func (o object) makeRoom(size int64) (undo func() error, err error) {
	nothing := func() error { return nil }
	path := o.config.Path
	if path == "" {
		return nothing, nil
	}
	have, full, err := extent(path)
	switch {
	case err != nil:
		return nil, err
	case size <= have:
		return nothing, nil
	case full < 0:
		return nil, fmt.Errorf("%s has %d bytes: enlarge it first, or ask for less", path, have)
	case full >= have: // a file without holes gets none
		err = backend.Allocate(path, have, size-have)
	default:
		err = os.Truncate(path, size)
	}
	undo = func() error { return os.Truncate(path, have) }
	if err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

// extent is the length of a file or device, and what of a file has space on its file system; -1 for a device.
func extent(path string) (length, full int64, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	length, err = f.Seek(0, 2)
	if err != nil {
		return 0, 0, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		return length, st.Blocks * 512, nil
	}
	return length, -1, nil
}
