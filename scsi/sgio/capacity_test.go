package sgio

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// sense makes the played driver answer CHECK CONDITION.
func sense(h *header, key, asc byte) error {
	h.status, h.resid = 0x02, int32(h.transferLen)
	h.senseLen = uint8(copy(senseOf(h), []byte{0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, 0, 0, 0, 0, 0}))
	return nil
}

func TestSize(t *testing.T) {
	capacity16 := []byte{0, 0, 0, 0, 0, 0, 0x1f, 0xff, 0, 0, 0x10, 0, 31: 0}
	for _, test := range []struct {
		name   string
		kind   kind
		answer func(h *header, cdb byte, data scsi.Buffer) error
		bytes  int64
		block  int
		err    string
	}{
		{"READ CAPACITY (16)", directAccess, func(h *header, cdb byte, data scsi.Buffer) error {
			data.Write(capacity16, 0)
			return nil
		}, 8192 * 4096, 4096, ""},
		{"READ CAPACITY (10) of a device that knows no other", simplifiedDirect, func(h *header, cdb byte, data scsi.Buffer) error {
			if cdb == 0x9e {
				return sense(h, 5, 0x20)
			}
			data.Write([]byte{0, 0, 0x3f, 0xff, 0, 0, 2, 0}, 0)
			return nil
		}, 16384 * 512, 512, ""},
		{"no medium", multimedia, func(h *header, _ byte, _ scsi.Buffer) error { return sense(h, 2, 0x3a) }, 512, 512, ""},
		{"tape", 0x01, func(*header, byte, scsi.Buffer) error { panic("it was asked") }, 512, 512, ""},
		{"broken disk", directAccess, func(h *header, _ byte, _ scsi.Buffer) error { return sense(h, 4, 0x44) },
			0, 0, "pscsi: /dev/sg7: READ CAPACITY: HARDWARE ERROR, INTERNAL TARGET FAILURE: see that the device is ready"},
		{"nonsense", directAccess, func(h *header, _ byte, _ scsi.Buffer) error { return nil }, 0, 0, "tells of 1 blocks of 0 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			attentions := 2
			var d *Device
			var s *seen
			d, s = play(test.kind, func(h *header, data scsi.Buffer) error {
				if attentions--; attentions >= 0 {
					return sense(h, 6, 0x29)
				}
				return test.answer(h, s.cdb[0], data)
			})
			bytes, block, err := d.Size()
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.bytes, bytes)
			require.Equal(t, test.block, block)
		})
	}
}
