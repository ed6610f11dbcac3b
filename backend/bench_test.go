package backend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

// benchSize keeps the data in memory and out of the processor's caches.
const benchSize = 256 << 20

// BenchmarkCopy is what a ramdisk is measured against: nothing but the copy of its bytes.
func BenchmarkCopy(b *testing.B) {
	disk := make([]byte, benchSize)
	for i := range disk {
		disk[i] = byte(i)
	}
	for _, n := range []int{512, 4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			buf := make([]byte, n)
			b.SetBytes(int64(n))
			off := 0
			for b.Loop() {
				copy(buf, disk[off:])
				off = (off + n) % benchSize
			}
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) backend.Store{
		"null": func(b *testing.B) backend.Store { return backend.NewNull(benchSize) },
		"ramdisk": func(b *testing.B) backend.Store {
			s, err := backend.NewRamdisk(benchSize)
			require.NoError(b, err)
			return s
		},
		"file": func(b *testing.B) backend.Store {
			path := filepath.Join(b.TempDir(), "disk")
			_, err := backend.CreateFile(path, benchSize)
			require.NoError(b, err)
			s, err := backend.OpenFile(path, backend.FileOptions{})
			require.NoError(b, err)
			return s
		},
	} {
		s := open(b)
		benchmarkStore(b, name, s)
		require.NoError(b, s.Close())
	}
}

func benchmarkStore(b *testing.B, name string, s backend.Store) {
	fill := make([]byte, 1<<20)
	for off := int64(0); off < benchSize; off += int64(len(fill)) {
		require.NoError(b, s.Writev([][]byte{fill}, off, false))
	}
	for op, do := range map[string]func(iov [][]byte, off int64) error{
		"read":  s.Readv,
		"write": func(iov [][]byte, off int64) error { return s.Writev(iov, off, false) },
	} {
		for _, n := range []int{512, 4 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%s/%d", name, op, n), func(b *testing.B) {
				iov := [][]byte{make([]byte, n)}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				off := int64(0)
				for b.Loop() {
					if err := do(iov, off); err != nil {
						b.Fatal(err)
					}
					off = (off + int64(n)) % benchSize
				}
			})
		}
	}
}

// BenchmarkFirstWrite writes a ramdisk that has no memory yet: what the kernel takes to find and clear the pages.
func BenchmarkFirstWrite(b *testing.B) {
	for _, n := range []int64{4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := backend.NewRamdisk(benchSize)
			require.NoError(b, err)
			defer s.Close()
			iov := [][]byte{make([]byte, n)}
			b.SetBytes(n)
			off := int64(0)
			for b.Loop() {
				if err := s.Writev(iov, off, false); err != nil {
					b.Fatal(err)
				}
				if off += n; off == benchSize {
					b.StopTimer()
					require.NoError(b, s.Discard(0, benchSize))
					off = 0
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkAtomic is what a write costs that is there or not: on a file three times on the disk, on a ramdisk a copy more
// and a sum.
func BenchmarkAtomic(b *testing.B) {
	const size = 64 << 20
	file := filepath.Join(b.TempDir(), "disk")
	_, err := backend.CreateFile(file, size)
	require.NoError(b, err)
	memory, err := os.MkdirTemp("/dev/shm", "tcmud-test-")
	require.NoError(b, err)
	defer os.RemoveAll(memory)
	for name, c := range map[string]backend.Config{"file": {Kind: "fileio", Path: file}, "ramdisk": {Kind: "ramdisk"}} {
		s, err := backend.Open(c, backend.OpenOptions{Size: size, Memory: filepath.Join(memory, "disk"), Journals: b.TempDir()})
		require.NoError(b, err)
		m := backend.Resolve(s)
		for way, write := range map[string]func([][]byte, int64, bool) error{"plain": m.Writev, "atomic": m.WriteAtomic} {
			for _, n := range []int64{4 << 10, 64 << 10, 1 << 20} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, way, n), func(b *testing.B) {
					iov := [][]byte{make([]byte, n)}
					b.SetBytes(n)
					for off := int64(0); b.Loop(); off = (off + n) % size {
						require.NoError(b, write(iov, off, true))
					}
				})
			}
		}
		require.NoError(b, m.Close())
	}
}
