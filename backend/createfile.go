package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// CreateFile makes a sparse file of size bytes, readable by its owner only, for OpenFile. It never changes a file that
// exists: one of exactly that size is used as it is, with its data (created is then false), any other is an error,
// where targetcli would use it and forget the size. What it made is removed when it fails.
func CreateFile(path string, size int64) (created bool, err error) {
	if size <= 0 {
		return false, fmt.Errorf("cannot create %s with size %d: give a size above 0", path, size)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, checkExisting(path, size)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot create %s: make its directory first: %w", path, err)
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(f.Truncate(size), f.Sync(), f.Close()); err != nil {
		return false, errors.Join(
			fmt.Errorf("the file system of %s cannot hold a file of %d bytes, ask for less: %w", path, size, err),
			os.Remove(path))
	}
	// What is written to it durably must not go with its name. Some file systems cannot promise that, and are used all the same.
	if err := syncDirectory(path); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return false, errors.Join(err, os.Remove(path))
	}
	return true, nil
}

// checkExisting reports that path, which exists, is not a regular file of size bytes.
func checkExisting(path string, size int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	block, err := isBlockDevice(path, info.Mode())
	if err != nil {
		return err
	}
	if block {
		return fmt.Errorf("%s is a block device, it has a size: give none: %w", path, fs.ErrExist)
	}
	if info.Size() != size {
		return fmt.Errorf("%s exists with %d bytes, not %d: give no size to use it as it is, or remove it, or name another file: %w",
			path, info.Size(), size, fs.ErrExist)
	}
	return nil
}

// AllocateFile is CreateFile for a file whose space is there from the start: when the file system has too little, it is now
// that it says so.
func AllocateFile(path string, size int64) (created bool, err error) {
	if created, err = CreateFile(path, size); err != nil || !created {
		return created, err
	}
	if err := Allocate(path, 0, size); err != nil {
		return false, errors.Join(err, os.Remove(path))
	}
	return true, nil
}

// Allocate gives a range of a regular file its space. It makes the file as long as it takes.
func Allocate(path string, off, n int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = fallocate(int(f.Fd()), 0, off, n)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the file system of %s has no space for %d bytes, make room or ask for less: %w", path, n, err)
	}
	return nil
}
