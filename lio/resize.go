package lio

import (
	"fmt"
	"regexp"
	"strconv"
)

// Config is the configuration string (dev_config) of a TCMU device.
func (s StorageObject) Config() (string, error) {
	if err := s.mustBeUser("configuration string"); err != nil {
		return "", err
	}
	return s.Attribute("dev_config")
}

// SetConfig changes the configuration string of a TCMU device, also while LUNs are made of it, and with it the name of its
// uio device. The kernel tells the daemon, and refuses (ESRCH) when none listens.
func (s StorageObject) SetConfig(config string) error {
	if err := s.mustBeUser("configuration string"); err != nil {
		return err
	}
	if err := checkConfig(config); err != nil {
		return err
	}
	return s.SetAttribute("dev_config", config)
}

// SetSize changes the size of a TCMU device, in bytes, also while LUNs are made of it. The kernel tells the daemon, which
// tells initiators, and refuses (ESRCH) when none listens.
func (s StorageObject) SetSize(bytes int64) error {
	if err := s.mustBeUser("size that could be set"); err != nil {
		return err
	}
	block, err := s.Attribute("hw_block_size")
	if err != nil {
		return err
	}
	if bs, err := strconv.ParseInt(block, 10, 64); err != nil || bs <= 0 || bytes <= 0 || bytes%bs != 0 {
		return fmt.Errorf("size %d: use a positive multiple of the block size, %s", bytes, block)
	}
	return s.SetAttribute("dev_size", strconv.FormatInt(bytes, 10))
}

func (s StorageObject) mustBeUser(what string) error {
	if s.Plugin == "user" {
		return nil
	}
	return fmt.Errorf("storage object %s (%s) is one of the kernel's own, of %s: it has no %s", s.Name, s.path, s.Plugin, what)
}

// Where the kernel's own back ends tell the size in info. A block device is asked itself.
var (
	fileioSize  = regexp.MustCompile(`  Size: (\d+)  Mode:`)
	ramdiskSize = regexp.MustCompile(`PAGES/PAGE_SIZE: (\d+)\*(\d+)`)
	iblockSize  = regexp.MustCompile(`Major: (\d+) Minor: (\d+)`)
)

// Size is the size in bytes. A pscsi object has none that the kernel knows.
func (s StorageObject) Size() (int64, error) {
	if s.Plugin == "user" {
		v, err := s.Attribute("dev_size")
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(v, 10, 64)
	}
	info, err := s.Info()
	if err != nil {
		return 0, err
	}
	if m := fileioSize.FindStringSubmatch(info); m != nil {
		return strconv.ParseInt(m[1], 10, 64)
	}
	if m := ramdiskSize.FindStringSubmatch(info); m != nil {
		return product(m[1], m[2])
	}
	if m := iblockSize.FindStringSubmatch(info); m != nil {
		sectors, err := node{path: s.root.path("sys/dev/block", m[1]+":"+m[2])}.read("size")
		if err != nil {
			return 0, err
		}
		return product(sectors, "512")
	}
	return 0, fmt.Errorf("the kernel does not tell the size of storage object %s (%s), of %s", s.Name, s.path, s.Plugin)
}

func product(a, b string) (int64, error) {
	x, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return 0, err
	}
	y, err := strconv.ParseInt(b, 10, 64)
	return x * y, err
}
