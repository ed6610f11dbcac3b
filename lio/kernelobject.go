package lio

import (
	"errors"
	"fmt"
	"strings"
)

// KernelObject says what a storage object is to be that the kernel itself or some other daemon serves.
type KernelObject struct {
	Plugin   string // "fileio", "iblock", "pscsi", "rd_mcp", "user"
	Name     string
	Control  string   // settings as the plugin wants them: "fd_dev_name=/tmp/a,fd_dev_size=1048576"
	UdevPath string   // file or device behind it; empty where there is none
	Identity Identity // empty fields stay what the plugin makes them
}

// CreateKernelObject makes a storage object as LIO's other tools do, and enables it. Of a TCMU device its daemon, if the
// kernel knows one, is asked first, and is waited for. The error wraps fs.ErrExist when there is one of that name. After an
// error nothing is left of it.
func (r Root) CreateKernelObject(o KernelObject) (StorageObject, error) {
	if o.Name == "" || o.Name == "." || o.Name == ".." || strings.ContainsAny(o.Name, "/ \t\n\x00") {
		return StorageObject{}, fmt.Errorf("%q cannot be the name of a storage object", o.Name)
	}
	so, err := r.reserve(o.Plugin, o.Name)
	if err != nil {
		return StorageObject{}, err
	}
	if err := so.configureKernel(o); err != nil {
		return StorageObject{}, errors.Join(fmt.Errorf("create %s: %w", o.Name, err), so.remove())
	}
	return so, nil
}

func (s StorageObject) configureKernel(o KernelObject) error {
	if o.UdevPath != "" {
		if err := s.write("udev_path", o.UdevPath); err != nil {
			return err
		}
	}
	if err := s.write("control", o.Control); err != nil {
		return err
	}
	if err := s.write("enable", "1"); err != nil {
		return err
	}
	return s.SetIdentity(o.Identity)
}
