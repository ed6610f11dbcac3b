package spc_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// powerOn makes a unit of what m holds, as after a loss of power.
func powerOn(t *testing.T, m *memory) *counting {
	t.Helper()
	s := newCounting(t, func(c *spc.Config) {
		c.State = m
		c.Modes = []spc.ModePage{{Code: 0x21, Name: "vendor's", Default: []byte{2: 0x11, 4: 0x00}, Changeable: []byte{4: 0xff}}}
	})
	require.NoError(t, s.device.Restore())
	return s
}

func newMemory() *memory { return &memory{records: map[string][]byte{}} }

// Mode pages of a unit that saves them: PS is set, whatever is asked for.
const (
	savedControl = "8a 0a 00 10 00 40 0000 ffff 0000"
	savedVendor  = "a1 03 11 00 00"
)

// TestSavedModes: SP saves all pages, also those that an earlier MODE SELECT has changed, and nothing else does (SPC-4
// 6.11).
func TestSavedModes(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	s.a.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 00 00", savedControl)
	s.a.Fetch("1a 08 4a 00 ff 00", 255).Good("0f 00 00 00 8a 0a 06 00 08 00 0000 0000 0000") // GLTSD is changeable too
	s.a.Fetch("1a 08 ca 00 ff 00", 255).Good("0f 00 00 00", savedControl)
	s.a.Fetch("1a 08 ff 00 ff 00", 255).Good("60 00 00 00",
		"82 0e 00*14", savedControl, "99 06 0f 00*5", "9a 26 00*38", "9c 0a 00*10", savedVendor)
	s.a.Fetch("1a 08 ca 01 ff 00", 255).Good("23 00 00 00 ca 01 001c 06 00*27")

	s.a.Send("15 10 0000 09 00", scsitest.Hex("00000000 21 03 11 00 77")).Good()
	s.a.Fetch("1a 08 e1 00 ff 00", 255).Good("08 00 00 00", savedVendor)
	require.Empty(t, m.records)
	s = powerOn(t, m)
	s.a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00", savedVendor)

	s.a.Send("15 10 0000 09 00", scsitest.Hex("00000000 21 03 11 00 77")).Good()
	s.a.Send("15 11 0000 10 00", scsitest.Hex("00000000 8a 0a 04 10 08 40 0000 ffff 0000")).Good() // D_SENSE, SWP
	s.b.Send("00 00000000 00").Sense("06 2a 01")
	s.a.Fetch("1a 08 e1 00 ff 00", 255).Good("08 00 80 00 a1 03 11 00 77")
	s = powerOn(t, m)
	s.a.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 80 00 8a 0a 04 10 08 40 0000 ffff 0000")
	s.a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 80 00 a1 03 11 00 77")
	s.a.Fetch("1a 08 a1 00 ff 00", 255).Good("08 00 80 00", savedVendor) // default
	s.a.Send("01 00 0000 00 00").Raw("72 05 20 00 000000 00")

	s.a.Send("15 10 0000 10 00", scsitest.Hex("00000000", savedControl)).Good()
	s.a.Send("55 11 0000000000 0000 00").Good() // what is current is saved, without a list too
	powerOn(t, m).a.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 00 00", savedControl)
}

func TestSavedModesAreDurable(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	m.save = errors.New("no space left")
	s.a.Send("15 11 0000 09 00", scsitest.Hex("00000000 21 03 11 00 77")).Sense("04 44 00")
	s.a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00 a1 03 11 00 77") // it is changed, and not saved
	s.a.Fetch("1a 08 e1 00 ff 00", 255).Good("08 00 00 00", savedVendor)
	s.b.Send("00 00000000 00").Sense("06 2a 01")
	require.Empty(t, m.records)
	s.a.Send("15 11 0000 09 00", scsitest.Hex("00000000 21 03 12 00 78")).Sense("05 26 00 80 00 06")
	s.a.Send("15 11 0000 08 00", scsitest.Hex("00000000 21 03 11 00")).Sense("05 1a 00")
	m.save = nil
	s.a.Send("55 11 0000000000 0008 00", make([]byte, 8)).Good()
	powerOn(t, m).a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00 a1 03 11 00 77")
}

// TestChangeOfSavedMode: what is changed from within is saved where something has been saved, for it is later; else the
// unit begins as it is made.
func TestChangeOfSavedMode(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	set := func(v byte) func([]byte) { return func(page []byte) { page[4] = v } }
	require.True(t, s.device.ChangeMode(0x21, 0, set(1)).OK())
	require.Empty(t, m.records)
	s.a.Send("00 00000000 00").Sense("06 2a 01")
	s.a.Send("15 11 0000 09 00", scsitest.Hex("00000000 21 03 11 00 02")).Good()
	s.a.Send("15 10 0000 10 00", scsitest.Hex("00000000 8a 0a 04 10 00 40 0000 ffff 0000")).Good()
	require.True(t, s.device.ChangeMode(0x21, 0, set(3)).OK())
	s = powerOn(t, m)
	s.a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00 a1 03 11 00 03")
	s.a.Fetch("1a 08 0a 00 ff 00", 255).Good("0f 00 00 00", savedControl)
	require.True(t, s.device.ChangeMode(0x21, 0, set(4)).OK())
	powerOn(t, m).a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00 a1 03 11 00 04")
}

// TestSavedModesOfAnotherVersion: pages that have gone, are of another length, or have come, and bits that cannot be
// changed any more.
func TestSavedModesOfAnotherVersion(t *testing.T) {
	m := newMemory()
	m.records["mode-pages"] = scsitest.Hex("83 02 ffff", "8a 08 ff*8", "e0 99 0001 ff", "a1 03 ff ff 05")
	s := powerOn(t, m)
	s.a.Fetch("1a 08 3f 00 ff 00", 255).Good("60 00 00 00",
		"82 0e 00*14", savedControl, "99 06 0f 00*5", "9a 26 00*38", "9c 0a 00*10", "a1 03 11 00 05")

	for _, cut := range []string{"a1", "a1 03 11 00", "ca 01 00", "ca 01 001c 00*27"} {
		m.records["mode-pages"] = scsitest.Hex("a1 03 11 00 06", cut)
		s := newCounting(t, func(c *spc.Config) {
			c.State = m
			c.Modes = []spc.ModePage{{Code: 0x21, Default: []byte{4: 0x00}, Changeable: []byte{4: 0xff}}}
		})
		require.EqualError(t, s.device.Restore(), "mode-pages: a page is cut short")
		s.a.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 00 00 a1 03 00 00 06")
	}
}

// TestSavedModeThatCannotBe true any more stays as it is by default.
func TestSavedModeThatCannotBe(t *testing.T) {
	m := newMemory()
	m.records["mode-pages"] = scsitest.Hex("a1 03 11 00 ff")
	s := newSwitchable(t, func(c *spc.Config) { c.State = m })
	require.EqualError(t, s.device.Restore(), `mode-pages: page "vendor's" not made true: HARDWARE ERROR, INTERNAL TARGET FAILURE`)
	s.host.Fetch("1a 08 21 00 ff 00", 255).Good("08 00 10 00 a1 03 11 00 00")
}

// Saved log pages have no DS.
const savedCycles = "0e 00 0024 0001 01 06 202020202020 " + someDate + " 0003 03 04 ffffffff 0004 03 04 "

// TestSavedLogs: what application clients write down, and what the unit counts.
func TestSavedLogs(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	s.a.Fetch("4d 00 4d 00 00 0000 ffff 00", 0xffff).Good(temperature)
	selectLogs(s.a, "0e 00 000a", someDate, "0f 00 0100 0020 03 fc 22*252").Good()
	s.device.Stopped(nil)
	s = powerOn(t, m)
	s.a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good(savedCycles, "00000001")
	s.a.Fetch("4d 00 4f 00 00 0020 ffff 00", 0xffff).Good("0f 00 2000 0020 03 fc 22*252", parameters(33, 31, "00*252"))

	s.a.Send("4c 02 4f 00 000000 0000 00").Good() // a reset is saved too
	powerOn(t, m).a.Fetch("4d 00 4f 00 00 0000 ffff 00", 0xffff).Good("0f 00 4000", parameters(0, 64, "00*252"))
}

// TestGLTSD: with it, log parameters are saved when an initiator says so.
func TestGLTSD(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	s.a.Send("15 11 0000 10 00", scsitest.Hex("00000000 8a 0a 02 10 00 40 0000 ffff 0000")).Good()
	selectLogs(s.a, "0e 00 000a", someDate).Good()
	s.device.Stopped(nil)
	require.Len(t, m.records, 1, "the mode pages")
	for i, save := range []string{
		"4d 01 4e 00 00 0000 0000 00", // LOG SENSE of the page
		"4c 01 4e 00 000000 0000 00",  // LOG SELECT of it
		"4c 01 40 00 000000 0000 00",  // of all
	} {
		s = powerOn(t, m)
		s.a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Data()
		selectLogs(s.a, "0e 00 000a", someDate).Good()
		s.device.Stopped(nil)
		s.a.Send(save).Good()
		powerOn(t, m).a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good(savedCycles, []string{"00000001", "00000002", "00000003"}[i])
	}
	s.a.Send("4c 01 40 00 000000 000e 00", scsitest.Hex("0e 00 000a", noDate)).Good() // and of a list
	powerOn(t, m).a.Fetch("4d 00 4e 00 00 0002 ffff 00", 0xffff).Good("0e 00 001a", noDate, "0003 03 04 ffffffff 0004 03 04 00000003")

	s.a.Send("4c 01 4d 00 000000 0000 00").Sense("05 24 00 c8 00 01") // of what cannot be saved
	s.a.Fetch("4d 01 4d 00 00 0000 ffff 00", 0xffff).Good(temperature)
}

func TestSavedLogsAreDurable(t *testing.T) {
	m := newMemory()
	s := powerOn(t, m)
	m.save = errors.New("no space left")
	selectLogs(s.a, "0e 00 000a", someDate).Sense("04 44 00")
	s.b.Send("00 00000000 00").Sense("06 2a 02")
	s.a.Send("4c 02 40 00 000000 0000 00").Sense("04 44 00")
	s.a.Send("4c 01 40 00 000000 0000 00").Sense("04 44 00")
	s.a.Fetch("4d 01 4e 00 00 0000 ffff 00", 0xffff).Sense("04 44 00")
	s.device.Stopped(nil)
	require.Empty(t, m.records)
}

func TestSavedLogsOfAnotherVersion(t *testing.T) {
	m := newMemory()
	m.records["log-page-0e-00"] = scsitest.Hex("0002 03 02 ffff", "0099 03 01 ff", "0004 01 04 00000005", "0001 01 06 ff*6")
	s := powerOn(t, m)
	s.a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good("0e", cycles[2:len(cycles)-8], "00000005")
	for _, cut := range []string{"00", "0002 01", "0002 01 06 323032363437 0004 03 04 000000"} {
		m.records["log-page-0e-00"] = scsitest.Hex(cut)
		require.EqualError(t, newCounting(t, func(c *spc.Config) { c.State = m }).device.Restore(),
			"log-page-0e-00: the page ends within a parameter")
	}
}

// TestSavedSelfTests: how they ended is known after a loss of power, and not of one that had not.
func TestSavedSelfTests(t *testing.T) {
	m := newMemory()
	keeps := func(c *spc.Config) { c.State = m }
	s := newTested(t, keeps)
	s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	s.foreground("1d c0 00 0000 00", scsi.UnrecoveredReadError).Sense("04 3e 03")
	s.Send("1d 20 00 0000 00").Good()
	defer s.device.Close()
	s = newTested(t, keeps)
	require.NoError(t, s.device.Restore())
	require.Equal(t, []spc.SelfTestResult{
		{Code: 6, Result: spc.TestFailed, LBA: 0x1234, Sense: scsi.UnrecoveredReadError},
		{Code: 5, Result: spc.TestPassed, LBA: none},
	}, s.device.SelfTests())
	s.Send("15 10 0000 10 00", scsitest.Hex("00000000 8a 0a 02 10 00 40 0000 ffff 003c")).Good() // GLTSD
	s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	s = newTested(t, keeps)
	require.NoError(t, s.device.Restore())
	require.Len(t, s.device.SelfTests(), 2)
}
