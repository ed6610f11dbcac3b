package sbc_test

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// pair is two initiators of one disk.
func pair(t *testing.T, d *sbc.Disk) (a, b *scsitest.Host) {
	return host(t, d), scsitest.Join(t, d.Unit, "host b", &seen)
}

const (
	ready       = "00 00 00 00 00 00"
	capacity10  = "25 00 00000000 00 0000 00"
	capacity16  = "9e 10 0000000000000000 00000020 00 00"
	modeHeader6 = "1a 08 1c 00 04 00"
	readFirst   = "28 00 00000000 00 0001 00"
	writeFirst  = "2a 00 00000000 00 0001 00"
)

func TestWriteProtectAtRunTime(t *testing.T) {
	d := newDisk(t, ramdisk(t))
	a, b := pair(t, d)
	block := pattern(512, 1)
	a.Send(writeFirst, block).Good()

	d.SetAttributes(sbc.Attributes{WriteProtect: true})
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 2a 01")
		h.Send(writeFirst, block).Sense("07 27 00")
		h.Send("42 00 00000000 00 0018 00", oneBlock).Sense("07 27 00")
		h.Fetch(readFirst, 512).Good(hex(block))
		h.Fetch(modeHeader6, 4).Good("0f 00 90 00") // WP, DPOFUA
	}
	d.SetAttributes(sbc.Attributes{WriteProtect: true})
	a.Send(ready).Good() // nothing has changed

	d.SetAttributes(sbc.Attributes{})
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 2a 01")
		h.Send(writeFirst, block).Good()
		h.Fetch(modeHeader6, 4).Good("0f 00 10 00")
	}
}

func TestDiskIsWriteProtectedFromTheStart(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.Attributes.WriteProtect = true })
	h.Send(writeFirst, make([]byte, 512)).Sense("07 27 00")
	h.Fetch(modeHeader6, 4).Good("0f 00 90 00")
	require.Empty(t, m.took())
}

func TestReadOnlyStoreStaysWriteProtected(t *testing.T) {
	m := newRecorder(1 << 20)
	m.traits.ReadOnly = true
	d := newDisk(t, m)
	h := host(t, d)
	d.SetAttributes(sbc.Attributes{WriteProtect: true})
	d.SetAttributes(sbc.Attributes{})
	h.Send(writeFirst, make([]byte, 512)).Sense("07 27 00") // and no unit attention
}

func TestThinProvisioningCanBeLeftOut(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.Thick = true })
	h.Send("42 00 00000000 00 0018 00", oneBlock).Sense("05 20 00")
	h.Send("93 08 0000000000000000 00000001 00 00", make([]byte, 512)).Sense("05 24 00 cb 00 01")
	h.Fetch("12 01 b2 00ff 00", 255).Good("00 b2 0004 00 00 00 00")
	h.Fetch(capacity16, 32).Good("00000000000007ff 00000200 00*20") // LBPME 0
	require.Empty(t, m.took())
}

func TestLimitsAtRunTime(t *testing.T) {
	d := newDisk(t, backend.NewNull(1<<40))
	a, b := pair(t, d)
	d.SetAttributes(sbc.Attributes{Rotational: true, OptimalTransfer: 64, MaxUnmap: 16, MaxWriteSame: 100000})
	for _, h := range []*scsitest.Host{a, b} {
		h.Fetch("12 01 b0 00ff 00", 255).Good("00 b0 003c 00 ff 0001 00008000 00000040 00000000",
			"00000010 00000100 00000001 80000000", "00000000000186a0", "00000800", "00*16") // INQUIRY comes before the unit attention
		h.Fetch("12 01 b1 00ff 00", 255).Good("00 b1 003c 0000 00 50 03 00*55")
		h.Send(ready).Sense("06 3f 03")
		h.Send(ready).Good()
		unmap(h, unmapList(0, 16)).Good()
		unmap(h, unmapList(0, 10, 100, 7)).Sense("05 26 00 80 00 20")
		h.Send("93 08 0000000000000000 000186a0 00 00", make([]byte, 512)).Good()
		h.Send("93 08 0000000000000000 000186a1 00 00", make([]byte, 512)).Sense("05 24 00 cf 00 0a")
	}
	d.SetAttributes(sbc.Attributes{OptimalTransfer: 1 << 31, WriteProtect: true})
	limits := a.Fetch("12 01 b0 0040 00", 64).Data()
	require.Equal(t, "00008000 00008000", fmt.Sprintf("%x %x", limits[8:12], limits[12:16]), "no more than one command may move")
	a.Send(ready).Sense("06 2a 01")
	a.Send(ready).Sense("06 3f 03")
}

func TestCapacityChanges(t *testing.T) {
	d := newDisk(t, ramdisk(t))
	a, b := pair(t, d)
	last := pattern(512, 9)
	a.Send("2a 00 000007ff 00 0001 00", last).Good()

	require.NoError(t, d.Resize(2<<20))
	require.EqualValues(t, 4096, d.Blocks())
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 2a 09")
		h.Fetch(capacity10, 8).Good("00000fff 00000200")
		h.Fetch(capacity16, 32).Good("0000000000000fff 00000200 00 00 c0 00*17")
		h.Fetch("1a 00 1c 00 0c 00", 12).Good("17 00 10 08 00001000 00 000200")
		h.Fetch("28 00 000007ff 00 0002 00", 1024).Good(hex(last), "00*512")
	}
	require.NoError(t, d.Resize(2<<20))
	a.Send(ready).Good() // as large as before: nothing to tell

	require.NoError(t, d.Resize(1<<20-512))
	a.Send("28 00 000007ff 00 0001 00").Sense("06 2a 09")
	a.Send("28 00 000007ff 00 0001 00").Sense("05 21 00 cf 00 02")
	a.Fetch("28 00 000007fe 00 0001 00", 512).Good("00*512")
	a.Send("41 00 000007ff 00 0000 00", last).Good() // to the end, where nothing is left
	require.NoError(t, d.Resize(1<<20))
	b.Send(ready).Sense("06 2a 09") // once, for both changes
	b.Fetch("28 00 000007ff 00 0001 00", 512).Good("00*512")
}

// fixed refuses to change its size.
type fixed struct{ *backend.Null }

func (fixed) Resize(int64) error { return syscall.ENOSPC }

func TestCapacityThatCannotChangeStays(t *testing.T) {
	for name, test := range map[string]struct {
		store backend.Store
		size  int64
		say   string
	}{
		"to nothing":             {ramdisk(t), 0, "size of 0 bytes is not a whole number of blocks"},
		"to part of a block":     {ramdisk(t), 1<<20 + 1, "not a whole number of blocks of 512"},
		"growing, store fails":   {fixed{backend.NewNull(1 << 20)}, 2 << 20, "no space left"},
		"shrinking, store fails": {fixed{backend.NewNull(1 << 20)}, 512, "no space left"},
		"store cannot":           {&plain{newRecorder(1 << 20)}, 2 << 20, "keeps the size that it was opened with"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, test.store)
			h := host(t, d)
			require.ErrorContains(t, d.Resize(test.size), test.say)
			h.Fetch(capacity10, 8).Good("000007ff 00000200")
			h.Fetch("28 00 000007ff 00 0001 00", 512).Good("00*512")
		})
	}
}

// Initiators read and write all over a disk that changes under them: what they meet is success, LBA OUT OF RANGE, the unit
// attention, or for a command that a shrinking overtook the store's error; never other data than was written.
func TestCapacityChangesUnderLoad(t *testing.T) {
	const stays, most = 512, 8190 // blocks
	d := newDisk(t, ramdisk(t))
	require.NoError(t, d.Resize(stays*512))
	var stop atomic.Bool
	var attentions atomic.Int64
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			n := d.Join(fmt.Sprint("host ", w))
			for i := 0; !stop.Load(); i++ {
				lba := (3*131*i + w) % most // nobody else's
				block, back := pattern(512, byte(w)), make([]byte, 512)
				write := transfer(d, n, 0x2a, lba, block)
				read := transfer(d, n, 0x28, lba, back)
				for _, r := range []scsi.Result{write, read} {
					if r.Code == scsi.CapacityDataChanged {
						attentions.Add(1)
					} else if lba < stays {
						assert.True(t, r.OK(), r)
					}
					assert.Contains(t, []scsi.Code{0, scsi.LBAOutOfRange.Code, scsi.CapacityDataChanged,
						scsi.WriteError.Code, scsi.UnrecoveredReadError.Code}, r.Code, r)
				}
				if write.OK() && read.OK() && (lba < stays || !bytes.Equal(back, make([]byte, 512))) {
					assert.Equal(t, block, back)
				}
			}
		})
	}
	for i := 0; attentions.Load() < 300; i++ {
		assert.NoError(t, d.Resize(int64(stays+(i*977)%(most-stays))*512))
	}
	stop.Store(true)
	wg.Wait()
}

// transfer is a READ (10) or WRITE (10) of one block.
func transfer(d *sbc.Disk, n *scsi.Nexus, code byte, lba int, data []byte) scsi.Result {
	cdb := []byte{code, 0, byte(lba >> 24), byte(lba >> 16), byte(lba >> 8), byte(lba), 0, 0, 1, 0}
	return d.Do(&scsi.Command{CDB: cdb, Data: scsi.Buffer{data}, Nexus: n})
}
