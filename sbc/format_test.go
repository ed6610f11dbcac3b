package sbc_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SBC-3 5.3: without parameters, and with those that ask for nothing else, all blocks are zeros that take no space.
func TestFormatUnit(t *testing.T) {
	for _, test := range []struct {
		cdb, list string
		did       string
	}{
		{"04 00 0000 00 00", "", "discard 0+1048576"},
		{"04 20 0000 00 00", "", "discard 0+1048576"},                         // LONGLIST, ignored
		{"04 10 0000 00 00", "00 00 0000", "discard 0+1048576"},               // FMTDATA
		{"04 18 0000 00 00", "00 80 0000", "discard 0+1048576"},               // CMPLST, FOV
		{"04 18 0000 00 00", "00 f0 0000", "discard 0+1048576"},               // DPRY, DCRT, STPF
		{"04 13 0000 00 00", "00 00 0000", "discard 0+1048576"},               // long block format, of an empty list
		{"04 30 0000 00 00", "00 80 00 00 00000000", "discard 0+1048576"},     // LONGLIST
		{"04 10 0000 00 00", "00 88 0000 00 00 0000", "discard 0+1048576"},    // IP, the default pattern
		{"04 10 0000 00 00", "00 88 0000 00 01 0002 a55a", "write 0+1048576"}, // a pattern
		{"04 30 0000 00 00", "00 88 00 00 00000000 00 01 0001 a5", "write 0+1048576"},
	} {
		m := volatile()
		copy(m.data, pattern(len(m.data), 3))
		newHost(t, m).Send(test.cdb, scsitest.Hex(test.list)).Good()
		require.Equal(t, []string{test.did, "flush"}, m.took(), test.list)
		switch {
		case test.did[0] == 'd':
			require.Equal(t, make([]byte, 1<<20), m.data)
		case bytes.HasSuffix([]byte(test.list), []byte("a55a")):
			require.Equal(t, bytes.Repeat([]byte{0xa5, 0x5a}, 1<<19), m.data)
		default:
			require.Equal(t, bytes.Repeat([]byte{0xa5}, 1<<20), m.data)
		}
	}
	thick := newRecorder(1 << 20)
	thick.thin = false
	newHost(t, thick).Send("04 00 0000 00 00").Good()
	require.Equal(t, []string{"zero 0+1048576", "flush"}, thick.took())
}

func TestFormatUnitRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, test := range []struct{ cdb, list, sense string }{
		{"04 80 0000 00 00", "", "05 24 00 cf 00 01"}, // FMTPINFO: no protection information
		{"04 40 0000 00 00", "", "05 24 00 ce 00 01"},
		{"04 00 0000 01 00", "", "05 24 00 c8 00 04"}, // FFMT
		{"04 00 0001 00 00", "", "05 24 00 c8 00 03"}, // interleave, obsolete
		{"04 08 0000 00 00", "", "05 24 00 cb 00 01"}, // CMPLST without FMTDATA
		{"04 03 0000 00 00", "", "05 24 00 ca 00 01"}, // DEFECT LIST FORMAT without FMTDATA
		{"04 14 0000 00 00", "00 00 0000", "05 24 00 ca 00 01"},
		{"04 10 0000 00 00", "", "05 1a 00"},
		{"04 10 0000 00 00", "00 00 00", "05 1a 00"},
		{"04 30 0000 00 00", "00 00 00 00 000000", "05 1a 00"},
		{"04 10 0000 00 00", "01 00 0000", "05 26 00 80 00 00"},          // PROTECTION FIELD USAGE
		{"04 10 0000 00 00", "00 04 0000", "05 26 00 8a 00 01"},          // DSP, obsolete
		{"04 10 0000 00 00", "00 01 0000", "05 26 00 88 00 01"},          // vendor specific
		{"04 10 0000 00 00", "00 28 0000", "05 26 00 8d 00 01"},          // DCRT and IP without FOV
		{"04 10 0000 00 00", "00 80 0004 00000000", "05 26 00 80 00 02"}, // a defect
		{"04 30 0000 00 00", "00 80 00 00 00000008 00*8", "05 26 00 80 00 04"},
		{"04 30 0000 00 00", "00 80 01 00 00000000", "05 26 00 80 00 02"},
		{"04 30 0000 00 00", "00 80 00 03 00000000", "05 26 00 80 00 03"},  // PROTECTION INTERVAL EXPONENT
		{"04 10 0000 00 00", "00 88 0000", "05 1a 00"},                     // no pattern descriptor
		{"04 10 0000 00 00", "00 88 0000 20 00 0000", "05 26 00 8d 00 04"}, // SI
		{"04 10 0000 00 00", "00 88 0000 00 02 0000", "05 26 00 80 00 05"}, // INITIALIZATION PATTERN TYPE
		{"04 10 0000 00 00", "00 88 0000 00 00 0001 00", "05 26 00 80 00 06"},
		{"04 10 0000 00 00", "00 88 0000 00 01 0000", "05 26 00 80 00 06"},
		{"04 10 0000 00 00", "00 88 0000 00 01 0201 00*513", "05 26 00 80 00 06"},
		{"04 10 0000 00 00", "00 88 0000 00 01 0002 00", "05 1a 00"}, // the pattern is cut
	} {
		h.Send(test.cdb, scsitest.Hex(test.list)).Sense(test.sense)
	}
	require.Empty(t, m.took())
	h.Send(ready).Good()
}

// With IMMED the unit answers at once, and says then how far it has come.
func TestFormatInTheBackground(t *testing.T) {
	m := filled()
	h := newHost(t, m)
	h.Send("04 10 0000 00 00", scsitest.Hex("00 8a 0000 00 01 0001 11")).Good()
	h.Send(ready).Sense("02 04 04 80 0000")
	m.pieces(4)
	require.Eventually(t, func() bool { return h.Send(ready).OK() }, time.Minute, time.Millisecond)
	require.Equal(t, bytes.Repeat([]byte{0x11}, 4<<20), m.data)
}

// A medium whose format has failed is corrupt until one succeeds; what does not need it goes on.
func TestFormatFails(t *testing.T) {
	m := newPaced(1 << 20)
	s := &records{kept: map[string][]byte{}}
	d := newDisk(t, m, withState(s))
	go m.fail(errors.New("the store is broken"))
	host(t, d).Send("04 00 0000 00 00").Sense("03 31 01")

	d = newDisk(t, m, withState(s))
	h := host(t, d)
	require.NoError(t, d.Restore())
	h.Send(ready).Sense("03 31 00")
	h.Fetch("28 00 00000000 00 0001 00", 512).Sense("03 31 00")
	h.Fetch("25 00 00000000 0000 00 00", 8).Sense("03 31 00")
	h.Fetch("03 00 0000 12 00", 18).Good("70 00 03 00*4 0a 00*4 31 00 00*4")
	h.Fetch("1a 08 3f 00 ff 00", 255).Data()
	for _, power := range []string{"1b 00 0000 01 00", "1b 00 0000 20 00", "1b 00 0000 10 00"} { // START, idle_a, ACTIVE
		h.Send(power).Good()
		h.Send(ready).Sense("03 31 00")
	}
	h.Send("48 1f 0000000000 0000 00").Good() // no sanitize operation has failed
	h.Send(ready).Sense("03 31 00")
	go m.pieces(1)
	h.Send("04 00 0000 00 00").Good()
	h.Send(ready).Good()
	require.Empty(t, s.kept["format or sanitize"])
}
