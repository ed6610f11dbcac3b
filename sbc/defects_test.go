package sbc_test

import (
	"fmt"
	"testing"
)

// SBC-3 5.17 and 5.18: no list has a defect in it, in none of the formats.
func TestReadDefectData(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for _, which := range []byte{0x00, 0x08, 0x10, 0x18} { // REQ_PLIST, REQ_GLIST
		for format := range byte(8) {
			ten := h.Fetch(fmt.Sprintf("37 00 %02x 00000000 00ff 00", which|format), 255)
			twelve := h.Fetch(fmt.Sprintf("b7 %02x 00000000 000000ff 00 00", which|format), 255)
			if format > 5 { // vendor specific, reserved
				ten.Sense("05 24 00 ca 00 02")
				twelve.Sense("05 24 00 ca 00 01")
				continue
			}
			ten.Good(fmt.Sprintf("00 %02x 0000", which|format))
			twelve.Good(fmt.Sprintf("00 %02x 0000 00000000", which|format))
		}
	}
	h.Fetch("37 00 18 00000000 0002 00", 255).Good("00 18")
	h.Fetch("b7 18 00000001 000000ff 00 00", 255).Good("00 18 0000 00000000")
}

// A block that nothing is mapped to reads as zeros, and is said to.
func TestReportProvisioningInitializationPattern(t *testing.T) {
	h := newHost(t, ramdisk(t))
	h.Fetch("9e 1d 0000000000000000 00001000 00 00", 4096).Good("00*512")
	h.Fetch("9e 1d 0000000000000000 00000010 00 00", 4096).Good("00*16")
	h = newHost(t, ramdisk(t), blocksOf4096)
	h.Fetch("9e 1d 0000000000000000 00002000 00 00", 8192).Good("00*4096")
	thick := newRecorder(1 << 20)
	thick.thin = false
	newHost(t, thick).Fetch("9e 1d 0000000000000000 00001000 00 00", 4096).Sense("05 24 00 cc 00 01")
}
