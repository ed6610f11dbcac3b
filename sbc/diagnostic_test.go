package sbc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SPC-4 6.27 and 6.42: page 00h is the only diagnostic page.
func TestDiagnosticPages(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("1c 01 00 00ff 00", 255).Good("00 00 0001 00")
	h.Send("1d 10 00 0004 00", scsitest.Hex("00 00 0000")).Good()
	h.Fetch("1c 00 00 00ff 00", 255).Good("00 00 0001 00")
	h.Fetch("1c 01 40 00ff 00", 255).Sense("05 24 00 cf 00 02")
	h.Send("1d 00 00 0000 00").Good() // neither a test nor a page
	h.Send("1d 10 00 0000 00").Good()
	h.Send("1d 00 00 0004 00", scsitest.Hex("00 00 0000")).Sense("05 24 00 cc 00 01") // PF
	h.Send("1d 10 00 0003 00", scsitest.Hex("00 00 00")).Sense("05 1a 00")
	h.Send("1d 10 00 0004 00", scsitest.Hex("00 00 00")).Sense("05 1a 00")
	h.Send("1d 10 00 0004 00", scsitest.Hex("40 00 0000")).Sense("05 26 00 80 00 00")
	h.Send("1d 10 00 0004 00", scsitest.Hex("00 00 0001")).Sense("05 26 00 80 00 02")
	h.Send("1d 10 00 0005 00", scsitest.Hex("00 00 0000 00")).Sense("05 24 00 cf 00 03")
}

func TestSelfTestRefuses(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Send("1d 04 00 0004 00", make([]byte, 4)).Sense("05 24 00 cf 00 03") // a test has no parameters
	h.Send("1d a0 00 0001 00", make([]byte, 1)).Sense("05 24 00 cf 00 03")
	h.Send("1d 24 00 0000 00").Sense("05 24 00 cf 00 01") // SELFTEST and SELF-TEST CODE
	h.Send("1d 60 00 0000 00").Sense("05 24 00 cf 00 01") // reserved
	h.Send("1d e0 00 0000 00").Sense("05 24 00 cf 00 01")
	h.Send("1d 80 00 0000 00").Sense("05 24 00 cf 00 01") // nothing to abort
}

// The tests in the foreground read from the medium, and say how it went.
func TestForegroundSelfTest(t *testing.T) {
	m := newRecorder(1 << 20)
	h := newHost(t, m)
	for cdb, reads := range map[string]int{"1d 04 00 0000 00": 2, "1d 07 00 0000 00": 2, "1d a0 00 0000 00": 2, "1d c0 00 0000 00": 1024} {
		h.Send(cdb).Good()
		took := m.took()
		require.Len(t, took, reads, cdb)
		require.Equal(t, "read 0+512", took[0])
		require.Equal(t, "read 1048064+512", took[reads-1])
	}
	newHost(t, newRecorder(512)).Send("1d c0 00 0000 00").Good() // one block
}

// A medium that cannot be read fails the test, and so does one of which the last block cannot.
func TestSelfTestFails(t *testing.T) {
	for name, broken := range map[string]int64{"first block": 0, "last block": 1<<20 - 512} {
		t.Run(name, func(t *testing.T) {
			s := &blocked{recorder: newRecorder(1 << 20), broken: broken}
			var reported error
			h := newHost(t, s, func(c *sbc.Config) { c.Report = func(_ *scsi.Command, err error) { reported = err } })
			for _, cdb := range []string{"1d 04 00 0000 00", "1d a0 00 0000 00", "1d c0 00 0000 00"} {
				reported = nil
				h.Send(cdb).Sense("04 3e 03")
				require.ErrorIs(t, reported, errBroken)
			}
		})
	}
}

// blocked is a store whose reads wait for a word on the channel, unless that is nil, and one of whose blocks is broken.
type blocked struct {
	*recorder
	waits  chan struct{}
	broken int64 // offset
}

func (s *blocked) Readv(iov [][]byte, off int64) error {
	if s.waits != nil {
		<-s.waits
	}
	if off == s.broken {
		return errBroken
	}
	return s.recorder.Readv(iov, off)
}

// A test in the background goes on while others are answered. There is no second one beside it, and it can be aborted;
// with the disk it ends.
func TestBackgroundSelfTest(t *testing.T) {
	s := &blocked{recorder: newRecorder(1 << 20), waits: make(chan struct{}), broken: -1}
	d := newDisk(t, s)
	h := host(t, d)
	h.Send("1d 20 00 0000 00").Good()
	h.Send("00 00000000 00").Good()
	for _, cdb := range []string{"1d 04 00 0000 00", "1d 20 00 0000 00", "1d 40 00 0000 00", "1d a0 00 0000 00", "1d c0 00 0000 00"} {
		h.Send(cdb).Sense("02 04 09")
	}
	s.waits <- struct{}{}
	s.waits <- struct{}{}
	require.Eventually(t, func() bool { return h.Send("1d 80 00 0000 00").Code == 0x2400 }, time.Second, time.Millisecond, "it has ended")

	h.Send("1d 40 00 0000 00").Good()
	s.waits <- struct{}{}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		d.Close()
	}()
	close(s.waits) // it may wait for a read, and begins another only if it does not know yet
	<-closed
	h.Send("1d 40 00 0000 00").Sense("02 04 09")
}
