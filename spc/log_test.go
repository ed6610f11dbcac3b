package spc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// counting is a unit with a vendor's page 30h and a subpage of it, which has a counter and a list beside it.
type counting struct {
	device  *spc.Device
	a, b    *scsitest.Host
	counter []byte
}

func newCounting(t *testing.T, change ...func(*spc.Config)) *counting {
	s := &counting{counter: []byte{0, 7}}
	cfg := spc.Config{Logs: []spc.LogPage{
		{Code: 0x30, Sub: 0x01, Name: "counter", Parameters: func() []spc.LogParameter {
			return []spc.LogParameter{
				{Code: 0x0002, Format: spc.Counter, Value: bytes.Clone(s.counter)},
				{Code: 0x0008, Format: spc.BinaryList, Value: []byte{0x55}},
			}
		}, Reset: func() { clear(s.counter) }},
		{Code: 0x30, Name: "vendor's", Parameters: func() []spc.LogParameter {
			return []spc.LogParameter{{Code: 0x1234, Format: spc.ASCIIList, Value: []byte("x")}}
		}},
	}}
	for _, f := range change {
		f(&cfg)
	}
	var u *scsi.Unit
	s.device, u = newDevice(t, cfg)
	s.a, s.b = scsitest.Join(t, u, "host a", nil), scsitest.Join(t, u, "host b", nil)
	return s
}

// Log pages that every unit has, without a State: DS is set.
const (
	temperature = "8d 00 000c 0000 03 02 00ff 0001 03 02 00ff" // nobody measures it
	cycles      = "8e 00 0024 0001 01 06 202020202020 0002 01 06 202020202020 0003 03 04 ffffffff 0004 03 04 00000000"
	asked       = "af 00 0007 0000 03 03 00 00 ff"
	vendors     = "b0 00 0005 1234 01 01 78"
	counters    = "f0 01 000b 0002 02 02 0007 0008 03 01 55"
)

// parameters are n log parameters of one value, as hexadecimal digits.
func parameters(first, n int, value string) string {
	var s string
	for i := range n {
		s += fmt.Sprintf("%04x 03 %02x %s ", first+i, len(scsitest.Hex(value)), value)
	}
	return s
}

func TestLogSense(t *testing.T) {
	h := newCounting(t).a
	for cdb, want := range map[string]string{
		"4d 00 40 00 00 0000 ffff 00": "00 00 0007 00 0d 0e 0f 10 2f 30",
		"4d 00 40 ff 00 0000 ffff 00": "40 ff 001e 0000 00ff 0d00 0dff 0e00 0eff 0f00 0fff 1000 10ff 2f00 2fff 3000 3001 30ff",
		"4d 00 4d ff 00 0000 ffff 00": "4d ff 0004 0d00 0dff",
		"4d 00 70 ff 00 0000 ffff 00": "70 ff 0006 3000 3001 30ff",
		"4d 00 4d 00 00 0000 ffff 00": temperature,
		"4d 00 4e 00 00 0000 ffff 00": cycles,
		"4d 00 4f 00 00 0000 ffff 00": "8f 00 4000 " + parameters(0, 64, "00*252"),
		"4d 00 50 00 00 0000 ffff 00": "90 00 0190 " + parameters(1, 20, "00*16"),
		"4d 00 6f 00 00 0000 ffff 00": asked,
		"4d 00 70 00 00 0000 ffff 00": vendors,
		"4d 00 70 01 00 0000 ffff 00": counters,

		"4d 00 0d 00 00 0000 ffff 00": temperature, // lists have no thresholds, and PC is ignored
		"4d 00 8d 00 00 0000 ffff 00": temperature,
		"4d 00 cd 00 00 0000 ffff 00": temperature,
		"4d 00 c0 00 00 0000 ffff 00": "00 00 0007 00 0d 0e 0f 10 2f 30",
		"4d 00 f0 01 00 0000 ffff 00": "f0 01 000b 0002 02 02 0000 0008 03 01 55", // default values

		"4d 00 4d 00 00 0001 ffff 00": "8d 00 0006 0001 03 02 00ff", // PARAMETER POINTER
		"4d 00 70 01 00 0002 ffff 00": counters,
		"4d 00 70 01 00 0003 ffff 00": "f0 01 0005 0008 03 01 55",
		"4d 00 70 01 00 0008 ffff 00": "f0 01 0005 0008 03 01 55",
		"4d 00 30 01 00 0003 ffff 00": "f0 01 0005 0008 03 01 55", // past the counter, which has no threshold
	} {
		h.Fetch(cdb, 0xffff).Good(want)
	}
}

func TestLogSenseRefuses(t *testing.T) {
	h := newCounting(t).a
	for cdb, want := range map[string]string{
		"4d 00 41 00 00 0000 00ff 00": "05 24 00 cd 00 02", // PAGE CODE
		"4d 00 41 ff 00 0000 00ff 00": "05 24 00 cd 00 02",
		"4d 00 7f 00 00 0000 00ff 00": "05 24 00 cd 00 02",
		"4d 00 40 01 00 0000 00ff 00": "05 24 00 cd 00 02",
		"4d 00 4d 01 00 0000 00ff 00": "05 24 00 cf 00 03", // SUBPAGE CODE
		"4d 00 70 02 00 0000 00ff 00": "05 24 00 cf 00 03",
		"4d 00 40 00 00 0001 00ff 00": "05 24 00 cf 00 05", // PARAMETER POINTER
		"4d 00 40 ff 00 0001 00ff 00": "05 24 00 cf 00 05",
		"4d 00 4d 00 00 0002 00ff 00": "05 24 00 cf 00 05",
		"4d 00 4f 00 00 0040 00ff 00": "05 24 00 cf 00 05",
		"4d 00 30 01 00 0000 00ff 00": "05 24 00 cf 00 02", // PC: thresholds of a counter
		"4d 00 b0 01 00 0000 00ff 00": "05 24 00 cf 00 02",
		"4d 01 4d 00 00 0000 00ff 00": "05 24 00 c8 00 01", // SP
		"4d 02 4d 00 00 0000 00ff 00": "05 24 00 c9 00 01", // PPC
	} {
		h.Fetch(cdb, 255).Sense(want)
	}
}

func TestLogSenseIsCut(t *testing.T) {
	h := newCounting(t).a
	whole := fmt.Sprintf("%x", scsitest.Hex(cycles))
	for n := range 50 {
		h.Fetch(fmt.Sprintf("4d 00 4e 00 00 0000 %04x 00", n), 255).Good(whole[:min(2*n, len(whole))])
	}
}

// selectLogs sends LOG SELECT with a parameter list as long as it is.
func selectLogs(h *scsitest.Host, list ...string) *scsitest.Answer {
	p := scsitest.Hex(list...)
	return h.Send(fmt.Sprintf("4c 00 40 00 000000 %04x 00", len(p)), p)
}

const (
	noDate, someDate = "0002 01 06 202020202020", "0002 01 06 323032363437" // week 47 of 2026
	inService        = "8e 00 0024 0001 01 06 202020202020 " + someDate + " 0003 03 04 ffffffff 0004 03 04 00000000"
)

// TestLogSelect: what host A writes down, host B hears of once, and reads.
func TestLogSelect(t *testing.T) {
	s := newCounting(t)
	first, last := "0000 03 fc 11*252", "003f 03 fc 33*252"
	selectLogs(s.a, "0e 00 000a", someDate, "0f 00 0200", first, last).Good()
	s.a.Send("00 00000000 00").Good()
	s.b.Send("00 00000000 00").Sense("06 2a 02")
	s.b.Send("00 00000000 00").Good()
	s.b.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good(inService)
	s.b.Fetch("4d 00 4f 00 00 0000 ffff 00", 0xffff).Good("8f 00 4000", first, parameters(1, 62, "00*252"), last)

	selectLogs(s.a, "0e 00 000a", someDate).Good()                                                    // as it is
	selectLogs(s.a, "8e 00 000a 0002 a1 06 323032363437").Good()                                      // DS, DU and TSD
	selectLogs(s.a, "0d 00 0000", "0e 00 0000", "70 01 0000").Good()                                  // of each nothing
	s.a.Send("4c 00 00 00 000000 000e 00", scsitest.Hex("0e 00 000a", someDate)).Good()               // PC is about counters
	s.a.Send("4c 00 40 00 000000 0104 00", scsitest.Hex("0f 00 0100", first), make([]byte, 8)).Good() // the list ends there
	s.a.Send("4c 00 00 00 000000 0000 00").Good()
	s.a.Send("4c 00 4e 00 000000 0000 00").Good()
	s.b.Send("00 00000000 00").Good()
}

// TestLogSelectRefuses what may not be, whole: the date, which comes first in each list, stays as it was.
func TestLogSelectRefuses(t *testing.T) {
	s := newCounting(t)
	for name, test := range map[string]struct{ page, want string }{
		"page that is not there":         {"11 00 0008 0001 03 04 00000000", "05 26 00 8d 00 0e"},
		"subpage that is not there":      {"70 02 0000", "05 26 00 8d 00 0e"},
		"list of pages":                  {"40 ff 0000", "05 26 00 8d 00 0e"},
		"SPF without a subpage":          {"4f 00 0000", "05 26 00 8e 00 0e"},
		"subpage without SPF":            {"30 01 0000", "05 26 00 8e 00 0e"},
		"page that came before":          {"0e 00 000a 0002 01 06 323032363437", "05 26 00 80 00 0e"},
		"page out of order":              {"0d 00 0000", "05 26 00 80 00 0e"},
		"parameter that cannot be set":   {"10 00 0014 0001 03 10 00*16", "05 26 00 80 00 12"},
		"counter":                        {"70 01 0006 0002 02 02 0009", "05 26 00 80 00 12"},
		"parameter that is not there":    {"0f 00 0100 0040 03 fc 00*252", "05 26 00 80 00 12"},
		"parameter that came before":     {"0f 00 0200 0001 03 fc 00*252 0001 03 fc 00*252", "05 26 00 80 01 12"},
		"parameter out of order":         {"0f 00 0200 0001 03 fc 00*252 0000 03 fc 00*252", "05 26 00 80 01 12"},
		"FORMAT AND LINKING":             {"0f 00 0100 0000 01 fc 00*252", "05 26 00 80 00 14"},
		"parameter of another length":    {"0f 00 0008 0000 03 04 00*4", "05 26 00 80 00 15"},
		"parameter the page cuts":        {"0f 00 00ff 0000 03 fc 00*251", "05 26 00 80 00 15"},
		"parameter header the page cuts": {"0f 00 0003 0000 03", "05 26 00 80 00 12"},
		"page the list cuts":             {"0f 00 0100 0000 03 fc 00*251", "05 1a 00"},
		"page header the list cuts":      {"0f 00 01", "05 1a 00"},
	} {
		t.Run(name, func(t *testing.T) {
			selectLogs(s.a, "0e 00 000a", someDate, test.page).Sense(test.want)
			s.a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good(cycles)
			s.b.Send("00 00000000 00").Good()
		})
	}
	list := scsitest.Hex("0e 00 000a", someDate)
	s.a.Send("4c 02 40 00 000000 000e 00", list).Sense("05 24 00 c9 00 01") // PCR
	s.a.Send("4c 00 4e 00 000000 000e 00", list).Sense("05 24 00 cd 00 02") // PAGE CODE
	s.a.Send("4c 00 40 01 000000 000e 00", list).Sense("05 24 00 cf 00 03") // SUBPAGE CODE
	s.a.Send("4c 01 40 00 000000 000e 00", list).Sense("05 24 00 c8 00 01") // SP
	s.a.Send("4c 00 40 00 000000 000f 00", list).Sense("05 1a 00")
	s.a.Send("4c 02 51 00 000000 0000 00").Sense("05 24 00 cd 00 02")
	s.a.Send("4c 02 51 ff 000000 0000 00").Sense("05 24 00 cd 00 02")
	s.a.Send("4c 02 40 01 000000 0000 00").Sense("05 24 00 cf 00 03")
	s.a.Send("4c 02 4e 01 000000 0000 00").Sense("05 24 00 cf 00 03")
}

// TestLogReset: without a list, parameters become what they are by default. What is named and how, the CDB says (SPC-4
// 6.5.2).
func TestLogReset(t *testing.T) {
	const dated, counted = 1, 2
	for cdb, reset := range map[string]int{
		"4c 02 40 00 000000 0000 00": dated | counted, // PCR
		"4c 02 00 00 000000 0000 00": dated | counted,
		"4c 02 70 01 000000 0000 00": counted,
		"4c 02 70 ff 000000 0000 00": counted,
		"4c 02 70 00 000000 0000 00": 0,
		"4c 02 4e 00 000000 0000 00": dated,
		"4c 02 4e ff 000000 0000 00": dated,
		"4c 02 40 ff 000000 0000 00": 0,               // the pages with code 00h
		"4c 00 c0 00 000000 0000 00": dated | counted, // default cumulative values
		"4c 00 80 00 000000 0000 00": dated,           // default threshold values, and lists
		"4c 00 b0 01 000000 0000 00": 0,
		"4c 00 40 00 000000 0000 00": 0,
		"4c 00 00 00 000000 0000 00": 0,
	} {
		t.Run(cdb, func(t *testing.T) {
			s := newCounting(t)
			selectLogs(s.a, "0e 00 000a", someDate).Good()
			s.b.Send("00 00000000 00").Sense("06 2a 02")

			s.a.Send(cdb).Good()
			if reset == 0 {
				s.b.Send("00 00000000 00").Good()
			} else {
				s.b.Send("00 00000000 00").Sense("06 2a 02")
				s.b.Send("00 00000000 00").Good()
			}
			date, counter := inService, "0007"
			if reset&dated != 0 {
				date = cycles
			}
			if reset&counted != 0 {
				counter = "0000"
			}
			s.a.Fetch("4d 00 4e 00 00 0000 ffff 00", 0xffff).Good(date)
			s.a.Fetch("4d 00 70 01 00 0000 ffff 00", 0xffff).Good("f0 01 000b 0002 02 02", counter, "0008 03 01 55")
		})
	}
}

// TestSelfTestLog has the last twenty, the newest first.
func TestSelfTestLog(t *testing.T) {
	s := newTested(t)
	page := func(from int) *scsitest.Answer {
		return s.Fetch(fmt.Sprintf("4d 00 50 00 00 %04x ffff 00", from), 0xffff)
	}
	s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	s.foreground("1d c0 00 0000 00", scsi.UnrecoveredReadError).Sense("04 3e 03")
	s.Send("1d 20 00 0000 00").Good()
	const passed, failed = "a0 00 0000 ffffffffffffffff 00 00 00 00 ", "c4 00 0000 0000000000001234 03 11 00 00 "
	const running = "2f 00 0000 ffffffffffffffff 00 00 00 00 "
	page(0).Good("90 00 0190", "0001 03 10", running, "0002 03 10", failed, "0003 03 10", passed, parameters(4, 17, "00*16"))
	s.Send("1d 80 00 0000 00").Good() // aborted
	page(0x14).Good("90 00 0014 0014 03 10 00*16")
	for range 18 {
		s.foreground("1d a0 00 0000 00", scsi.Result{}).Good()
	}
	page(0x13).Good("90 00 0028", "0013 03 10 21 00 0000 ffffffffffffffff 00 00 00 00", "0014 03 10", failed)
}

func TestStartStopCycles(t *testing.T) {
	s := newCounting(t)
	for range 258 {
		s.device.Stopped(nil)
	}
	s.a.Fetch("4d 00 4e 00 00 0004 ffff 00", 0xffff).Good("8e 00 0008 0004 03 04 00000102")
	s.a.Send("4c 02 4e 00 000000 0000 00").Good() // it cannot be reset
	s.a.Fetch("4d 00 4e 00 00 0004 ffff 00", 0xffff).Good("8e 00 0008 0004 03 04 00000102")
}
