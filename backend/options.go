package backend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Options are what the engine is told of a disk beside its store: attributes that the kernel keeps for its own back ends
// but not for TCMU devices, so that their place is the configuration string. The zero value is the defaults.
type Options struct {
	ReadOnly     bool // readonly=1: the file or device is opened for reading only, and the disk write protected
	Direct       bool // direct=1: the file or device is read and written past the page cache (O_DIRECT)
	WriteProtect bool // write_protect=1: initiators cannot write
	FailFast     bool // fail_fast=1: while the store cannot be reached, commands fail for good; else initiators ask again
	Thick        bool // emulate_tpu=0: no thin provisioning, UNMAP is unknown
	Rotational   bool // is_nonrot=0: the disk says nothing of being a solid state one
	Removable    bool // removable=1: the medium can be ejected and loaded again
	ShortCDBs    bool // emulate_cdb32=0: no command has a CDB of more than 16 bytes
	FailOver     bool // recovery=fail: what a daemon that ended has left in the ring fails, for another path to take; else it is resumed
	Engine       bool // reservations=engine: the disk keeps reservations and access states, a device for each I_T nexus; else the kernel

	// StoreTimeout, store_timeout: how many seconds a command may be with the file or device, which then counts as one that
	// cannot be reached, until it answers; 0: as long as it takes.
	StoreTimeout uint32
	// RetryTime, retry_time: for how many seconds commands are tried again, before an initiator hears, that find the file or
	// device cannot be reached.
	RetryTime uint32

	// PhysicalExponent, physical_exponent: a physical block has 2^PhysicalExponent logical ones; at most 15.
	PhysicalExponent uint32

	// Limits that VPD page B0h reports, in logical blocks; 0: the engine's own.
	OptimalSectors   uint32 // optimal_sectors: OPTIMAL TRANSFER LENGTH
	MaxUnmapLBACount uint32 // max_unmap_lba_count: MAXIMUM UNMAP LBA COUNT
	MaxWriteSameLen  uint32 // max_write_same_len: MAXIMUM WRITE SAME LENGTH
}

// Option is one of the Options as configuration strings spell it.
type Option struct {
	Name  string // LIO's
	Stays bool   // as it is while initiators use the disk

	get func(o *Options) string
	set func(o *Options, value string) error
}

var options = []Option{
	flag("readonly", false, func(o *Options) *bool { return &o.ReadOnly }).stays(),
	flag("direct", false, func(o *Options) *bool { return &o.Direct }).stays(),
	flag("write_protect", false, func(o *Options) *bool { return &o.WriteProtect }),
	flag("fail_fast", false, func(o *Options) *bool { return &o.FailFast }),
	number("store_timeout", "a number of seconds, at most 65535, or 0 for no end", 16, func(o *Options) *uint32 { return &o.StoreTimeout }),
	number("retry_time", "a number of seconds, at most 65535", 16, func(o *Options) *uint32 { return &o.RetryTime }).stays(),
	{"recovery", false, recovery, setRecovery},
	flag("emulate_tpu", true, func(o *Options) *bool { return &o.Thick }).stays(),
	flag("emulate_cdb32", true, func(o *Options) *bool { return &o.ShortCDBs }).stays(),
	flag("is_nonrot", true, func(o *Options) *bool { return &o.Rotational }),
	flag("removable", false, func(o *Options) *bool { return &o.Removable }).stays(),
	{"reservations", true, keeper, setKeeper},
	number("physical_exponent", "a power of two, at most 15", 4, func(o *Options) *uint32 { return &o.PhysicalExponent }).stays(),
	limit("optimal_sectors", func(o *Options) *uint32 { return &o.OptimalSectors }),
	limit("max_unmap_lba_count", func(o *Options) *uint32 { return &o.MaxUnmapLBACount }),
	limit("max_write_same_len", func(o *Options) *uint32 { return &o.MaxWriteSameLen }),
}

// keeper is who keeps reservations.
func keeper(o *Options) string {
	if o.Engine {
		return "engine"
	}
	return "kernel"
}

func setKeeper(o *Options, value string) error {
	if value != "engine" && value != "kernel" {
		return fmt.Errorf("option reservations=%q: give engine or kernel", value)
	}
	o.Engine = value == "engine"
	return nil
}

// recovery is what becomes of commands that have waited while no daemon ran.
func recovery(o *Options) string {
	if o.FailOver {
		return "fail"
	}
	return "resume"
}

func setRecovery(o *Options, value string) error {
	if value != "resume" && value != "fail" {
		return fmt.Errorf("option recovery=%q: give resume or fail", value)
	}
	o.FailOver = value == "fail"
	return nil
}

// flag is an option that is 0 or 1. Its field holds whether it differs from normal.
func flag(name string, normal bool, field func(*Options) *bool) Option {
	return Option{name, false,
		func(o *Options) string {
			if *field(o) != normal {
				return "1"
			}
			return "0"
		},
		func(o *Options, value string) error {
			if value != "0" && value != "1" {
				return fmt.Errorf("option %s=%q: give 0 or 1", name, value)
			}
			*field(o) = (value == "1") != normal
			return nil
		}}
}

// limit is an option that is a number of blocks.
func limit(name string, field func(*Options) *uint32) Option {
	return number(name, "a number of blocks, or 0 for the default", 32, field)
}

// number is an option that is a number of so many bits; what says what it is of.
func number(name, what string, bits int, field func(*Options) *uint32) Option {
	return Option{name, false,
		func(o *Options) string { return strconv.FormatUint(uint64(*field(o)), 10) },
		func(o *Options, value string) error {
			n, err := strconv.ParseUint(value, 10, bits)
			if err != nil {
				return fmt.Errorf("option %s=%q: give %s", name, value, what)
			}
			*field(o) = uint32(n)
			return nil
		}}
}

func (opt Option) stays() Option {
	opt.Stays = true
	return opt
}

// CheckChange reports that one of the options that differ between o and to stays as it is while initiators use the disk.
func (o Options) CheckChange(to Options) error {
	for _, opt := range options {
		if opt.Stays && opt.get(&o) != opt.get(&to) {
			return fmt.Errorf("%s stays as it is while LUNs are made of the device: delete them first", opt.Name)
		}
	}
	return nil
}

// AllOptions lists the options in the order in which configuration strings have them.
func AllOptions() []Option { return slices.Clone(options) }

// Get returns the value of an option by name; ok is false when there is none of that name.
func (o Options) Get(name string) (value string, ok bool) {
	for _, opt := range options {
		if opt.Name == name {
			return opt.get(&o), true
		}
	}
	return "", false
}

// Set changes an option by name. After an error o is as it was.
func (o *Options) Set(name, value string) error {
	for _, opt := range options {
		if opt.Name == name {
			return opt.set(o, value)
		}
	}
	var names []string
	for _, opt := range options {
		names = append(names, opt.Name)
	}
	return fmt.Errorf("unknown option %q: %s are known", name, strings.Join(names, ", "))
}

// String is the options as a configuration string has them: ";name=value" for each that is not as by default.
func (o Options) String() string {
	var b strings.Builder
	var normal Options
	for _, opt := range options {
		if v := opt.get(&o); v != opt.get(&normal) {
			b.WriteString(";" + opt.Name + "=" + v)
		}
	}
	return b.String()
}

// parseOptions reads "name=value;name=value".
func parseOptions(text string) (Options, error) {
	var o Options
	seen := map[string]bool{}
	for _, word := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return Options{}, fmt.Errorf("option %q has no value: write name=value", word)
		}
		if seen[name] {
			return Options{}, fmt.Errorf("option %s is given twice", name)
		}
		seen[name] = true
		if err := o.Set(name, value); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}
