package sgio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

func TestDirection(t *testing.T) {
	const printer kind = 0x02
	const tape kind = 0x01
	for _, test := range []struct {
		name string
		kind kind
		cdb  []byte
		want scsi.Direction
	}{
		{"TEST UNIT READY", directAccess, []byte{0x00}, scsi.DataIn},
		{"INQUIRY", tape, []byte{0x12}, scsi.DataIn},
		{"MODE SELECT (6)", directAccess, []byte{0x15}, scsi.DataOut},
		{"READ (10)", directAccess, []byte{0x28}, scsi.DataIn},
		{"WRITE (10)", directAccess, []byte{0x2a}, scsi.DataOut},
		{"WRITE (6) of a tape", tape, []byte{0x0a}, scsi.DataOut},
		{"UNMAP", directAccess, []byte{0x42}, scsi.DataOut},
		{"READ SUB-CHANNEL", multimedia, []byte{0x42}, scsi.DataIn},
		{"MAINTENANCE IN", directAccess, []byte{0xa3, 0x0c}, scsi.DataIn},
		{"SEND KEY", multimedia, []byte{0xa3}, scsi.DataOut},
		{"MAINTENANCE OUT", directAccess, []byte{0xa4}, scsi.DataOut},
		{"REPORT KEY", multimedia, []byte{0xa4}, scsi.DataIn},
		{"SECURITY PROTOCOL OUT", directAccess, []byte{0xb5}, scsi.DataOut},
		{"REQUEST VOLUME ELEMENT ADDRESS", mediumChanger, []byte{0xb5}, scsi.DataIn},
		{"ATA PASS-THROUGH (16) from the device", directAccess, []byte{0x85, 0x08, 0x0e}, scsi.DataIn},
		{"ATA PASS-THROUGH (16) to the device", directAccess, []byte{0x85, 0x0a, 0x06}, scsi.DataOut},
		{"ATA PASS-THROUGH (12) to the device", directAccess, []byte{0xa1, 0x0a, 0x06}, scsi.DataOut},
		{"BLANK", multimedia, []byte{0xa1, 0x00, 0x00}, scsi.DataIn},
		{"READ (32)", directAccess, []byte{0x7f, 7: 24, 8: 0x00, 9: 0x09, 31: 0}, scsi.DataIn},
		{"WRITE (32)", directAccess, []byte{0x7f, 7: 24, 8: 0x00, 9: 0x0b, 31: 0}, scsi.DataOut},
		{"variable length without service action", directAccess, []byte{0x7f, 7: 0}, scsi.DataIn},
		{"vendor specific", directAccess, []byte{0xc1}, scsi.DataIn},
		{"vendor specific of a printer", printer, []byte{0x02}, scsi.DataIn},
		{"no CDB", directAccess, nil, scsi.DataIn},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, direction(test.kind, test.cdb))
		})
	}
}

func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		name string
		kind kind
		code byte
		want time.Duration
	}{
		{"READ (10) of a disk", directAccess, 0x28, time.Minute},
		{"READ (16) of a zoned disk", hostManagedZoned, 0x88, time.Minute},
		{"LOAD UNLOAD of a tape", 0x01, 0x1b, 15 * time.Minute},
		{"MOVE MEDIUM", mediumChanger, 0xa5, 15 * time.Minute},
		{"FORMAT UNIT", directAccess, 0x04, 12 * time.Hour},
		{"REWIND", 0x01, 0x01, 12 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, timeout(test.kind, []byte{test.code}))
		})
	}
}
