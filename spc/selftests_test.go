package spc_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// tested is a unit whose self-tests end as they are told to, or when they are aborted.
type tested struct {
	*scsitest.Host
	device *spc.Device
	end    chan scsi.Result
	kinds  []bool // extended or not, as they began
}

func newTested(t *testing.T, change ...func(*spc.Config)) *tested {
	s := &tested{end: make(chan scsi.Result)}
	cfg := spc.Config{SelfTest: func(ctx context.Context, extended bool) (scsi.Result, uint64) {
		s.kinds = append(s.kinds, extended)
		select {
		case r := <-s.end:
			return r, 0x1234
		case <-ctx.Done():
			return scsi.Result{}, ^uint64(0)
		}
	}}
	for _, f := range change {
		f(&cfg)
	}
	device, unit := newDevice(t, cfg)
	s.device, s.Host = device, scsitest.Join(t, unit, "host a", nil)
	return s
}

// foreground sends a test that ends with r.
func (s *tested) foreground(cdb string, r scsi.Result) *scsitest.Answer {
	go func() { s.end <- r }()
	return s.Send(cdb)
}

// ended waits for a test in the background: until that has ended, there is one to refuse another for.
func (s *tested) ended(t *testing.T, r scsi.Result) {
	s.end <- r
	require.Eventually(t, func() bool { return s.device.SelfTests()[0].Result != spc.TestInProgress }, time.Second, time.Millisecond)
}

const none = ^uint64(0)

// The log has the latest tests, the newest first, but for the default self-test.
func TestSelfTestResults(t *testing.T) {
	s := newTested(t)
	require.Empty(t, s.device.SelfTests())
	s.foreground("1d 04 00 0000 00", scsi.Result{}).Good()
	s.foreground("1d 04 00 0000 00", scsi.UnrecoveredReadError).Sense("04 3e 03")
	require.Empty(t, s.device.SelfTests())

	s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	s.foreground("1d c0 00 0000 00", scsi.UnrecoveredReadError).Sense("04 3e 03")
	s.Send("1d 40 00 0000 00").Good()
	require.Equal(t, spc.SelfTestResult{Code: 2, Result: spc.TestInProgress, LBA: none}, s.device.SelfTests()[0])
	s.ended(t, scsi.UnrecoveredReadError) // nobody is told but by the log
	s.Send("1d 20 00 0000 00").Good()
	s.ended(t, scsi.Result{})
	s.Send("1d 20 00 0000 00").Good()
	s.Send("1d 80 00 0000 00").Good() // aborted
	require.Equal(t, []spc.SelfTestResult{
		{Code: 1, Result: spc.TestAborted, LBA: none},
		{Code: 1, Result: spc.TestPassed, LBA: none},
		{Code: 2, Result: spc.TestFailed, LBA: 0x1234, Sense: scsi.UnrecoveredReadError},
		{Code: 6, Result: spc.TestFailed, LBA: 0x1234, Sense: scsi.UnrecoveredReadError},
		{Code: 5, Result: spc.TestPassed, LBA: none},
	}, s.device.SelfTests())
	require.Equal(t, []bool{false, false, false, true, true, false, false}, s.kinds)
}

func TestSelfTestResultsAreBounded(t *testing.T) {
	s := newTested(t)
	for range 25 {
		s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	}
	s.foreground("1d c0 00 0000 00", scsi.Result{}).Good()
	require.Len(t, s.device.SelfTests(), 20)
	require.Equal(t, byte(6), s.device.SelfTests()[0].Code)
}

func TestCloseEndsASelfTest(t *testing.T) {
	s := newTested(t)
	s.Send("1d 40 00 0000 00").Good()
	s.device.Close()
	require.Equal(t, []spc.SelfTestResult{{Code: 2, Result: spc.TestEnded, LBA: none}}, s.device.SelfTests())
	s.Send("1d 40 00 0000 00").Sense("02 04 09")
	s.device.Close()
}

// A type without self-tests does not know the command, and page 86h says nothing of the time they take.
func TestNoSelfTests(t *testing.T) {
	h := newHost(t, spc.Config{})
	h.Send("1d 04 00 0000 00").Sense("05 20 00")
	h.Fetch("12 01 86 000c 00", 12).Good("00 86 003c 00 01 00*6")
	newTested(t).Fetch("12 01 86 000c 00", 12).Good("00 86 003c 00 01 00*4 0001")
}
