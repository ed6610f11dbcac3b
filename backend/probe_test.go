package backend_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "disk")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []backend.Config{
		{Kind: "ramdisk"}, {Kind: "null"}, {Kind: "fileio", Path: file},
		{Kind: "pscsi", Path: "/dev/null"}, // a character device is all that is asked for
	} {
		require.NoError(t, c.Probe(), c)
	}
	for _, test := range []struct {
		config  backend.Config
		message string
	}{
		{backend.Config{Kind: "fileio", Path: dir + "/nowhere"}, dir + "/nowhere does not exist: make it first"},
		{backend.Config{Kind: "fileio", Path: dir}, "is a directory: name a file in it"},
		{backend.Config{Kind: "fileio", Path: "/dev/null"}, "neither a regular file nor a block device"},
		{backend.Config{Kind: "block", Path: file}, "is a regular file: use fileio for it"},
		{backend.Config{Kind: "block", Path: dir + "/nowhere"}, "does not exist"},
		{backend.Config{Kind: "pscsi", Path: file}, `"lsscsi -g" lists them`},
	} {
		require.ErrorContains(t, test.config.Probe(), test.message, test.config)
	}
	require.ErrorIs(t, backend.Config{Kind: "fileio", Path: dir + "/nowhere"}.Probe(), fs.ErrNotExist)
}
