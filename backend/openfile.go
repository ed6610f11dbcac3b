package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// FileOptions are what OpenFile may be told.
type FileOptions struct {
	// ReadOnly opens for reading; several processes may do so at once.
	ReadOnly bool
	// DeviceOnly refuses what is not a block device.
	DeviceOnly bool
	// Direct goes past the page cache (O_DIRECT): each operation waits for the device, and no memory holds what it read.
	Direct bool
	// Size in bytes is how much of the file is used, at most all of it. 0: all.
	Size int64
	// BlockSize in bytes is what the sizes must be multiples of. 0: 512.
	BlockSize int64
	// Journals is the directory of the journals of atomic writes, durable like the file itself: the file's is found there by
	// what identifies the file, whatever path leads to it. "": no atomic writes.
	Journals string
}

// OpenFile opens a regular file or a block device that exists. A regular file is locked (flock(2)), a block device is
// opened exclusively, so that neither is served twice and no mounted device is served at all.
func OpenFile(path string, opt FileOptions) (*File, error) {
	if opt.BlockSize == 0 {
		opt.BlockSize = 512
	}
	f := &File{path: path, fd: -1, block: opt.BlockSize, direct: opt.Direct, readOnly: opt.ReadOnly}
	err := f.open(opt)
	if err == nil {
		return f, nil
	}
	if f.fd >= 0 {
		f.Close()
	}
	kind := "fileio"
	if opt.DeviceOnly {
		kind = "block"
	}
	return nil, fmt.Errorf("%s: %w", kind, err)
}

func (f *File) open(opt FileOptions) error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) && !opt.DeviceOnly {
		return fmt.Errorf("%s does not exist: give a size to create it: %w", f.path, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	if f.device, err = isBlockDevice(f.path, info.Mode()); err != nil {
		return err
	}
	if opt.DeviceOnly && !f.device {
		return fmt.Errorf("%s is a regular file: use fileio for it", f.path)
	}
	if err := f.openDescriptor(); err != nil {
		return err
	}
	size, err := f.usable(opt.Size)
	if err != nil {
		return err
	}
	f.size.Store(size)
	f.identity = f.owner()
	if f.device {
		err = f.describeDevice()
	} else {
		f.describeRegular(info)
	}
	switch {
	case err != nil:
	case f.direct:
		err = f.describeDirect()
	case !f.readOnly:
		f.busy = newExtents()
	}
	if err != nil || f.readOnly || opt.Journals == "" {
		return err
	}
	return f.openJournal(opt.Journals)
}

// isBlockDevice tells the two kinds of file that can be a disk, and refuses the others.
func isBlockDevice(path string, mode fs.FileMode) (bool, error) {
	switch {
	case mode.IsRegular():
		return false, nil
	case mode.IsDir():
		return false, fmt.Errorf("%s is a directory: name a file in it", path)
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		return true, nil
	}
	return false, fmt.Errorf("%s is neither a regular file nor a block device (%s): name one that is", path, mode)
}

func (f *File) openDescriptor() error {
	flags := unix.O_RDWR
	how := unix.LOCK_EX
	if f.readOnly {
		flags, how = unix.O_RDONLY, unix.LOCK_SH
	}
	// Without O_NONBLOCK a FIFO put in place of the file since we looked would block us.
	flags |= unix.O_CLOEXEC | unix.O_NONBLOCK
	if f.device {
		flags |= unix.O_EXCL // EBUSY when mounted, in use by md or dm, or served already
	}
	if f.direct {
		flags |= unix.O_DIRECT
	}
	fd, err := unix.Open(f.path, flags, 0)
	switch {
	case err == nil:
		f.fd = fd
	case err == unix.EBUSY:
		return fmt.Errorf("%s is in use: unmount it, or stop what else uses it (\"lsblk %[1]s\" shows it): %w", f.path, err)
	case f.direct && err == unix.EINVAL:
		return f.notDirect(err)
	case !f.readOnly && (err == unix.EROFS || err == unix.EACCES || err == unix.EPERM):
		return f.notWritable(err)
	default:
		return &os.PathError{Op: "open", Path: f.path, Err: err}
	}
	if f.device {
		return nil // a lock would do no more than O_EXCL does, and udev takes it for a sign to keep off the device
	}
	return lock(fd, how, f.path)
}

func (f *File) notWritable(err error) error {
	return fmt.Errorf("%s cannot be opened for writing: check its permissions, and that its file system or device is not read-only: %w", f.path, err)
}

// usable is the size that the disk has when size bytes are asked for, 0: all. Block devices have no size in stat(2), but
// an end, which may have moved since they were opened.
func (f *File) usable(size int64) (int64, error) {
	have, err := unix.Seek(f.fd, 0, unix.SEEK_END)
	if err != nil {
		return 0, &os.PathError{Op: "seek", Path: f.path, Err: err}
	}
	if size == 0 {
		size = have
	}
	switch {
	case have == 0 && f.device:
		return 0, fmt.Errorf("%s has size 0: is there a medium in it?", f.path)
	case have == 0:
		return 0, fmt.Errorf("%s has size 0: give it one with \"truncate -s SIZE %[1]s\"", f.path)
	case size < 0 || size%f.block != 0:
		return 0, fmt.Errorf("%s: size %d is not a multiple of the block size %d: change one of them", f.path, size, f.block)
	case size > have && f.device:
		return 0, fmt.Errorf("%s has %d bytes, %d are asked for: ask for less", f.path, have, size)
	case size > have:
		return 0, fmt.Errorf("%s has %d bytes, %d are asked for: enlarge it with \"truncate -s %[3]d %[1]s\", or ask for less", f.path, have, size)
	}
	return size, nil
}

// describeRegular finds out what the file system can do. Whether it punches holes shows behind the end, where nothing is.
func (f *File) describeRegular(info fs.FileInfo) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err == nil && st.Blksize&(st.Blksize-1) == 0 {
		f.granule = int64(st.Blksize)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(f.fd, &fs); err == nil {
		f.plain = fs.Type == unix.EXT4_SUPER_MAGIC || fs.Type == unix.TMPFS_MAGIC
	}
	f.discards = Emulated
	if f.readOnly {
		return
	}
	if err := fallocate(f.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, info.Size(), 512); err == nil {
		f.discards = Native
	}
}
