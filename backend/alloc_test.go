package backend_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// The path of READ and WRITE does not allocate, whatever the segments and whatever wraps the store.
func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates; the test runs without it")
	}
	const size = 16 << 20
	file := fileDisk(size)(t, filepath.Join(t.TempDir(), "disk"))
	defer file.Close()
	path := filepath.Join(directDir(t), "disk")
	require.NoError(t, fileDisk(size)(t, path).Close())
	direct := openDirect(t, path, 512)
	defer direct.Close()
	memory := memoryDisk(t, size)
	defer memory.Close()
	pass := func(backend.Op, int64, int64) error { return nil }
	for name, store := range map[string]backend.Store{
		"null":               backend.NewNull(size),
		"ramdisk":            memory,
		"file":               file,
		"direct file":        direct,
		"medium of a file":   backend.Resolve(file),
		"medium of the bare": backend.Resolve(bare{memory}),
		"intercepted":        backend.Intercept(memory, pass),
		"adapted":            backend.Adapt(make(byteDisk, size), size),
	} {
		for segments, iov := range map[string][][]byte{
			"1":         {make([]byte, 4096)},
			"unaligned": {make([]byte, 4097)[1:]},
			"64":        split(64, 4096),
			"1500":      split(1500, 512), // two calls of a file
		} {
			t.Run(name+"/"+segments, func(t *testing.T) {
				off := int64(0)
				require.Zero(t, testing.AllocsPerRun(200, func() {
					noError(t, store.Writev(iov, off, false))
					noError(t, store.Readv(iov, off))
					off = (off + 4096) % (size / 2)
				}))
			})
		}
	}
}

func TestNoAllocationsOfADurableWrite(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates; the test runs without it")
	}
	file := fileDisk(1<<20)(t, filepath.Join(t.TempDir(), "disk"))
	defer file.Close()
	iov := split(64, 4096)
	require.Zero(t, testing.AllocsPerRun(20, func() { noError(t, file.Writev(iov, 0, true)) }))
}

// noError is require.NoError without the allocations of its arguments.
func noError(t *testing.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func split(segments, n int) [][]byte {
	iov := make([][]byte, segments)
	for i := range iov {
		iov[i] = make([]byte, n)
	}
	return iov
}
