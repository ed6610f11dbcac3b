package backend

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Prefix begins the configuration string (dev_config) of every TCMU device that is ours. No subtype of tcmu-runner
// is a prefix of it, nor it of one: tcmu-runner compares by prefix.
const Prefix = "tcmud/"

// Config is the configuration string of a TCMU device, taken apart:
//
//	tcmud/ramdisk
//	tcmud/fileio/tmp/disk0.img
//	tcmud/null
//
// Size, block size and write cache are not in it: configfs has places of its own for them.
type Config struct {
	Kind string // "ramdisk", "fileio", "null"
	Path string // fileio: absolute path of the file or block device; else empty
}

// String is the inverse of ParseConfig.
func (c Config) String() string { return Prefix + c.Kind + c.Path }

// Check reports what of c the kernel or its tools could not carry, or what no store of ours understands. The control
// string of TCMU is cut at commas and line ends, and rtslib's parser at colons.
func (c Config) Check() error {
	switch c.Kind {
	case "ramdisk", "null":
		if c.Path != "" {
			return fmt.Errorf("%s takes no path, got %q", c.Kind, c.Path)
		}
	case "fileio":
		if !filepath.IsAbs(c.Path) {
			return fmt.Errorf("fileio: %q is not an absolute path", c.Path)
		}
	default:
		return fmt.Errorf("unknown kind of store %q: ramdisk, fileio and null are known", c.Kind)
	}
	if i := strings.IndexAny(c.Path, ",:\n\x00"); i >= 0 {
		return fmt.Errorf("path %q holds %q, which the kernel's configuration strings cannot carry: rename it or use a symbolic link", c.Path, c.Path[i])
	}
	if n := len(c.String()); n > 255 {
		return fmt.Errorf("configuration string is %d bytes, the kernel takes 255: use a shorter path", n)
	}
	return nil
}

// ParseConfig takes a configuration string apart and checks it.
func ParseConfig(s string) (Config, error) {
	rest, ok := strings.CutPrefix(s, Prefix)
	if !ok {
		return Config{}, fmt.Errorf("configuration %q is not ours: it does not begin with %q", s, Prefix)
	}
	c := Config{Kind: rest}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		c = Config{Kind: rest[:i], Path: rest[i:]}
	}
	return c, c.Check()
}
