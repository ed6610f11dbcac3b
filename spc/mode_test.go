package spc_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// switchable is a unit with a vendor's page 21h and a subpage 0Ah/05h, each with one byte to change, that keeps what it
// was told to apply and refuses a value of FFh.
type switchable struct {
	device  *spc.Device
	host    *scsitest.Host
	other   *scsitest.Host
	applied []string
}

func newSwitchable(t *testing.T, change ...func(*spc.Config)) *switchable {
	s := &switchable{}
	apply := func(page []byte) scsi.Result {
		if page[len(page)-1] == 0xff {
			return scsi.InternalTargetFailure
		}
		s.applied = append(s.applied, fmt.Sprintf("%x", page))
		return scsi.Result{}
	}
	cfg := spc.Config{Type: 0x0c, DeviceSpecific: 0x10, Modes: []spc.ModePage{
		{Code: 0x21, Name: "vendor's", Default: []byte{2: 0x11, 4: 0x00}, Changeable: []byte{4: 0xff}, Apply: apply},
		{Code: 0x0a, Sub: 0x05, Name: "subpage", Default: []byte{4: 0x22, 6: 0x00}, Changeable: []byte{6: 0xff}, Apply: apply},
	}}
	for _, f := range change {
		f(&cfg)
	}
	device, unit := newDevice(t, cfg)
	s.device = device
	s.host, s.other = scsitest.Join(t, unit, "host a", nil), scsitest.Join(t, unit, "host b", nil)
	return s
}

// Mode pages that every unit has.
const (
	disconnect = "02 0e 00*14"
	control    = "0a 0a 00 10 00 40 0000 ffff 0000"
	extension  = "4a 01 001c 06 00*27" // TCMOS, SCSIP
	port       = "19 06 0f 00*5"       // no protocol
	power      = "1a 26 00*38"
	exceptions = "1c 0a 00*10"
)

// Pages and subpages come in ascending order, and 3Fh and FFh stand for all of them (SPC-4 6.13).
func TestSubpages(t *testing.T) {
	h := newSwitchable(t).host
	const sub, vendor = "4a 05 0003 22 00 00", "21 03 11 00 00"
	h.Fetch("1a 00 0a 05 ff 00", 255).Good("0a 00 10 00", sub) // this type has no block descriptor
	h.Fetch("1a 00 4a 05 ff 00", 255).Good("0a 00 10 00", "4a 05 0003 00 00 ff")
	h.Fetch("1a 00 8a 05 ff 00", 255).Good("0a 00 10 00", sub)
	h.Fetch("1a 00 0a 00 ff 00", 255).Good("0f 00 10 00", control)
	h.Fetch("1a 00 0a ff ff 00", 255).Good("36 00 10 00", control, extension, sub)
	h.Fetch("1a 00 21 00 ff 00", 255).Good("08 00 10 00", vendor)
	h.Fetch("1a 00 61 00 ff 00", 255).Good("08 00 10 00", "21 03 00 00 ff")
	h.Fetch("1a 00 3f 00 ff 00", 255).Good("60 00 10 00", disconnect, control, port, power, exceptions, vendor)
	h.Fetch("1a 00 3f ff ff 00", 255).Good("87 00 10 00", disconnect, control, extension, sub, port, power, exceptions, vendor)
	h.Fetch("5a 00 3f ff 000000 00ff 00", 255).Good("008a 00 10 00 00 0000", disconnect, control, extension, sub, port, power, exceptions, vendor)
	h.Fetch("1a 00 0a 04 ff 00", 255).Sense("05 24 00 cf 00 03")
	h.Fetch("1a 00 21 05 ff 00", 255).Sense("05 24 00 cf 00 03")
	h.Fetch("1a 00 22 ff ff 00", 255).Sense("05 24 00 cd 00 02")
	h.Fetch("1a 00 ca 05 ff 00", 255).Sense("05 39 00")
}

// MODE DATA LENGTH of MODE SENSE (6) has one byte, and the list may be longer.
func TestModeSenseLongerThanItCanSay(t *testing.T) {
	h := newHost(t, spc.Config{Modes: []spc.ModePage{{Code: 0x22, Default: make([]byte, 250)}, {Code: 0x23, Default: make([]byte, 40)}}})
	p := h.Fetch("1a 00 3f 00 ff 00", 255).Data()
	require.Equal(t, byte(0xff), p[0])
	p = h.Fetch("5a 00 3f 00 000000 ffff 00", 1000).Data()
	require.Equal(t, "0180", fmt.Sprintf("%x", p[:2])) // 8-2+16+12+8+40+12+250+40
	require.Len(t, p, 0x180+2)
}

func TestModeSelectOfSubpage(t *testing.T) {
	s := newSwitchable(t)
	s.host.Send("15 10 0000 0b 00", scsitest.Hex("00000000 4a 05 0003 22 00 77")).Good()
	require.Equal(t, []string{"4a050003220077"}, s.applied)
	s.host.Fetch("1a 00 0a 05 ff 00", 255).Good("0a 00 10 00 4a 05 0003 22 00 77")
	s.host.Fetch("1a 00 8a 05 ff 00", 255).Good("0a 00 10 00 4a 05 0003 22 00 00")
	s.other.Send("00 00000000 00").Sense("06 2a 01")
	for list, want := range map[string]string{
		"4a 05 0003 23 00 77":    "05 26 00 80 00 08", // not changeable
		"4a 05 0004 22 00 77 00": "05 26 00 80 00 06", // PAGE LENGTH
		"4a 04 0003 22 00 77":    "05 26 00 8d 00 04",
		"4a 05 0003 22 00":       "05 1a 00",
		"4a 05 00":               "05 1a 00",
	} {
		p := scsitest.Hex("00000000", list)
		s.host.Send(fmt.Sprintf("15 10 0000 %02x 00", len(p)), p).Sense(want)
	}
	require.Len(t, s.applied, 1)
}

// TestModeSelectInOrder: pages are applied one after the other; where one cannot be, those before it stay, and the
// others hear of them.
func TestModeSelectInOrder(t *testing.T) {
	s := newSwitchable(t)
	const first, second = "21 03 11 00 01", "4a 05 0003 22 00 02"
	s.host.Send("15 10 0000 10 00", scsitest.Hex("00000000", first, second)).Good()
	require.Equal(t, []string{"2103110001", "4a050003220002"}, s.applied)
	s.other.Send("00 00000000 00").Sense("06 2a 01")
	s.other.Send("00 00000000 00").Good() // told once of both

	s.host.Send("15 10 0000 10 00", scsitest.Hex("00000000", "21 03 11 00 03", "4a 05 0003 22 00 ff")).Sense("04 44 00")
	s.host.Fetch("1a 00 3f ff ff 00", 255).Good("87 00 10 00", disconnect, control, extension, second, port, power, exceptions, "21 03 11 00 03")
	s.other.Send("00 00000000 00").Sense("06 2a 01")

	s.host.Send("15 10 0000 0e 00", scsitest.Hex("00000000", "21 03 11 00 04", "21 03 11 00 05")).Good() // twice
	s.host.Fetch("1a 00 21 00 ff 00", 255).Good("08 00 10 00 21 03 11 00 05")
}

func TestModeSelectWithoutBlockDescriptors(t *testing.T) {
	s := newSwitchable(t)
	s.host.Send("15 10 0000 0c 00", scsitest.Hex("00 00 00 08", "00*8")).Sense("05 26 00 80 00 03")
	s.host.Send("55 10 0000000000 0010 00", scsitest.Hex("0000 00 00 00 00 0008", "00*8")).Sense("05 26 00 80 00 06")
}

func TestChangeMode(t *testing.T) {
	s := newSwitchable(t)
	set := func(v byte) func([]byte) { return func(page []byte) { page[len(page)-1] = v } }
	require.True(t, s.device.ChangeMode(0x21, 0, set(7)).OK())
	require.Equal(t, []string{"2103110007"}, s.applied)
	s.host.Send("00 00000000 00").Sense("06 2a 01") // nobody is left out
	s.other.Send("00 00000000 00").Sense("06 2a 01")

	require.True(t, s.device.ChangeMode(0x21, 0, set(7)).OK(), "as it is")
	require.True(t, s.device.ChangeMode(0x20, 0, set(7)).OK(), "no such page")
	require.Equal(t, scsi.InternalTargetFailure, s.device.ChangeMode(0x21, 0, set(0xff)))
	require.Len(t, s.applied, 1)
	s.host.Send("00 00000000 00").Good()
	s.host.Fetch("1a 00 21 00 ff 00", 255).Good("08 00 10 00 21 03 11 00 07")
}

// TestPagesAreTheDevicesOwn: what a caller keeps of its configuration does not reach into the device.
func TestPagesAreTheDevicesOwn(t *testing.T) {
	page := []byte{2: 0x11, 4: 0x00}
	_, u := newDevice(t, spc.Config{Modes: []spc.ModePage{{Code: 0x21, Default: page}}})
	page[2] = 0x99
	scsitest.Join(t, u, "host a", nil).Fetch("1a 00 21 00 ff 00", 255).Good("08 00 00 00 21 03 11 00 00")
}

// TestModesUnderConcurrency is for the race detector.
func TestModesUnderConcurrency(t *testing.T) {
	s := newSwitchable(t)
	var wg sync.WaitGroup
	for _, h := range []*scsitest.Host{s.host, s.other} {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for i := range 200 {
				h.Send("15 10 0000 09 00", scsitest.Hex(fmt.Sprintf("00000000 21 03 11 00 %02x", i)))
			}
		}()
		go func() {
			defer wg.Done()
			for range 200 {
				h.Fetch("1a 00 3f ff ff 00", 255)
				h.Fetch("12 01 00 00ff 00", 255)
			}
		}()
	}
	wg.Wait()
}
