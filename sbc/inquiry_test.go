package sbc_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// serialNumber is "a8c4ea0b-d3ec-4d5a-88ef-4dcd1b6dc08d".
const serialNumber = "6138633465613062 2d 64336563 2d 34643561 2d 38386566 2d 346463643162366463303864"

// SPC-4 6.6.2.
func TestInquiry(t *testing.T) {
	h := newHost(t, ramdisk(t))
	h.Fetch("12 00 00 004a 00", 74).Good(
		"00 00 06 12 45 38 00 02", // direct access; SPC-4; HISUP, format 2; 69 bytes follow; TPGS implicit and explicit, 3PC; CMDQUE
		"4c494f2d4f524720",        // "LIO-ORG "
		"726430 20*13",            // "rd0"
		"30303031",                // "0001"
		"00*22",
		"00a0 0460 04c0 0000*5") // SAM-5, SPC-4, SBC-3
	h.Fetch("12 20 00 0004 00", 4).Good("00 00 06 12")          // LUN 1, as Linux probes it
	h.Fetch("12 00 80 00ff 00", 255).Sense("05 24 00 cf 00 02") // PAGE CODE without EVPD
	h.Fetch("12 02 00 00ff 00", 255).Sense("05 24 00 c9 00 01") // CMDDT, obsolete

	h = newHost(t, newRecorder(512), removable)
	h.Fetch("12 00 00 0004 00", 4).Good("00 80 06 12") // RMB
}

// portName is the name of onePort, with its zeros.
var portName = hex(append([]byte(onePort()[0].Ports[0].Name), 0, 0))

// Pages of SPC-4 clause 7.8; those of SBC-4 are in limits_test.go.
func TestVPDOfThinDisk(t *testing.T) {
	for _, h := range []*scsitest.Host{newHost(t, ramdisk(t)), newHost(t, ramdisk(t), blocksOf4096)} {
		h.Fetch("12 01 00 00ff 00", 255).Good("00 00 000e 00 80 83 85 86 87 88 8a 8f b0 b1 b2 b3 b7")
		h.Fetch("12 01 80 00ff 00", 255).Good("00 80 0024", serialNumber)
		h.Fetch("12 01 83 00ff 00", 255).Good("00 83 00a0",
			"01 03 00 10 6001405a8c4ea0bd3ec4d5a88ef4dcd1",         // NAA
			"02 01 00 30 4c494f2d4f524720 726430 3a", serialNumber, // "LIO-ORG ", "rd0", ":"
			"51 94 00 04 0000 0001", // iSCSI, PIV; relative target port
			"51 95 00 04 0000 0000", // target port group
			"53 98 00 24", portName, // target port
			"53 a8 00 1c", hex([]byte(onePort()[0].Ports[0].Device)), "00*3") // target device
		h.Fetch("12 01 85 00ff 00", 255).Good("00 85 0000")
		h.Fetch("12 01 86 00ff 00", 255).Good("00 86 003c 00 01 00 00 10 00 0001 00 28 00*50") // SIMPSUP; R_SUP
		h.Fetch("12 01 8a 00ff 00", 255).Good("00 8a 000e 01 01 00*12")                        // standby_z; idle_a
		h.Fetch("12 01 88 00ff 00", 255).Good("00 88 0034 0000 0001 0000 0000 0000 0028 53 98 00 24", portName)
		h.Fetch("12 01 b3 00ff 00", 255).Good("00 b3 000c 00*4 00000000 00000000")
		h.Fetch("12 01 b4 00ff 00", 255).Sense("05 24 00 cf 00 02")
		h.Fetch("12 01 ff 00ff 00", 255).Sense("05 24 00 cf 00 02")
	}
}

// syncedFile is what Adapt takes for a volatile store: an *os.File without the file.
type syncedFile struct{ bytes.Reader }

func (*syncedFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (*syncedFile) Sync() error                            { return nil }

func TestVPDOfThickDisk(t *testing.T) {
	h := newHost(t, backend.Adapt(&syncedFile{}, 1<<20))
	h.Fetch("12 01 00 00ff 00", 255).Good("00 00 000e 00 80 83 85 86 87 88 8a 8f b0 b1 b2 b3 b7")
	h.Fetch("12 01 86 00ff 00", 255).Good("00 86 003c 00 01 01 00 10 00 0001 00 28 00*50") // SIMPSUP; V_SUP; R_SUP
}

// TestInquiryIsCut: SPC-4 4.2.5.6, at each length, and no length field changes with it.
func TestInquiryIsCut(t *testing.T) {
	h := newHost(t, ramdisk(t))
	for _, page := range []string{"00 00", "01 00", "01 80", "01 83", "01 86", "01 87", "01 88", "01 b0", "01 b1", "01 b2", "01 b7"} {
		whole := h.Fetch("12"+page+"ffff 00", 65535).Data()
		for n := range 256 {
			want := hex(whole[:min(n, len(whole))])
			h.Fetch(fmt.Sprintf("12 %s %04x 00", page, n), 255).Good(want)
		}
		h.Fetch("12"+page+"00ff 00", 3).Good(hex(whole[:3])) // a buffer of 3 bytes
		h.Fetch("12"+page+"00ff 00", 0).Good()
	}
}

// TestStandardInquiryPads: T10 fields are cut, padded with spaces, and printable.
func TestStandardInquiryPads(t *testing.T) {
	h := newHost(t, newRecorder(512), func(c *sbc.Config) {
		c.Ports = nil
		c.Identity = func() spc.Identity {
			return spc.Identity{Vendor: "VENDOR-TOO-LONG", Product: "a product with a long name", Revision: "1\x002\xff9", Serial: "1"}
		}
	})
	p := h.Fetch("12 00 00 0024 00", 36).Data()
	require.Equal(t, "VENDOR-Ta product with a1 2 ", string(p[8:36]))
	h.Fetch("12 01 83 00ff 00", 255).Good("00 83 0032 01 03 00 10 60014051 00*12", // NAA: what is missing is 0
		"02 01 00 1a 56454e444f522d54", hex([]byte("a product with a")), "3a 31")
}

// TestIdentityIsAskedEachTime: configfs has the serial number only after the device is enabled.
func TestIdentityIsAskedEachTime(t *testing.T) {
	id := spc.Identity{Serial: "1"}
	h := newHost(t, newRecorder(512), func(c *sbc.Config) { c.Identity = func() spc.Identity { return id } })
	h.Fetch("12 01 80 00ff 00", 255).Good("00 80 0001 31")
	id.Serial = "22"
	h.Fetch("12 01 80 00ff 00", 255).Good("00 80 0002 3232")
}
