package sgio

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// What the device itself said goes on as it is.
func TestAnswers(t *testing.T) {
	medium := []byte{0xf0, 0, 0x03, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0}
	for name, test := range map[string]struct {
		status, host byte
		sense        []byte
		want         string
		reported     string
	}{
		"good":                          {0x00, 0, nil, "GOOD", ""},
		"sense":                         {0x02, 0, medium, "MEDIUM ERROR, UNRECOVERED READ ERROR", ""},
		"sense, and a host that agrees": {0x02, 0x10, medium, "MEDIUM ERROR, UNRECOVERED READ ERROR", ""},
		"no sense came":                 {0x02, 0, nil, "NO SENSE, NO ADDITIONAL SENSE INFORMATION", ""},
		"condition met":                 {0x04, 0, nil, "CONDITION MET", ""},
		"busy":                          {0x08, 0, nil, "BUSY", ""},
		"reservation conflict":          {0x18, 0x11, nil, "RESERVATION CONFLICT", ""},
		"task set full":                 {0x28, 0, nil, "TASK SET FULL", ""},
		"no connection":                 {0, 0x01, nil, "NOT READY, additional sense code 05h/00h", "/dev/sg7: host adapter: no connection"},
		"bus busy":                      {0, 0x02, nil, "BUSY", "/dev/sg7: host adapter: bus busy"},
		"time-out":                      {0, 0x03, nil, "ABORTED COMMAND, additional sense code 2eh/02h", "/dev/sg7: host adapter: time-out"},
		"some error":                    {0, 0x07, nil, "ABORTED COMMAND, additional sense code 08h/00h", "/dev/sg7: host adapter: status 07h"},
		"target failure":                {0, 0x10, nil, "HARDWARE ERROR, INTERNAL TARGET FAILURE", "/dev/sg7: host adapter: target failure"},
		"one that nobody knows":         {0, 0x77, nil, "ABORTED COMMAND, additional sense code 08h/00h", "/dev/sg7: host adapter: status 77h"},
	} {
		t.Run(name, func(t *testing.T) {
			var reported string
			var q *header
			d, _ := play(directAccess, func(h *header, _ scsi.Buffer) error { q = h; return nil })
			submit := d.submit
			d.submit = func(h *header) error {
				h.status, h.hostStatus = test.status, uint16(test.host)
				h.senseLen = uint8(copy(senseOf(h), test.sense))
				return submit(h)
			}
			d.Report = func(_ *scsi.Command, err error) { reported = err.Error() }
			r := do(d, &scsi.Command{CDB: make([]byte, 6)})
			require.NotNil(t, q)
			require.Equal(t, test.want, r.String())
			require.Equal(t, test.reported, reported)
			if test.sense != nil {
				var p [scsi.MaxSense]byte
				require.Equal(t, test.sense, p[:r.Sense(p[:])][:len(test.sense)])
			}
		})
	}
}

// What the kernel refused never reached the device.
func TestRefusals(t *testing.T) {
	busy, full := scsi.Result{Status: scsi.Busy}, scsi.Result{Status: scsi.TaskSetFull}
	for _, test := range []struct {
		name string
		err  error
		size int
		want scsi.Result
	}{
		{"the device is gone", unix.ENODEV, 0, noAnswer},
		{"the device is offline", unix.ENXIO, 0, noAnswer},
		{"too many at once", unix.EDOM, 0, full},
		{"longer than the host adapter takes", unix.EINVAL, 4 << 20, scsi.InvalidFieldInCDB},
		{"more than the scatter list holds", unix.ENOMEM, 4 << 20, scsi.InvalidFieldInCDB},
		{"no memory now", unix.ENOMEM, 1 << 20, busy},
		{"what should not be", unix.EFAULT, 512, scsi.InternalTargetFailure},
	} {
		t.Run(test.name, func(t *testing.T) {
			var reported error
			d, _ := play(directAccess, func(*header, scsi.Buffer) error { return test.err })
			d.Report = func(_ *scsi.Command, err error) { reported = err }
			c := &scsi.Command{CDB: make([]byte, 6), Data: scsi.Buffer{make([]byte, test.size)}}
			require.Equal(t, test.want, do(d, c))
			require.True(t, errors.Is(reported, test.err))
			n, _ := c.Moved()
			require.Zero(t, n)
		})
	}
}
