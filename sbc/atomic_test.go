package sbc_test

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// writeAtomic is the CDB of WRITE ATOMIC (16) with the bits of byte 1.
func writeAtomic(bits byte, lba uint64, n int) string {
	return fmt.Sprintf("9c %02x %016x 0000 %04x 00 00", bits, lba, n)
}

func TestWriteAtomic(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		last := 1<<20/size - 1
		for _, n := range []int{1, 3, 256} {
			data := pattern(n*size, byte(n))
			for _, lba := range []uint64{0, uint64(last + 1 - n)} {
				h.Send(writeAtomic(0, lba, n), data[:9], data[9:]).Good()
				h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), n*size).Good(hex(data))
			}
		}
	}
}

func TestWriteAtomicInTheStore(t *testing.T) {
	m := volatile()
	cached, through := newHost(t, m), newHost(t, m, writeThrough)
	cached.Send(writeAtomic(0, 2, 3), make([]byte, 3*512)).Good()
	cached.Send(writeAtomic(0x18, 2, 3), make([]byte, 3*512)).Good() // DPO, FUA
	through.Send(writeAtomic(0, 2, 3), make([]byte, 3*512)).Good()
	cached.Send(writeAtomic(0, 2048, 0)).Good()
	require.Equal(t, []string{"atomic 1024+1536", "atomic 1024+1536 durable", "atomic 1024+1536 durable"}, m.took())
}

func TestWriteAtomicRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	block := make([]byte, 512)
	h.Send(writeAtomic(0, 0, 101), make([]byte, 101*512)).Sense("05 24 00 cf 00 0c") // MAXIMUM ATOMIC TRANSFER LENGTH
	h.Send(writeAtomic(0, 2000, 512), make([]byte, 512*512)).Sense("05 21 00 cf 00 02")
	h.Send(writeAtomic(0, 2049, 0)).Sense("05 21 00 cf 00 02")
	h.Send(writeAtomic(0, 0, 2), block).Sense("05 24 00 cf 00 0c")
	h.Send("9c 00 0000000000000000 8000 0001 00 00", block).Sense("05 24 00 cf 00 0a") // ATOMIC BOUNDARY
	h.Send(writeAtomic(0x20, 0, 1), block).Sense("05 24 00 cd 00 01")                  // WRPROTECT
	require.Empty(t, m.took())
	h.Send(writeAtomic(0, 0, 100), make([]byte, 100*512)).Good()
}

// A store without atomic writes makes a disk without the command, and its limits are 0.
func TestStoreWithoutAtomicWrites(t *testing.T) {
	h := newHost(t, &plain{newRecorder(1 << 20)})
	h.Send(writeAtomic(0, 0, 1), make([]byte, 512)).Sense("05 20 00")
	require.Equal(t, fmt.Sprintf("%040x", 0), hex(h.Fetch("12 01 b0 0040 00", 64).Data()[44:]))
	m := newRecorder(1 << 20)
	m.traits.ReadOnly = true
	newHost(t, m).Send(writeAtomic(0, 0, 1), make([]byte, 512)).Sense("05 20 00")
}

func TestAtomicLimits(t *testing.T) {
	for want, h := range map[string]*scsitest.Host{
		"00000064": newHost(t, newRecorder(1<<20)),
		"0000000c": newHost(t, newRecorder(1<<20), blocksOf4096),
		"00000800": newHost(t, ramdisk(t)),
		"00000010": newHost(t, ramdisk(t), func(c *sbc.Config) { c.MaxTransfer = 16 * 512 }), // no more than any command
	} {
		require.Equal(t, want+fmt.Sprintf("%032x", 0), hex(h.Fetch("12 01 b0 0040 00", 64).Data()[44:]))
	}
}

// A store that writes in two steps, and says when it is between them.
type twoSteps struct {
	*recorder
	between func()
}

func (s twoSteps) WriteAtomic(iov [][]byte, off int64, durable bool) error {
	p := bytes.Join(iov, nil)
	half := len(p) / 2
	_ = s.Writev([][]byte{p[:half]}, off, durable)
	s.between()
	return s.Writev([][]byte{p[half:]}, off+int64(half), durable)
}

// Readers never meet half of an atomic write, however long it takes.
func TestReadersMeetWholeAtomicWrites(t *testing.T) {
	var reads atomic.Int64
	var d *sbc.Disk
	inside := make(chan struct{})
	store := twoSteps{newRecorder(1 << 20), func() { inside <- struct{}{}; inside <- struct{}{} }}
	d = newDisk(t, store)
	var group sync.WaitGroup
	group.Go(func() {
		c := &scsi.Command{CDB: scsitest.Hex(writeAtomic(0, 0, 2)), Data: scsi.Buffer{bytes.Repeat([]byte{0xaa}, 1024)}}
		assert.True(t, d.Do(c).OK())
	})
	<-inside
	for _, cdb := range []string{"28 00 00000000 00 0002 00", "88 00 0000000000000000 00000002 00 00"} {
		group.Go(func() {
			p := make([]byte, 1024)
			assert.True(t, d.Do(&scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{p}}).OK())
			assert.True(t, bytes.Equal(bytes.Repeat([]byte{0xaa}, 1024), p), "half of it")
			reads.Add(1)
		})
	}
	time.Sleep(20 * time.Millisecond) // they would have read by now
	require.Zero(t, reads.Load())
	<-inside
	group.Wait()
	require.EqualValues(t, 2, reads.Load())
}

var _ backend.AtomicWriter = (*recorder)(nil)
