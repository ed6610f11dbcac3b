package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Probe reports why no store can be made of c now: what Path names is not there, or is of another kind. It opens
// nothing, so that it may be asked about what is in use.
func (c Config) Probe() error {
	if c.Path == "" {
		return nil
	}
	info, err := os.Stat(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %s does not exist: make it first: %w", c.Kind, c.Path, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	if c.Kind == "pscsi" {
		if info.Mode()&fs.ModeCharDevice == 0 {
			return fmt.Errorf("pscsi: %s is not the sg node of a SCSI device: \"lsscsi -g\" lists them", c.Path)
		}
		return nil
	}
	device, err := isBlockDevice(c.Path, info.Mode())
	if err == nil && c.Kind == "block" && !device {
		err = fmt.Errorf("%s is a regular file: use fileio for it", c.Path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Kind, err)
	}
	return nil
}
