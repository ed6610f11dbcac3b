package sbc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// compareAndWrite is the CDB of COMPARE AND WRITE with the bits of byte 1.
func compareAndWrite(bits byte, lba uint64, n int) string {
	return fmt.Sprintf("89 %02x %016x 000000 %02x 00 00", bits, lba, n)
}

func TestCompareAndWrite(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		last := 1<<20/size - 1
		for _, n := range []int{1, 2, 127, 128, 129, 255} {
			old, data := make([]byte, n*size), pattern(n*size, byte(n))
			for _, lba := range []uint64{0, uint64(last + 1 - n)} {
				h.Send(fmt.Sprintf("93 01 %016x %08x 00 00", lba, n)).Good()
				h.Send(compareAndWrite(0, lba, n), old, data[:7], data[7:]).Good()
				h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), n*size).Good(hex(data))
				h.Send(compareAndWrite(0, lba, n), old, data).Sense("0e 1d 00")
				h.Send(compareAndWrite(0x18, lba, n), append(bytes.Clone(data), old...)).Good()
				h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), n*size).Good(fmt.Sprintf("00*%d", n*size))
			}
		}
	}
}

// TestMiscompareOffset: the INFORMATION field is the offset of the first byte that differs, and nothing is written.
func TestMiscompareOffset(t *testing.T) {
	m := newRecorder(1 << 20)
	d := newDisk(t, m)
	h := host(t, d)
	const n = 255 // two pieces of 64 KiB
	medium := pattern(n*512, 7)
	h.Send("2a 00 00000003 00 00ff 00", medium).Good()
	before := bytes.Clone(m.data)
	for _, at := range []uint32{0, 1, 511, 512, 64<<10 - 1, 64 << 10, n*512 - 1} {
		compare := bytes.Clone(medium)
		compare[at] ^= 0x80
		compare[n*512-1] ^= 0x01 // the last byte too
		offset := fmt.Sprintf("%08x", at)
		h.Send(compareAndWrite(0, 3, n), compare, make([]byte, n*512)).Raw("f0 00 0e", offset, "0a 00000000 1d 00 00 000000")
	}
	require.True(t, bytes.Equal(before, m.data))
	d.Set(scsi.DescriptorFormat, true)
	compare := append([]byte{medium[0], ^medium[1]}, medium[2:512]...)
	h.Send(compareAndWrite(0, 3, 1), compare, make([]byte, 512)).
		Raw("72 0e 1d 00 00 00 00 0c 00 0a 80 00 0000000000000001")
}

func TestCompareAndWriteInTheStore(t *testing.T) {
	m := volatile()
	cached, through := newHost(t, m), newHost(t, m, writeThrough)
	zeros := make([]byte, 1024)
	cached.Send(compareAndWrite(0, 2, 1), zeros).Good()
	require.Equal(t, []string{"read 1024+512", "write 1024+512"}, m.took())
	cached.Send(compareAndWrite(0x08, 2, 1), zeros).Good() // FUA, of the read and of the write
	require.Equal(t, []string{"flush", "read 1024+512", "write 1024+512 durable"}, m.took())
	through.Send(compareAndWrite(0x10, 2, 1), zeros).Good() // DPO
	require.Equal(t, []string{"read 1024+512", "write 1024+512 durable"}, m.took())
	cached.Send(compareAndWrite(0, 2048, 0)).Good()
	require.Empty(t, m.took())
}

func TestCompareAndWriteRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, size := range []int{0, 512, 1023, 1025, 2048} {
		h.Send(compareAndWrite(0, 0, 1), make([]byte, size)).Sense("05 24 00")
	}
	h.Send(compareAndWrite(0, 0, 0), make([]byte, 512)).Sense("05 24 00")
	h.Send(compareAndWrite(0, 2048, 1), make([]byte, 1024)).Sense("05 21 00 cf 00 02")
	h.Send(compareAndWrite(0, 2049, 0)).Sense("05 21 00 cf 00 02")
	h.Send(compareAndWrite(0xe0, 0, 1), make([]byte, 1024)).Sense("05 24 00 cf 00 01") // WRPROTECT
	h.Send("89 00 0000000000000000 000001 00 00 00").Sense("05 24 00 c8 00 0c")        // more than 255 blocks
	require.Empty(t, m.took())

	small := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 16 * 512 }) // MAXIMUM COMPARE AND WRITE LENGTH is less, too
	require.EqualValues(t, 16, small.Fetch("12 01 b0 0040 00", 64).Data()[5])
	small.Send(compareAndWrite(0, 0, 16), make([]byte, 2*16*512)).Good()
	small.Send(compareAndWrite(0, 0, 17), make([]byte, 2*17*512)).Sense("05 24 00 cf 00 0d")
}

// Several initiators count together in one block, each by COMPARE AND WRITE, while another writes beside it: no count is
// lost.
func TestCompareAndWriteIsUninterrupted(t *testing.T) {
	r, err := backend.NewRamdisk(1 << 20)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	d := newDisk(t, r)
	const hosts, counts = 4, 200
	var group sync.WaitGroup
	for i := range hosts {
		group.Go(func() {
			n := d.Join(fmt.Sprint("host ", i))
			block, both := make([]byte, 512), make([]byte, 1024)
			for done := 0; done < counts; {
				assert.True(t, transfer(d, n, 0x28, 5, block).OK())
				assert.True(t, transfer(d, n, 0x2a, 6, block).OK())
				copy(both, block)
				copy(both[512:], block)
				binary.BigEndian.PutUint64(both[512:], binary.BigEndian.Uint64(block)+1)
				c := &scsi.Command{CDB: scsitest.Hex(compareAndWrite(0, 5, 1)), Data: scsi.Buffer{both}, Nexus: n}
				if r := d.Do(c); r.OK() {
					done++
				} else {
					assert.Equal(t, scsi.Miscompare, r.Key)
				}
			}
		})
	}
	group.Wait()
	host(t, d).Fetch("28 00 00000005 00 0001 00", 8).Good(fmt.Sprintf("%016x", hosts*counts))
}
