package spc_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

func TestTransportIDs(t *testing.T) {
	for name, want := range map[string]string{
		"naa.5001405001c4b2f0": "06 00 00 00 50 01 40 50 01 c4 b2 f0 00 00 00 00 00 00 00 00 00 00 00 00",
		// 19 characters and a NUL are just the 20 bytes that there are at least; one more takes four.
		"iqn.2003-01.a:bcdef":  "05 00 00 14 69 71 6e 2e 32 30 30 33 2d 30 31 2e 61 3a 62 63 64 65 66 00",
		"iqn.2003-01.a:bcdefg": "05 00 00 18 69 71 6e 2e 32 30 30 33 2d 30 31 2e 61 3a 62 63 64 65 66 67 00 00 00 00",
		"eui.02004567a425678d": "05 00 00 18 65 75 69 2e 30 32 30 30 34 35 36 37 61 34 32 35 36 37 38 64 00 00 00 00",
	} {
		bytes, err := hex.DecodeString(strings.ReplaceAll(want, " ", ""))
		require.NoError(t, err)
		id, err := spc.TransportID(name)
		require.NoError(t, err)
		require.Equal(t, string(bytes), id, name)
		require.Equal(t, name, spc.TransportIDName(id))
	}
	long, err := spc.TransportID("iqn." + strings.Repeat("x", 219))
	require.NoError(t, err)
	require.Len(t, long, 228)
	for _, name := range []string{
		"", "somebody", "naa.5001405", "naa.5001405001c4b2fx", "naa.5001405001c4b2f000", "iqn." + strings.Repeat("x", 220),
		"iqn.a,i,0x80", "iqn.\x00",
	} {
		_, err := spc.TransportID(name)
		require.Error(t, err, name)
	}
	require.Equal(t, "iqn.a", spc.TransportIDName("\x45\x00\x00\x14iqn.a\x00,i,0x123456789abc\x00"), "with an ISID")
	require.Equal(t, "00 01", spc.TransportIDName("\x00\x01"))
}

// TransportIDs in parameter lists (SPC-4 7.6.4): what is reserved in them does not matter, and what is no TransportID, or one
// of a protocol that has none here, is refused.
func TestTransportIDsOfInitiators(t *testing.T) {
	for list, want := range map[string]string{
		"06 00*3 5001405001c4b2f0 00*12":                        "06 00*3 5001405001c4b2f0 00*12",
		"06 ff*3 5001405001c4b2f0 ff*12 06":                     "06 00*3 5001405001c4b2f0 00*12",
		"36 00*3 5001405001c4b2f0 00*12":                        "06 00*3 5001405001c4b2f0 00*12",
		"00 ff*7 2100001b32000001 ff*8":                         "00 00*7 2100001b32000001 00*8",
		"03 ff*7 0123456789abcdef ff*8":                         "03 00*7 0123456789abcdef 00*8",
		"04 ff*7 000102030405060708090a0b0c0d0e0f":              "04 00*7 000102030405060708090a0b0c0d0e0f",
		"05 ff 0014 69716e2e61 00*15":                           "05 00 0014 69716e2e61 00*15",
		"05 00 0018 69716e2e61 00 ff*18 05 00":                  "05 00 0014 69716e2e61 00*15",
		"45 00 0018 69716e2e61 2c692c3078 303132333435 00 00*7": "05 00 0014 69716e2e61 00*15", // iqn.a,i,0x012345

		"":                               "",
		"06 00*3 5001405001c4b2f0 00*11": "", // too short
		"46 00*3 5001405001c4b2f0 00*12": "", // format 01b
		"01 00*23":                       "", // parallel SCSI
		"0f 00*23":                       "",
		"85 00 0014 69716e2e61 00*15":    "", // format 10b
		"05 00 0018 69716e2e61 00*15":    "", // longer than what there is
		"05 00 0010 69716e2e61 00*15":    "", // less than 24 bytes
		"05 00 0015 69716e2e61 00*16":    "", // no multiple of 4
		"05 00 0014 69716e2e61 61*15":    "", // no end
		"05 00 0014 00*20":               "", // no name
		"45 00 0014 69716e2e61 00*15":    "", // no ISID
	} {
		id, n := spc.CutTransportID(scsitest.Hex(list))
		require.Equal(t, string(scsitest.Hex(want)), id, list)
		require.Equal(t, want == "", n == 0, list)
	}
	require.Equal(t, "06 00 00 00", spc.TransportIDName("\x06\x00\x00\x00"))
}

// FuzzTransportID: what is cut from any list is a TransportID by itself, as that of its name is.
func FuzzTransportID(f *testing.F) {
	for _, list := range []string{
		"06 00*3 5001405001c4b2f0 00*12", "00 00*7 2100001b32000001 00*8", "04 00*7 ff*16", "05 00 0014 69716e2e61 00*15",
		"45 00 0018 69716e2e61 2c692c3078 303132333435 00 00*7", "05 00 0018 6e61612e35303031343035303031633462326630 00*4", "05 00 ffff 00*32",
	} {
		f.Add(scsitest.Hex(list))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		id, n := spc.CutTransportID(list)
		require.LessOrEqual(t, n, len(list))
		if n == 0 {
			require.Empty(t, id)
			return
		}
		require.Zero(t, n%4)
		require.GreaterOrEqual(t, n, 24)
		again, m := spc.CutTransportID([]byte(id))
		require.Equal(t, id, again)
		require.Equal(t, len(id), m)
		require.NotEmpty(t, spc.TransportIDName(id))
		if id[0] == 0x05 || id[0] == 0x06 {
			same, err := spc.TransportID(spc.TransportIDName(id))
			require.NoError(t, err)
			require.Equal(t, id, same)
		}
	})
}
