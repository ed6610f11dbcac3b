package sbc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// reachedBy is a disk behind these ports, of which the transport keeps the states.
func reachedBy(groups ...spc.PortGroup) func(*sbc.Config) {
	return func(c *sbc.Config) {
		c.Ports = func() []spc.PortGroup { return groups }
		c.Reservations = false
	}
}

// twoGroups are three ports, of SAS and iSCSI, one of which is on standby with a transition of seven seconds.
func twoGroups() []spc.PortGroup {
	return []spc.PortGroup{
		{AccessGroup: spc.AccessGroup{Supported: 0xdf, Implicit: true, Preferred: true}, Ports: []spc.Port{
			{Relative: 1, Protocol: 0x06, Name: "naa.5001405000000001,t,0x0001", Device: "naa.5001405000000001"},
			{Relative: 2, Protocol: 0x05, Name: "iqn.a,t,0x0001", Device: "iqn.a"},
		}},
		{AccessGroup: spc.AccessGroup{ID: 0x1234, State: spc.Standby, Supported: 0x0f, Status: spc.ByTarget, TransitionTime: 7, Implicit: true}, Ports: []spc.Port{
			{Relative: 0x0203, Protocol: 0x05, Name: "iqn.ab,t,0x0001", Device: "iqn.ab"},
		}},
	}
}

// SPC-4 6.37, in both formats.
func TestReportTargetPortGroups(t *testing.T) {
	const group0, group1 = "80 df 0000 00 00 00 02 0000 0001 0000 0002", "02 0f 1234 00 02 00 01 0000 0203"
	h := newHost(t, newRecorder(1<<20), reachedBy(twoGroups()...))
	h.Fetch("a3 0a 00000000 00000100 00 00", 256).Good("0000001c", group0, group1)
	h.Fetch("a3 2a 00000000 00000100 00 00", 256).Good("00000020 10 07 0000", group0, group1)
	h.Fetch("a3 0a 00000000 0000000c 00 00", 256).Good("0000001c 80 df 0000 00 00 00 02")
	h.Fetch("a3 4a 00000000 00000100 00 00", 256).Sense("05 24 00 cf 00 01")

	h = newHost(t, newRecorder(1<<20))
	h.Fetch("a3 0a 00000000 00000100 00 00", 256).Good("0000000c 00 cf 0000 00 00 00 01 0000 0001") // as groups of ours begin
	h = newHost(t, newRecorder(1<<20), reachedBy())
	h.Fetch("a3 0a 00000000 00000100 00 00", 256).Good("00000000")
	h.Fetch("a3 2a 00000000 00000100 00 00", 256).Good("00000004 10 00 0000")
}

// A command does not say by which of several ports it came, and so nothing is said of "this port".
func TestIdentificationOfPorts(t *testing.T) {
	one := twoGroups()[1]
	explicit := one
	explicit.Implicit = false
	for name, test := range map[string]struct {
		groups []spc.PortGroup
		flags  string // bytes 5 and 6 of standard INQUIRY data: 3PC is set in any case
		named  bool   // in VPD page 83h
	}{
		"none":                 {nil, "08 00", false},
		"one":                  {[]spc.PortGroup{one}, "18 00", true},
		"one, without changes": {[]spc.PortGroup{explicit}, "08 00", true},
		"one of two groups":    {[]spc.PortGroup{{AccessGroup: spc.AccessGroup{ID: 1, Implicit: true}}, one}, "18 00", true},
		"three":                {twoGroups(), "08 10", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, newRecorder(1<<20), reachedBy(test.groups...))
			h.Fetch("12 00 00 0007 00", 7).Good("00 00 06 12 45", test.flags)
			page := []string{"01 03 00 10 6001405a8c4ea0bd3ec4d5a88ef4dcd1", "02 01 00 30 4c494f2d4f524720 726430 3a", serialNumber}
			length := "00 83 0048"
			if test.named {
				length = "00 83 0078"
				page = append(page, "51 94 00 04 0000 0203", "51 95 00 04 0000 1234",
					"53 98 00 10", hex([]byte("iqn.ab,t,0x0001")), "00", // ended by one zero
					"53 a8 00 08", hex([]byte("iqn.ab")), "00*2")
			}
			h.Fetch("12 01 83 00ff 00", 255).Good(length, strings.Join(page, " "))
		})
	}
}

// A nexus that says by which port it came is told of that one, and of its own group's TPGS.
func TestEachNexusHasItsPort(t *testing.T) {
	d, a, b := newPair(t)
	require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Explicit = false }))
	b.Send(ready).Sense("06 3f 03")
	const unit = "01 03 00 10 6001405a8c4ea0bd3ec4d5a88ef4dcd1 02 01 00 30 4c494f2d4f524720 726430 3a" + serialNumber
	a.Fetch("12 00 00 0007 00", 7).Good("00 00 06 12 45 38 10") // TPGS both, 3PC; MULTIP
	a.Fetch("12 01 83 00ff 00", 255).Good("00 83 0078", unit, "51 94 00 04 0000 0001", "51 95 00 04 0000 0000",
		"53 98 00 10", hex([]byte("iqn.a,t,0x0001")), "00*2", "53 a8 00 08", hex([]byte("iqn.a")), "00*3")
	b.Fetch("12 00 00 0007 00", 7).Good("00 00 06 12 45 18 10") // TPGS implicit
	b.Fetch("12 01 83 00ff 00", 255).Good("00 83 0078", unit, "61 94 00 04 0000 0002", "61 95 00 04 0000 0001",
		"63 98 00 10", hex([]byte("naa.5,t,0x0001")), "00*2", "63 a8 00 08", hex([]byte("naa.5")), "00*3")

	nowhere := scsitest.JoinAs(t, d.Unit, scsi.Ends{Name: "a port that has gone", Port: 3, Group: 1}, &seen)
	for _, h := range []*scsitest.Host{host(t, d), nowhere} {
		h.Fetch("12 00 00 0007 00", 7).Good("00 00 06 12 45 08 10")
		h.Fetch("12 01 83 00ff 00", 255).Good("00 83 0048", unit)
	}
	all := a.Fetch("12 01 88 00ff 00", 255).Data()
	require.Equal(t, all, b.Fetch("12 01 88 00ff 00", 255).Data())
}

// A port of which nobody knows the name yet, as while its LUN is made, has a number and a group.
func TestPortsWithoutNames(t *testing.T) {
	d := newDisk(t, ramdisk(t), func(c *sbc.Config) {
		c.Ports = func() []spc.PortGroup { return []spc.PortGroup{{Ports: []spc.Port{{Relative: 1, Protocol: 0x06}}}} }
	})
	a, _ := joinBoth(t, d)
	a.Fetch("12 01 83 00ff 00", 255).Good("00 83 0058", "01 03 00 10 6001405a8c4ea0bd3ec4d5a88ef4dcd1",
		"02 01 00 30 4c494f2d4f524720 726430 3a", serialNumber, "61 94 00 04 0000 0001", "61 95 00 04 0000 0000")
	a.Fetch("12 01 88 00ff 00", 255).Good("00 88 000c 0000 0001 0000 0000 0000 0000")
}

func TestVPDOfPorts(t *testing.T) {
	h := newHost(t, newRecorder(1<<20), reachedBy(twoGroups()...))
	h.Fetch("12 01 88 00ff 00", 255).Good("00 88 0070",
		"0000 0001 0000 0000 0000 0024 63 98 00 20", hex([]byte("naa.5001405000000001,t,0x0001")), "00*3",
		"0000 0002 0000 0000 0000 0014 53 98 00 10", hex([]byte("iqn.a,t,0x0001")), "00*2",
		"0000 0203 0000 0000 0000 0014 53 98 00 10", hex([]byte("iqn.ab,t,0x0001")), "00")
	h = newHost(t, newRecorder(1<<20), reachedBy())
	h.Fetch("12 01 88 00ff 00", 255).Good("00 88 0000")
}

// A disk of which nobody knows by what ports it is reached has neither the commands nor the pages that tell of them.
func TestNobodyKnowsPorts(t *testing.T) {
	h := newHost(t, newRecorder(1<<20), func(c *sbc.Config) { c.Ports = nil })
	h.Fetch("12 00 00 0007 00", 7).Good("00 00 06 12 45 08 00")
	h.Fetch("12 01 86 0009 00", 9).Good("00 86 003c 00 01 00 00 00") // R_SUP 0
	h.Fetch("12 01 88 00ff 00", 255).Sense("05 24 00 cf 00 02")
	h.Fetch("12 01 b3 00ff 00", 255).Sense("05 24 00 cf 00 02")
	h.Fetch("a3 0a 00000000 00000100 00 00", 256).Sense("05 24 00 cc 00 01")
	h.Fetch("9e 13 0000000000000000 00000100 00 00", 256).Sense("05 24 00 cc 00 01")
}

// SBC-3 5.22: one segment.
func TestReportReferrals(t *testing.T) {
	h := newHost(t, ramdisk(t), reachedBy(twoGroups()...))
	const whole = "0000 001c 000000 02 0000000000000000 00000000000007ff 00 00 0000 02 00 1234"
	h.Fetch("9e 13 0000000000000000 00000100 00 00", 256).Good(whole)
	h.Fetch("9e 13 00000000000007ff 00000100 01 00", 256).Good(whole)
	h.Fetch("9e 13 0000000000000800 00000100 00 00", 256).Sense("05 21 00 cf 00 02")
	h = newHost(t, ramdisk(t), blocksOf4096, reachedBy())
	h.Fetch("9e 13 0000000000000000 00000100 00 00", 256).Good("0000 0014 000000 00 0000000000000000 00000000000000ff")
}

// All mode pages are shared, and each is listed: those that MODE SENSE returns.
func TestVPDOfModePages(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	var want []byte
	pages := h.Fetch("5a 08 3f ff 000000 ffff 00", 65535).Data()[8:]
	for len(pages) > 0 {
		n, sub := 2+int(pages[1]), byte(0)
		if pages[0]&0x40 != 0 {
			n, sub = 4+int(pages[2])<<8+int(pages[3]), pages[1]
		}
		want = append(want, pages[0]&0x3f, sub, 0, 0)
		pages = pages[n:]
	}
	h.Fetch("12 01 87 ffff 00", 65535).Good(fmt.Sprintf("00 87 %04x", len(want)), hex(want))
}
