package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestParseRunnerConfig(t *testing.T) {
	for config, path := range map[string]string{
		"file//srv/disk0.img":  "/srv/disk0.img",
		"file/srv/disk0.img":   "/srv/disk0.img",
		"file/../../disk0.img": "/disk0.img",
		"file//a;b=c":          "/a;b=c",
	} {
		c, err := backend.ParseRunnerConfig(config)
		require.NoError(t, err, config)
		require.Equal(t, backend.Config{Kind: "fileio", Path: path}, c, config)
	}
	for config, message := range map[string]string{
		"":                     "not for tcmu-runner's files",
		"file":                 "not for tcmu-runner's files",
		"file_optical/x":       "not for tcmu-runner's files",
		"tcmud/fileio/srv/x":   "not for tcmu-runner's files",
		"file//srv/a\x00b.img": "cannot carry",
	} {
		_, err := backend.ParseRunnerConfig(config)
		require.ErrorContains(t, err, message, config)
	}
}

// A store that may grow is a file as long as asked for, with the data that was in it.
func TestOpenGrows(t *testing.T) {
	for _, test := range []struct {
		name  string
		there []byte // nil: no file
		want  []byte
	}{
		{name: "missing", want: make([]byte, 1024)},
		{name: "empty", there: []byte{}, want: make([]byte, 1024)},
		{name: "shorter", there: []byte("abc"), want: append([]byte("abc"), make([]byte, 1021)...)},
		{name: "long enough", there: append([]byte("abc"), make([]byte, 1021)...), want: append([]byte("abc"), make([]byte, 1021)...)},
		{name: "longer", there: make([]byte, 2048), want: make([]byte, 2048)},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			if test.there != nil {
				require.NoError(t, os.WriteFile(path, test.there, 0o600))
			}
			s, err := backend.Open(backend.Config{Kind: "fileio", Path: path}, backend.OpenOptions{Size: 1024, Grow: true})
			require.NoError(t, err)
			require.Equal(t, int64(1024), s.Size())
			require.NoError(t, s.Close())
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestOpenGrowsNoDirectory(t *testing.T) {
	dir := t.TempDir()
	_, err := backend.Open(backend.Config{Kind: "fileio", Path: dir}, backend.OpenOptions{Size: 1 << 30, Grow: true})
	require.ErrorContains(t, err, "is a directory")
	_, err = backend.Open(backend.Config{Kind: "fileio", Path: dir + "/no/disk"}, backend.OpenOptions{Size: 1024, Grow: true})
	require.ErrorContains(t, err, "make its directory first")
}
