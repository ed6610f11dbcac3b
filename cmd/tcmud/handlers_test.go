package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What targetcli is told before it makes a device.
func TestHandlersCheckConfigurations(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk0.img")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, test := range []struct{ handler, config, wrong string }{
		{"tcmud", "tcmud/ramdisk", ""},
		{"tcmud", "tcmud/null;write_protect=1", ""},
		{"tcmud", "tcmud/fileio" + file, ""},
		{"tcmud", "tcmud/fileio" + file + "x", "disk0.imgx does not exist: make it first"},
		{"tcmud", "tcmud/block" + file, "use fileio for it"},
		{"tcmud", "tcmud/rbd/pool", "unknown kind of store"},
		{"tcmud", "tcmud/ramdisk;colour=blue", `"colour"`},
		{"file", "file/" + file, ""},
		{"file", "file/" + file + "x", ""}, // it is made
		{"file", "file/" + filepath.Dir(file), "is a directory"},
		{"file", "file//a:b", "cannot carry"},
	} {
		for _, h := range handlers {
			if h.Name != test.handler {
				continue
			}
			err := h.Check(test.config)
			if test.wrong == "" {
				require.NoError(t, err, test.config)
			} else {
				require.ErrorContains(t, err, test.wrong, test.config)
			}
		}
	}
	require.Equal(t, []bool{false, true}, []bool{handlers[0].StandsIn, handlers[1].StandsIn})
}
