package sbc_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// speedSize is the size of the stores below.
const speedSize = 64 << 20

// speedStores are the stores that commands are timed on, their ranges touched beforehand.
func speedStores(t testing.TB) map[string]backend.Store {
	memory, err := backend.NewRamdisk(speedSize)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "disk")
	_, err = backend.CreateFile(path, speedSize)
	require.NoError(t, err)
	file, err := backend.OpenFile(path, backend.FileOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = memory.Close()
		_ = file.Close()
	})
	return map[string]backend.Store{"null": backend.NewNull(speedSize), "ramdisk": memory, "file": file}
}

// speedCommands are READ and WRITE of 4 KiB, and of 64 KiB in 16 segments, as a ring offers them.
func speedCommands() map[string]*scsi.Command {
	segments := make(scsi.Buffer, 16)
	for i := range segments {
		segments[i] = make([]byte, 4096)
	}
	command := func(cdb string, data scsi.Buffer) *scsi.Command {
		return &scsi.Command{CDB: scsitest.Hex(cdb), Data: data}
	}
	return map[string]*scsi.Command{
		"write10 4k":  command("2a 00 00001000 00 0008 00", segments[:1]),
		"read10 4k":   command("28 00 00001000 00 0008 00", segments[:1]),
		"write16 4k":  command("8a 00 0000000000001000 00000008 00 00", segments[:1]),
		"read16 4k":   command("88 00 0000000000001000 00000008 00 00", segments[:1]),
		"write16 64k": command("8a 00 0000000000001000 00000080 00 00", segments),
		"read16 64k":  command("88 00 0000000000001000 00000080 00 00", segments),
		"read16 half": command("88 00 0000000000001000 00000080 00 00", segments[:8]), // a buffer that is too short
		"read16 long": command("88 00 0000000000001000 00000008 00 00", segments),     // or too long
	}
}

// TestReadAndWriteDoNotAllocate, on any store, with a nexus that has nothing pending.
func TestReadAndWriteDoNotAllocate(t *testing.T) {
	for name, store := range speedStores(t) {
		d := newDisk(t, store)
		n := d.Join("host a")
		for what, c := range speedCommands() {
			c.Nexus = n
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if r := d.Do(c); !r.OK() {
					t.Fatal(r)
				}
			}), "%s of %s", what, name)
		}
	}
}

// whoMay are I_T nexuses whose commands reservations let through, in all the ways there are.
func whoMay(t testing.TB) map[string]*prHost {
	alone := joinHost(t, newDisk(t, backend.NewNull(speedSize)), nexusName{'A', 1})
	d := newDisk(t, backend.NewNull(speedSize))
	holder, registrant := joinHost(t, d, nexusName{'A', 1}), joinHost(t, d, nexusName{'B', 1})
	holder.register().Good()
	registrant.register().Good()
	holder.reserve(5).Good()
	return map[string]*prHost{"unreserved": alone, "holder": holder, "registrant": registrant}
}

// TestReservedDoNotAllocate holds for a command that is let in, and for one that is kept out.
func TestReservedDoNotAllocate(t *testing.T) {
	for who, h := range whoMay(t) {
		stranger := h.unit.Join("stranger")
		for what, c := range speedCommands() {
			for n, want := range map[*scsi.Nexus]bool{h.Nexus(): true, stranger: who == "unreserved" || what[0] == 'r'} {
				c.Nexus = n
				require.Zero(t, testing.AllocsPerRun(100, func() {
					if r := h.unit.Do(c); r.OK() != want {
						t.Fatal(r)
					}
				}), "%s of %s", what, who)
			}
		}
	}
}

// BenchmarkReserved is what a reservation costs those that it lets in, as the ratio of the time that a command takes for one
// of them to that where nothing is reserved: the median of pairs of batches, one after the other.
func BenchmarkReserved(b *testing.B) {
	const batch = 1000
	for _, what := range []string{"write16 4k", "read16 4k"} {
		c := speedCommands()[what]
		took := func(h *prHost) time.Duration {
			c.Nexus = h.Nexus()
			begun := time.Now()
			for range batch {
				if r := h.unit.Do(c); !r.OK() {
					b.Fatal(r)
				}
			}
			return time.Since(begun)
		}
		for _, who := range []string{"unreserved", "holder", "registrant"} {
			may := whoMay(b)
			b.Run(fmt.Sprint(what, " ", who), func(b *testing.B) {
				var ratios []float64
				for b.Loop() {
					free := took(may["unreserved"])
					ratios = append(ratios, float64(took(may[who]))/float64(free))
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "ratio")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*2*batch), "ns/command")
			})
		}
	}
}

func BenchmarkDo(b *testing.B) {
	for name, store := range speedStores(b) {
		d := newDisk(b, store)
		for _, what := range []string{"write16 4k", "read16 4k", "write16 64k", "read16 64k"} {
			c := speedCommands()[what]
			b.Run(fmt.Sprint(name, " ", what), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(c.Data.Len())
				for b.Loop() {
					if r := d.Do(c); !r.OK() {
						b.Fatal(r)
					}
				}
			})
		}
	}
}

// BenchmarkTestUnitReady is the pipeline alone.
func BenchmarkTestUnitReady(b *testing.B) {
	d := newDisk(b, backend.NewNull(speedSize))
	c := &scsi.Command{CDB: make([]byte, 6), Nexus: d.Join("host a")}
	b.ReportAllocs()
	for b.Loop() {
		d.Do(c)
	}
}
