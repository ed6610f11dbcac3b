package backend

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Prefix begins the configuration string (dev_config) of every TCMU device that is ours. No subtype of tcmu-runner
// is a prefix of it, nor it of one: tcmu-runner compares by prefix.
const Prefix = "tcmud/"

// Kinds are the kinds of store that a configuration string can name.
var Kinds = []string{"block", "fileio", "null", "pscsi", "ramdisk"}

// Config is the configuration string of a TCMU device, taken apart:
//
//	tcmud/ramdisk
//	tcmud/fileio/tmp/disk0.img
//	tcmud/fileio;write_protect=1;emulate_tpu=0/srv/disk0.img
//	tcmud/block/dev/vdb
//	tcmud/pscsi/dev/sg3
//	tcmud/null
//
// Size, block size and write cache are not in it: configfs has places of its own for them.
type Config struct {
	Kind    string  // one of Kinds
	Options Options // the zero value is the defaults
	Path    string  // fileio, block, pscsi: absolute path of the file or device; else empty
}

// String is the configuration string of c. Options that are as they are by default are not in it.
func (c Config) String() string { return Prefix + c.Kind + c.Options.String() + c.Path }

// Check reports what of c the kernel or its tools could not carry, or what no store of ours understands. The control
// string of TCMU is cut at commas and line ends, and rtslib's parser at colons.
func (c Config) Check() error {
	switch c.Kind {
	case "ramdisk", "null":
		if c.Path != "" {
			return fmt.Errorf("%s takes no path, got %q", c.Kind, c.Path)
		}
	case "fileio", "block", "pscsi":
		if !filepath.IsAbs(c.Path) {
			return fmt.Errorf("%s: %q is not an absolute path", c.Kind, c.Path)
		}
	default:
		last := len(Kinds) - 1
		return fmt.Errorf("unknown kind of store %q: %s and %s are known", c.Kind, strings.Join(Kinds[:last], ", "), Kinds[last])
	}
	if c.Kind == "pscsi" && c.Options != (Options{}) {
		return fmt.Errorf("pscsi takes no options, got %q: the device itself decides", c.Options)
	}
	if c.Options.ReadOnly && c.Path == "" {
		return fmt.Errorf("readonly is for files and devices: use write_protect for a %s", c.Kind)
	}
	if c.Options.Direct && c.Path == "" {
		return fmt.Errorf("direct is for files and devices: a %s has no page cache to go past", c.Kind)
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
	var c Config
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, c.Path = rest[:i], rest[i:]
	}
	kind, options, given := strings.Cut(rest, ";")
	c.Kind = kind
	if given && slices.Contains(Kinds, kind) {
		var err error
		if c.Options, err = parseOptions(options); err != nil {
			return Config{}, fmt.Errorf("configuration %q: %w", s, err)
		}
	}
	return c, c.Check()
}
