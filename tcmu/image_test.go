package tcmu

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// The bytes in these tests were written by hand after linux/target_core_user.h, as a 64-bit little-endian machine has
// them.
func littleEndian(t testing.TB) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes here are those of a little-endian machine")
	}
}

// A map of one page of mailbox and ring, and two pages of data area.
const (
	imageRing = 0x1000 - 0x80
	imageData = 0x1000
	imageSize = 0x3000
)

// image is such a map, with entries at the begin of the ring and the head after them.
func image(entries ...[]byte) []byte {
	mem := make([]byte, imageSize)
	head := copy(mem[0x80:], join(entries...))
	copy(mem, join(
		[]byte{2, 0, 0x0f, 0},                     // version 2, flags OOOC | READ_LEN | TMR | KEEP_BUF
		[]byte{0x80, 0, 0, 0},                     // ring begins at 128
		[]byte{0x80, 0x0f, 0, 0},                  // and has 3968 bytes
		[]byte{byte(head), byte(head >> 8), 0, 0}, // head
	))
	return mem // tail, at 64, is 0
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// readEntry is READ (10) of 5000 bytes in two iovecs, as the first entry of an image: 128 bytes, id 5.
func readEntry() []byte {
	return join(
		[]byte{0x81, 0, 0, 0},                    // 128 bytes, CMD
		[]byte{5, 0},                             // id
		[]byte{0, 0},                             // kflags, uflags
		[]byte{2, 0, 0, 0},                       // iov_cnt
		[]byte{0, 0, 0, 0},                       // iov_bidi_cnt
		[]byte{0, 0, 0, 0},                       // iov_dif_cnt
		[]byte{0, 0, 0, 0},                       // alignment of cdb_off
		[]byte{0xf0, 0, 0, 0, 0, 0, 0, 0},        // cdb_off: 128 + 112
		make([]byte, 16),                         // pads
		[]byte{0, 0x20, 0, 0, 0, 0, 0, 0},        // iov[0]: at 0x2000,
		[]byte{0, 0x10, 0, 0, 0, 0, 0, 0},        // 4096 bytes
		[]byte{0, 0x10, 0, 0, 0, 0, 0, 0},        // iov[1]: at 0x1000,
		[]byte{0x88, 0x03, 0, 0, 0, 0, 0, 0},     // 904 bytes
		make([]byte, 32),                         // the entry is at least 112 bytes
		[]byte{0x28, 0, 0, 0, 0, 7, 0, 0, 10, 0}, // READ (10)
		make([]byte, 6),
	)
}

// tmrEntry is ABORT TASK of the commands 5 and 258: 40 bytes.
func tmrEntry() []byte {
	return join(
		[]byte{0x2a, 0, 0, 0}, // 40 bytes, TMR
		[]byte{0, 0, 0, 0},
		[]byte{1, 0, 0, 0}, // tmr_type
		[]byte{2, 0, 0, 0}, // cmd_cnt
		make([]byte, 16),
		[]byte{5, 0, 2, 1}, // cmd_ids
		make([]byte, 4),
	)
}

// padEntry is a PAD of n bytes, of which only the header is there.
func padEntry(n int) []byte { return []byte{byte(n), byte(n >> 8), 0, 0, 0, 0, 0, 0} }

// hand is a Device without threads: its steps are called by hand, its doorbell goes nowhere.
func hand(t testing.TB, mem []byte, h scsi.Handler) *Device {
	d := &Device{handler: h, quit: make(chan struct{})}
	var err error
	d.ring, err = newRing(mem)
	require.NoError(t, err)
	d.bell.fd = devNull(t)
	d.workers.init(0, 0)
	return d
}

// good is a handler that does nothing.
var good = scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return scsi.Result{} })

// requireBroken holds that err names what is wrong in the ring, and where.
func requireBroken(t *testing.T, err error, offset uint32, found string) {
	t.Helper()
	var broken *RingError
	require.True(t, errors.As(err, &broken), "%v", err)
	require.Equal(t, offset, broken.Offset)
	require.Contains(t, broken.Found, found)
}
