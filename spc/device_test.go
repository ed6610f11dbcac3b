package spc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// newDevice makes a unit of nothing but primary commands, of a device type of the test's own. Disks are tested in
// package sbc; here stands what no disk has.
func newDevice(t *testing.T, cfg spc.Config) (*spc.Device, *scsi.Unit) {
	t.Helper()
	if cfg.Identity == nil {
		cfg.Identity = func() spc.Identity { return spc.Identity{} }
	}
	d := spc.New(cfg)
	u, err := scsi.NewUnit(scsi.Config{Ops: d.Ops(), Joined: d.Joined, Left: d.Left, Reset: d.Reset})
	require.NoError(t, err)
	d.Bind(u)
	return d, u
}

func newHost(t *testing.T, cfg spc.Config) *scsitest.Host {
	t.Helper()
	_, u := newDevice(t, cfg)
	return scsitest.Join(t, u, "host a", nil)
}

func TestDeviceType(t *testing.T) {
	h := newHost(t, spc.Config{Type: 0x0c, Versions: []uint16{0x0123}})
	h.Fetch("12 00 00 004a 00", 74).Good("0c 00 06 12 45 00 00 02", "20*8 20*16 20*4 00*22", "0123 0000*7")
	h.Fetch("12 01 00 00ff 00", 255).Good("0c 00 0006 00 80 83 85 86 87")
	h.Fetch("12 01 80 00ff 00", 255).Good("0c 80 0000")
	h.Fetch("12 01 83 00ff 00", 255).Good("0c 83 0021 01 03 00 10 60014050 00*12", "02 01 00 09 20*8 3a")
	h.Fetch("12 01 86 00ff 00", 255).Good("0c 86 003c 00 01 00*7 28 00*50")
	h.Fetch("03 00 0000 ff 00", 255).Good("70 00*6 0a 00*10")
	h.Send("00 00000000 00").Good()
	h.Fetch("a0 00 00 000000 00000010 00 00", 16).Good("00000008 00000000 0000000000000000")
	h.Fetch("a3 0c 00 00 0000 00000004 00 00", 4).Good("000000c8") // 25 commands: nothing to keep state in, no ports, no self-test
}

// A device type brings pages of its own, and page 00h lists all in ascending order.
func TestVPDOfDeviceType(t *testing.T) {
	long := make([]byte, 300)
	h := newHost(t, spc.Config{VPD: []spc.VPD{
		{Code: 0xc0, Build: func(p []byte, _ *scsi.Nexus) []byte { return append(p, long...) }},
		{Code: 0x81, Build: func(p []byte, to *scsi.Nexus) []byte { return append(p, to.Name...) }}}})
	h.Fetch("12 01 00 00ff 00", 255).Good("00 00 0008 00 80 81 83 85 86 87 c0")
	h.Fetch("12 01 81 00ff 00", 255).Good("00 81 0006", "686f73742061") // "host a", which asks
	h.Fetch("12 01 c0 0200 00", 512).Good("00 c0 012c 00*300")          // PAGE LENGTH is of two bytes
}

// VPD page 83h states each length in one byte, however long names are.
func TestLongNames(t *testing.T) {
	name := make([]byte, 300)
	for i := range name {
		name[i] = 'x'
	}
	h := newHost(t, spc.Config{Identity: func() spc.Identity {
		return spc.Identity{Vendor: string(name), Product: string(name), Serial: string(name)}
	}})
	h.Fetch("12 01 80 ffff 00", 1000).Good("00 80 00c8 78*200")
	h.Fetch("12 01 83 ffff 00", 1000).Good("00 83 00f9 01 03 00 10 60014050 00*12", "02 01 00 e1 78*8 78*16 3a 78*200")
}
