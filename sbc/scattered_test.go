package sbc_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
)

// scatteredList is the head of the Data-Out of WRITE SCATTERED (16) (SBC-4 5.55.2), of pairs of LBA and number of blocks,
// padded to blocks of size.
func scatteredList(size int, pairs ...uint64) []byte {
	p := make([]byte, 32)
	for i := 0; i < len(pairs); i += 2 {
		p = binary.BigEndian.AppendUint64(p, pairs[i])
		p = binary.BigEndian.AppendUint32(p, uint32(pairs[i+1]))
		p = append(p, make([]byte, 20)...)
	}
	return append(p, make([]byte, (size-len(p)%size)%size)...)
}

// scattered is the CDB of WRITE SCATTERED (16) with the bits of byte 2.
func scattered(bits byte, offset, ranges, length int) string {
	return fmt.Sprintf("9f 12 %02x 00 %04x 0000 %04x %08x 00 00", bits, offset, ranges, length)
}

func TestWriteScattered(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		data := pattern(6*size, 5)
		h.Send(scattered(0, 1, 4, 7), scatteredList(size, 100, 1, 7, 3, 0, 0, 254, 2), data[:10], data[10:]).Good()
		for _, e := range []struct{ lba, n, at int }{{100, 1, 0}, {7, 3, 1}, {254, 2, 4}} {
			h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", e.lba, e.n), e.n*size).Good(hex(data[e.at*size : (e.at+e.n)*size]))
		}
		h.Fetch("88 00 0000000000000000 00000001 00 00", size).Good(fmt.Sprintf("00*%d", size))
	}
}

func TestWriteScatteredInTheStore(t *testing.T) {
	m := volatile()
	cached, through := newHost(t, m), newHost(t, m, writeThrough)
	list, data := scatteredList(512, 9, 2, 5, 1), make([]byte, 3*512)
	cached.Send(scattered(0, 1, 2, 4), list, data).Good()
	cached.Send(scattered(0x18, 1, 2, 4), list, data).Good() // DPO, FUA
	through.Send(scattered(0, 1, 2, 4), list, data).Good()
	require.Equal(t, []string{
		"write 4608+1024", "write 2560+512",
		"write 4608+1024 durable", "write 2560+512 durable", "write 4608+1024 durable", "write 2560+512 durable",
	}, m.took())
	cached.Send(scattered(0, 1, 2, 3), list, data).Good() // BUFFER TRANSFER LENGTH without the list, as in drafts
	require.Equal(t, []string{"write 4608+1024", "write 2560+512"}, m.took())
	cached.Send(scattered(0, 3, 2, 6), list, make([]byte, 2*512), data).Good() // a longer PAD
	cached.Send(scattered(0, 0, 0, 9)).Good()                                  // no descriptors
	cached.Send(scattered(0, 0, 9, 0)).Good()                                  // no data
	cached.Send(scattered(0, 1, 1, 1), scatteredList(512, 2048, 0)).Good()
	require.Equal(t, []string{"write 4608+1024", "write 2560+512"}, m.took())
}

// The greatest list there may be has 256 descriptors, which take 17 blocks.
func TestWriteScatteredAtItsLimits(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 273 * 512 })
	var pairs []uint64
	for i := range 256 {
		pairs = append(pairs, uint64(8*i), 1)
	}
	list, data := scatteredList(512, pairs...), pattern(256*512, 3)
	h.Send(scattered(0, 17, 256, 273), list, data).Good()
	require.Len(t, m.took(), 256)
	for i := range 256 {
		require.Equal(t, data[i*512:(i+1)*512], m.data[8*i*512:(8*i+1)*512])
	}
	h.Send(scattered(0, 17, 257, 273), list, data).Sense("05 24 00 cf 00 08")
	h.Send(scattered(0, 16, 256, 273), list, data).Sense("05 24 00 cf 00 04")
	h.Send(scattered(0, 17, 256, 274), list, data, make([]byte, 512)).Sense("05 24 00 cf 00 0a")
	h.Fetch("12 01 b7 00ff 00", 255).Good("00 b7 001c 00 00 0040 0001 00000001 0000 00000111 0000 0100 00000111 00*4")
}

// TestWriteScatteredRefuses: all of the list is found good before any of it has an effect.
func TestWriteScatteredRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	data := make([]byte, 2*512)
	h.Send(scattered(0, 1, 2, 3), scatteredList(512, 0, 1, 2048, 1), data).Sense("05 21 00 80 00 40")
	h.Send(scattered(0, 1, 2, 3), scatteredList(512, 1<<64-1, 2, 0, 1), data).Sense("05 21 00 80 00 20")
	h.Send(scattered(0, 1, 2, 3), scatteredList(512, 0, 1, 8, 2), data).Sense("0b 1a 00 cf 00 0a") // more than there is
	h.Send(scattered(0, 1, 1, 3), scatteredList(512, 0, 1), data).Sense("0b 1a 00 cf 00 0a")       // less
	h.Send(scattered(0, 2, 1, 1), scatteredList(512, 0, 1)).Sense("0b 1a 00 cf 00 0a")             // the data begins past the end
	h.Send(scattered(0, 2, 16, 1), scatteredList(512, 0, 1)).Sense("0b 1a 00 cf 00 0a")            // so does the list
	h.Send(scattered(0, 0, 1, 3), scatteredList(512, 0, 1), data).Sense("05 24 00 cf 00 04")
	h.Send(scattered(0, 1, 2, 4), scatteredList(512, 0, 1, 8, 1), data).Sense("05 24 00 cf 00 0a") // the initiator offers less
	h.Send(scattered(0, 1, 2, 2), scatteredList(512, 0, 1, 8, 2), data).Sense("0b 1a 00 cf 00 0a")
	h.Send(scattered(0x20, 1, 2, 3), scatteredList(512, 0, 1, 8, 1), data).Sense("05 24 00 cd 00 02")
	require.Empty(t, m.took())
}

// An error tells which descriptor it was (SBC-4 4.35.3).
func TestWriteScatteredFails(t *testing.T) {
	h := newHost(t, backend.Intercept(newRecorder(1<<20), backend.FailNth(backend.OpWrite, 2, errBroken)))
	h.Send(scattered(0, 1, 3, 4), scatteredList(512, 900, 1, 0, 0, 5, 2), make([]byte, 3*512)).
		Raw("f0 00 03 00000003 0a 00000000 0c 00 00 000000")
}
