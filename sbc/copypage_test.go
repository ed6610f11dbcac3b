package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// VPD page 8Fh (SPC-4 7.8.17), in full.
func TestVPDThirdPartyCopy(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("12 01 8f 04 00 00", 1024).Good("00 8f 0174",
		"0000 0020 00*6 0080 00000258 0000003c 0000000000080000 0000000000020000", // Block Device ROD Token Limits
		"0001 0010 0f 83 05 00 01 10 11 1c 84 06 00 03 04 05 07 08",               // Supported Commands
		"0004 001c 00000000 0010 0040 00000a00 00000000 00*12",                    // Parameter Data
		"0008 0004 03 02 0a e4", // Supported Descriptors
		"000c 0004 0002 ffff",   // Supported CSCD Descriptor IDs
		"0106 005c 00 00*11 00000000 ffffffff 00000258 00*18 0030",                                      // ROD Token Features
		"00 00 002c 0000 0000 0000000010000000 0000000004000000 0000000010000000 0000000004000000 00*8", // of a block device
		"0108 0084 0000 0080 00800001 03 00 0000 00*56 ffff0001 02 00 0000 00*56",                       // Supported ROD Token and ROD Types
		"8001 0020 00000010 00000010 10000000 09 00 00*18")                                              // General Copy Operations
	h = newHost(t, newRecorder(1<<20), blocksOf4096)
	page := h.Fetch("12 01 8f 04 00 00", 1024).Data()
	require.Equal(t, "0000000000010000 0000000000004000", fmt.Sprintf("%x %x", page[24:32], page[32:40]), "limits are in blocks")
	require.Equal(t, byte(0x0c), page[len(page)-20], "DATA SEGMENT GRANULARITY")
	require.Equal(t, byte(0x08), h.Fetch("12 00 00 0024 00", 36).Data()[5]&0x08, "3PC")
}

// RECEIVE COPY OPERATING PARAMETERS (SPC-4 6.22), which clients of EXTENDED COPY (LID1) ask.
func TestOperatingParameters(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("84 03 00*8 00000400 00 00", 1024).Good("0000002b 01 000000 0010 0040 00000a00 10000000",
		"00000000 00000000 00000000 0000 0010 10 09 00 00 000000 03 02 0a e4")
	h.Fetch("84 03 00*8 00000004 00 00", 1024).Good("0000002b")
}
