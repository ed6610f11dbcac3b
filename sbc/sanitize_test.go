package sbc_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SBC-4, SANITIZE: the pattern is repeated in each block from its begin, and in every other pass inverted.
func TestSanitizeOverwrite(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, test := range []struct {
		list string
		want string // of each block
	}{
		{"01 00 0001 00", "00*512"},
		{"01 00 0003 010203", "010203*170 0102"}, // 510 bytes, and two
		{"01 00 0200 a5*512", "a5*512"},
		{"83 00 0002 0ff0", "0ff0*256"}, // three passes, inverted: as the first
		{"84 00 0002 0ff0", "f00f*256"},
		{"1f 00 0001 77", "77*512"},
	} {
		list := scsitest.Hex(test.list)
		h.Send(fmt.Sprintf("48 01 0000000000 %04x 00", len(list)), list).Good()
		require.Equal(t, bytes.Repeat(scsitest.Hex(test.want), 2048), m.data, test.list)
		passes := int(list[0] & 0x1f)
		require.Len(t, m.took(), passes+1, "one piece for each pass, and a flush")
	}
	h = newHost(t, newRecorder(1<<20), blocksOf4096)
	h.Send("48 01 0000000000 1004 00", scsitest.Hex("01 00 1000", "11*4096")).Good()
}

func TestSanitizeOverwriteRefuses(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for _, length := range []int{0, 1, 4, 517} { // only 5 to block and header
		h.Send(fmt.Sprintf("48 01 0000000000 %04x 00", length), make([]byte, 600)).Sense("05 24 00 cf 00 07")
	}
	for list, sense := range map[string]string{
		"00 00 0001 aa":     "05 26 00 8c 00 00", // OVERWRITE COUNT
		"21 00 0001 aa":     "05 26 00 8e 00 00", // TEST
		"01 01 0001 aa":     "05 26 00 80 00 01",
		"01 00 0000 aa":     "05 26 00 80 00 02",
		"01 00 0002 aa":     "05 26 00 80 00 02", // more than there is
		"01 00 0001 aabb":   "05 26 00 80 00 02", // less
		"01 00 0204 aa*512": "05 26 00 80 00 02",
	} {
		p := scsitest.Hex(list)
		h.Send(fmt.Sprintf("48 01 0000000000 %04x 00", len(p)), p).Sense(sense)
	}
	h.Send("48 41 0000000000 0005 00", make([]byte, 5)).Sense("05 24 00 ce 00 01") // ZNR: there are no zones
	h.Send("48 02 0000000000 0008 00", make([]byte, 8)).Sense("05 24 00 cb 00 08") // no parameter list
	h.Send("48 1f 0000000000 0008 00", make([]byte, 8)).Sense("05 24 00 cb 00 08")
	h.Send("48 04 0000000000 0000 00").Sense("05 24 00 cc 00 01")
	require.Empty(t, m.took())
}

func TestSanitizeErase(t *testing.T) {
	for _, cdb := range []string{"48 02 0000000000 0000 00", "48 03 0000000000 0000 00"} {
		m := volatile()
		copy(m.data, pattern(len(m.data), 3))
		h := newHost(t, m)
		h.Send(cdb).Good()
		require.Equal(t, make([]byte, 1<<20), m.data)
		require.Equal(t, []string{"discard 0+1048576", "flush"}, m.took())
	}
	thick := newRecorder(1 << 20)
	thick.thin = false
	h := newHost(t, thick)
	h.Send("48 02 0000000000 0000 00").Sense("05 24 00 cc 00 01")
	h.Send("48 03 0000000000 0000 00").Sense("05 24 00 cc 00 01")
	h.Send("48 01 0000000000 0005 00", scsitest.Hex("01 00 0001 00")).Good()
}

// A medium that could not be sanitized is out of use until another SANITIZE succeeds, or, if AUSE had allowed it, EXIT
// FAILURE MODE; the next disk knows it, too.
func TestSanitizeFails(t *testing.T) {
	for _, test := range []struct{ cdb, exit string }{
		{"48 02 0000000000 0000 00", "03 31 03"},
		{"48 03 0000000000 0000 00", "03 31 03"},
		{"48 22 0000000000 0000 00", ""}, // AUSE
		{"48 01 0000000000 0006 00", "03 31 03"},
		{"48 21 0000000000 0006 00", ""},
	} {
		m := newPaced(1 << 20)
		s := &records{kept: map[string][]byte{}}
		var reported []error
		d := newDisk(t, m, withState(s), func(c *sbc.Config) { c.Report = reporter(&reported) })
		broken := errors.New("the store is broken")
		go m.fail(broken)
		host(t, d).Send(test.cdb, overwriteOnce).Sense("03 31 03")
		require.Equal(t, []error{broken}, reported)

		d = newDisk(t, m, withState(s))
		h := host(t, d)
		require.NoError(t, d.Restore())
		h.Send(ready).Sense("03 31 03")
		h.Fetch("28 00 00000000 00 0001 00", 512).Sense("03 31 03")
		h.Send("04 00 0000 00 00").Sense("03 31 03")
		h.Fetch("1a 08 3f 00 ff 00", 255).Sense("03 31 03")
		h.Fetch("12 00 00 0005 00", 5).Good("00 00 06 12 45")
		h.Fetch("03 00 0000 12 00", 18).Good("70 00 03 00*4 0a 00*4 31 03 00*4")
		s.refuse = func(string, []byte) error { return broken }
		if test.exit != "" {
			h.Send("48 1f 0000000000 0000 00").Sense(test.exit)
			s.refuse = nil
			go m.pieces(1)
			h.Send("48 02 0000000000 0000 00").Good()
		} else {
			h.Send("48 1f 0000000000 0000 00").Sense("04 44 00")
			s.refuse = nil
			h.Send("48 1f 0000000000 0000 00").Good()
		}
		h.Send(ready).Good()
		require.Empty(t, s.kept["format or sanitize"])
		h.Send("48 1f 0000000000 0000 00").Good() // there is none to leave
	}
}

// keeper is a store that has copies of what was written.
type keeper struct{ *recorder }

func (k keeper) Forget() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, "forget")
	return nil
}

// SANITIZE leaves no copies; FORMAT UNIT minds what can be read.
func TestSanitizeForgets(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, keeper{m})
	h.Send("48 02 0000000000 0000 00").Good()
	require.Equal(t, []string{"discard 0+1048576", "forget", "flush"}, m.took())
	h.Send("04 00 0000 00 00").Good()
	require.Equal(t, []string{"discard 0+1048576", "flush"}, m.took())
}
