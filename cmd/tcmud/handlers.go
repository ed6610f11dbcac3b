package main

import (
	"errors"
	"io/fs"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/dbus"
)

// handlers are what targetcli shows as "user:tcmud" and "user:file" and creates devices for.
var handlers = []dbus.Handler{{
	Name: "tcmud",
	Description: `KIND, options and, for some kinds, a path:
  ramdisk         memory of this host
  fileio/PATH     a file or block device that exists, of at least SIZE
  block/DEVICE    a block device
  pscsi/DEVICE    a SCSI device by its sg node, as it is
  null            nothing: reads zeros, forgets what is written
Options stand after the KIND: fileio;write_protect=1/srv/disk0.img
For a write cache, set attribute emulate_write_cache=1 later.`,
	Check: func(config string) error {
		c, err := backend.ParseConfig(config)
		if err != nil {
			return err
		}
		return c.Probe()
	},
}, {
	Name:        "file",
	StandsIn:    true,
	Description: "The path of a file, as for tcmu-runner: a file that does not exist is made, one that is too short gets longer.",
	Check: func(config string) error {
		c, err := backend.ParseRunnerConfig(config)
		if err != nil {
			return err
		}
		if err := c.Probe(); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	},
}}
