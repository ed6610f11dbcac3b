package spc_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
