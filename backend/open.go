package backend

import (
	"errors"
	"fmt"
	"os"
)

// OpenOptions is what a store needs to know besides its configuration string. configfs has it, the daemon brings it.
type OpenOptions struct {
	// Size in bytes. 0: all of a file or device; an error for other kinds.
	Size int64
	// BlockSize in bytes of the logical unit. 0: 512.
	BlockSize int64
	// Grow makes a file that does not exist, and a shorter one Size bytes long.
	Grow bool
	// Memory is the path of the file that keeps a ramdisk's contents, usually /dev/shm/tcmud/NAME. "": no file, the
	// contents go with Close.
	Memory string
	// Journals is the directory of the journals of files and devices (FileOptions).
	Journals string
}

// Open opens the store that c describes.
func Open(c Config, opt OpenOptions) (Store, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if opt.BlockSize == 0 {
		opt.BlockSize = 512
	}
	switch {
	case c.Kind == "pscsi":
		return nil, fmt.Errorf("%s is a SCSI device to pass commands to, not a store: open it with scsi/sgio", c.Path)
	case c.Kind == "fileio" || c.Kind == "block":
		if opt.Grow {
			if err := grow(c.Path, opt.Size); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Kind, err)
			}
		}
		return store(OpenFile(c.Path, FileOptions{
			ReadOnly: c.Options.ReadOnly, DeviceOnly: c.Kind == "block", Direct: c.Options.Direct,
			Size: opt.Size, BlockSize: opt.BlockSize, Journals: opt.Journals,
		}))
	case opt.Size <= 0 || opt.Size%opt.BlockSize != 0:
		return nil, fmt.Errorf("%s: size %d is not a multiple, above 0, of the block size %d: change one of them", c.Kind, opt.Size, opt.BlockSize)
	case c.Kind == "null":
		return NewNull(opt.Size), nil
	case opt.Memory == "":
		return store(NewRamdisk(opt.Size))
	}
	return store(reopenRamdisk(opt.Memory, opt.Size))
}

// reopenRamdisk is OpenRamdisk, but gives a ramdisk that has another size the size asked for: it was changed while nobody
// served it.
func reopenRamdisk(path string, size int64) (*Ramdisk, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() == size {
		return OpenRamdisk(path, size)
	}
	r, err := OpenRamdisk(path, info.Size())
	if err != nil {
		return nil, err
	}
	if err := r.Resize(size); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// store keeps the nil pointer of a store that failed to open from becoming a Store that is not nil.
func store[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
