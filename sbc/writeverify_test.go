package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
)

// writeVerify is WRITE AND VERIFY in each length, without the bits of byte 1.
var writeVerify = []struct{ cdb, length string }{
	{"2e %02x %08x 00 %04x 00", "cf 00 07"},
	{"ae %02x %08x %08x 00 00", "cf 00 06"},
	{"8e %02x %016x %08x 00 00", "cf 00 0a"},
}

func TestWriteAndVerify(t *testing.T) {
	for _, size := range []int{512, 4096} {
		h := newHost(t, ramdisk(t), func(c *sbc.Config) { c.BlockSize = size })
		n := 1 << 20 / size
		for i, op := range writeVerify {
			for _, check := range []int{mediumOnly, each} {
				data := pattern(1<<20, byte(i+check))
				h.Send(fmt.Sprintf(op.cdb, check, 0, n), data[:1000], data[1000:]).Good()
				h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", 0, n), 1<<20).Good(hex(data))
				h.Send(fmt.Sprintf(op.cdb, check|0x10, n-1, 1), data[:size]).Good() // DPO
				h.Fetch(fmt.Sprintf("88 00 %016x %08x 00 00", n-1, 1), size).Good(hex(data[:size]))
			}
		}
	}
}

// TestWriteAndVerifyReadsTheMedium: what is read again is durable, with and without a write cache.
func TestWriteAndVerifyReadsTheMedium(t *testing.T) {
	m := volatile()
	for _, h := range []func(*sbc.Config){writeThrough, func(*sbc.Config) {}} {
		host := newHost(t, m, h)
		for _, op := range writeVerify {
			for _, check := range []int{mediumOnly, each} {
				host.Send(fmt.Sprintf(op.cdb, check, 2, 130), make([]byte, 130*512)).Good()
				require.Equal(t, []string{"write 1024+66560 durable", "read 1024+65536", "read 66560+1024"}, m.took())
			}
			host.Send(fmt.Sprintf(op.cdb, each, 2048, 0)).Good()
			require.Empty(t, m.took())
		}
	}
}

// forgetful does not keep the last byte that is written.
type forgetful struct{ *recorder }

func (f forgetful) Writev(iov [][]byte, off int64, durable bool) error {
	err := f.recorder.Writev(iov, off, durable)
	f.data[off+length(iov)-1] ^= 0xff
	return err
}

// A medium that does not keep what is written is found out with BYTCHK 01b, and told by the address of the block.
func TestWriteAndVerifyMiscompares(t *testing.T) {
	h := newHost(t, forgetful{newRecorder(1 << 20)})
	for _, op := range writeVerify {
		h.Send(fmt.Sprintf(op.cdb, mediumOnly, 7, 3), make([]byte, 3*512)).Good()
		h.Send(fmt.Sprintf(op.cdb, each, 7, 3), make([]byte, 3*512)).Raw("f0 00 0e 00000009 0a 00000000 1d 00 00 000000")
		h.Send(fmt.Sprintf(op.cdb, each, 7, 1), make([]byte, 512)).Raw("f0 00 0e 00000007 0a 00000000 1d 00 00 000000")
	}
}

func TestWriteAndVerifyRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m, func(c *sbc.Config) { c.MaxTransfer = 16 * 512 })
	block := make([]byte, 512)
	for _, op := range writeVerify {
		h.Send(fmt.Sprintf(op.cdb, reserved, 0, 1), block).Sense("05 24 00 ca 00 01")
		h.Send(fmt.Sprintf(op.cdb, oneForAll, 0, 1), block).Sense("05 24 00 ca 00 01") // reserved here (SBC-4 5.44)
		h.Send(fmt.Sprintf(op.cdb, 0x08, 0, 1), block).Sense("05 24 00 cb 00 01")      // there is no FUA
		h.Send(fmt.Sprintf(op.cdb, 0x20, 0, 1), block).Sense("05 24 00 cd 00 01")      // WRPROTECT
		h.Send(fmt.Sprintf(op.cdb, each, 2047, 2), make([]byte, 1024)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, each, 2049, 0)).Sense("05 21 00 cf 00 02")
		h.Send(fmt.Sprintf(op.cdb, each, 0, 17), make([]byte, 17*512)).Sense("05 24 00" + op.length)
		for _, n := range []int{0, 512, 1025, 2048} {
			h.Send(fmt.Sprintf(op.cdb, mediumOnly, 0, 2), make([]byte, n)).Sense("05 24 00" + op.length)
		}
	}
	require.Empty(t, m.took())
}

// An error of the store is told by its address where only one block can be meant (SBC-4 4.18); among several it is looked
// for, see TestABadBlockIsNamed.
func TestErrorsTellTheBlock(t *testing.T) {
	bad := func(op backend.Op) backend.Store {
		return backend.Intercept(newRecorder(1<<20), backend.FailNth(op, 1, errBroken))
	}
	block := make([]byte, 512)
	newHost(t, bad(backend.OpRead)).Send("28 00 00000123 00 0001 00", block).Raw("f0 00 03 00000123 0a 00000000 11 00 00 000000")
	newHost(t, bad(backend.OpWrite)).Send("2a 00 00000123 00 0001 00", block).Raw("f0 00 03 00000123 0a 00000000 0c 00 00 000000")
	newHost(t, bad(backend.OpRead)).Send("2f 00 00000123 00 0001 00").Raw("f0 00 03 00000123 0a 00000000 11 00 00 000000")

	m := volatile()
	flush := backend.Intercept(m, backend.FailNth(backend.OpFlush, 1, errBroken))
	newHost(t, flush).Send("28 08 00000123 00 0001 00", block).Raw("70 00 03 00000000 0a 00000000 0c 00 00 000000") // anybody's
}
