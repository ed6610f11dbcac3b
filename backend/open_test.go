package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, 8192), 0o600))
	memory := filepath.Join(shmDir(t), "rd0")
	for _, test := range []struct {
		name   string
		config backend.Config
		opt    backend.OpenOptions
		want   backend.Store // of the same type
		size   int64
	}{
		{"null", backend.Config{Kind: "null"}, backend.OpenOptions{Size: 1 << 30}, (*backend.Null)(nil), 1 << 30},
		{"ramdisk", backend.Config{Kind: "ramdisk"}, backend.OpenOptions{Size: 1 << 20}, (*backend.Ramdisk)(nil), 1 << 20},
		{"ramdisk with a name", backend.Config{Kind: "ramdisk"},
			backend.OpenOptions{Size: 1 << 20, BlockSize: 4096, Memory: memory}, (*backend.Ramdisk)(nil), 1 << 20},
		{"file", backend.Config{Kind: "fileio", Path: path}, backend.OpenOptions{}, (*backend.File)(nil), 8192},
		{"part of a file, read-only", backend.Config{Kind: "fileio", Path: path, Options: backend.Options{ReadOnly: true}},
			backend.OpenOptions{Size: 4096, BlockSize: 4096}, (*backend.File)(nil), 4096},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := backend.Open(test.config, test.opt)
			require.NoError(t, err)
			require.IsType(t, test.want, s)
			require.Equal(t, test.size, s.Size())
			require.Equal(t, test.config.Options.ReadOnly, backend.Resolve(s).Traits().ReadOnly)
			require.NoError(t, s.Close())
		})
	}
	require.FileExists(t, memory)
}

// The size of a ramdisk may be changed while nobody serves it.
func TestOpenRamdiskThatHasAnotherSize(t *testing.T) {
	memory := filepath.Join(shmDir(t), "rd0")
	for _, size := range []int64{1 << 20, 4 << 20, 64 << 10} {
		s, err := backend.Open(backend.Config{Kind: "ramdisk"}, backend.OpenOptions{Size: size, Memory: memory})
		require.NoError(t, err)
		require.Equal(t, size, s.Size())
		if size == 1<<20 {
			require.NoError(t, s.Writev([][]byte{[]byte("kept")}, 0, false))
		}
		holds(t, s, 0, []byte("kept"))
		require.NoError(t, s.Close())
	}
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(file, make([]byte, 8192), 0o600))
	ramdisk, null := backend.Config{Kind: "ramdisk"}, backend.Config{Kind: "null"}
	for _, test := range []struct {
		name    string
		config  backend.Config
		opt     backend.OpenOptions
		message string
	}{
		{"nothing", backend.Config{}, backend.OpenOptions{}, "unknown kind of store"},
		{"no size", null, backend.OpenOptions{}, "size 0 is not a multiple, above 0, of the block size 512"},
		{"no multiple", ramdisk, backend.OpenOptions{Size: 4096 + 512, BlockSize: 4096}, "size 4608 is not a multiple"},
		{"read-only ramdisk", backend.Config{Kind: "ramdisk", Options: backend.Options{ReadOnly: true}},
			backend.OpenOptions{Size: 512}, "use write_protect"},
		{"a file as a device", backend.Config{Kind: "block", Path: file}, backend.OpenOptions{}, "is a regular file: use fileio"},
		{"pscsi", backend.Config{Kind: "pscsi", Path: "/dev/sg0"}, backend.OpenOptions{}, "/dev/sg0 is a SCSI device to pass commands to"},
		{"missing file", backend.Config{Kind: "fileio", Path: "/nowhere/disk"}, backend.OpenOptions{}, "give a size to create it"},
		{"ramdisk on no tmpfs", ramdisk, backend.OpenOptions{Size: 512, Memory: "/proc/rd0"}, "choose a path under /dev/shm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := backend.Open(test.config, test.opt)
			require.ErrorContains(t, err, test.message)
			require.True(t, s == nil, "a store that failed to open is nil, not a nil pointer in an interface")
		})
	}
}
