package backend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/backend/backendtest"
)

// suiteSize is neither a multiple of a ramdisk's page nor of its region, but of both block sizes where they allow.
const (
	suiteSize512  = 8<<20 + 3*512
	suiteSize4096 = 8<<20 + 3*4096
)

func TestStores(t *testing.T) {
	for block, size := range map[int64]int64{512: suiteSize512, 4096: suiteSize4096} {
		for _, store := range stores(size) {
			t.Run(fmt.Sprintf("%s/%d", store.name, block), func(t *testing.T) {
				opts := []backendtest.Option{backendtest.BlockSize(block)}
				if store.reopen != nil {
					opts = append(opts, backendtest.Reopen(store.reopen))
				}
				backendtest.Run(t, store.open, opts...)
			})
		}
	}
}

type storeTest struct {
	name         string
	open, reopen func(t *testing.T) backend.Store
}

// stores are all stores of this package that keep what is written, and the wrappers over some of them.
func stores(size int64) []storeTest {
	memfd := func(t *testing.T) backend.Store { return memoryDisk(t, size) }
	return []storeTest{
		{name: "ramdisk", open: memfd},
		named("ramdisk with a name", shmDir, func(t *testing.T, path string) backend.Store {
			s, err := backend.OpenRamdisk(path, size)
			require.NoError(t, err)
			return s
		}),
		named("file", (*testing.T).TempDir, fileDisk(size)),
		named("file with a journal", (*testing.T).TempDir, journaledDisk(size)),
		named("file on tmpfs", shmDir, fileDisk(size)),
		{name: "adapted bytes", open: func(t *testing.T) backend.Store {
			return backend.Adapt(make(byteDisk, size), size)
		}},
		named("adapted file", (*testing.T).TempDir, func(t *testing.T, path string) backend.Store {
			f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(size))
			return backend.Adapt(f, size)
		}),
		{name: "intercepted", open: func(t *testing.T) backend.Store {
			return backend.Intercept(memfd(t), func(backend.Op, int64, int64) error { return nil })
		}},
		{name: "tried again", open: func(t *testing.T) backend.Store { return backend.Retry(memfd(t), time.Second, nil) }},
		{name: "emulated", open: func(t *testing.T) backend.Store { return bare{memfd(t)} }},
	}
}

// bare hides what a store can do besides.
type bare struct{ backend.Store }

// named makes the test of a store that lives in a file, in a folder of its own for each test.
func named(name string, dir func(*testing.T) string, open func(t *testing.T, path string) backend.Store) storeTest {
	var path string
	return storeTest{
		name: name,
		open: func(t *testing.T) backend.Store {
			path = filepath.Join(dir(t), "disk")
			return open(t, path)
		},
		reopen: func(t *testing.T) backend.Store { return open(t, path) },
	}
}

func fileDisk(size int64) func(t *testing.T, path string) backend.Store {
	return func(t *testing.T, path string) backend.Store {
		_, err := backend.CreateFile(path, size)
		require.NoError(t, err)
		s, err := backend.OpenFile(path, backend.FileOptions{})
		require.NoError(t, err)
		return s
	}
}

// journaledDisk is fileDisk with atomic writes. Journals are in the folder of the file.
func journaledDisk(size int64) func(t *testing.T, path string) backend.Store {
	return func(t *testing.T, path string) backend.Store {
		_, err := backend.CreateFile(path, size)
		require.NoError(t, err)
		s, err := backend.OpenFile(path, backend.FileOptions{Journals: filepath.Dir(path)})
		require.NoError(t, err)
		return s
	}
}

func memoryDisk(t testing.TB, size int64) *backend.Ramdisk {
	s, err := backend.NewRamdisk(size)
	require.NoError(t, err)
	return s
}

// shmDir is t.TempDir on a tmpfs.
func shmDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tcmud-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
