package sbc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

func TestSynchronizeCache(t *testing.T) {
	m := volatile()
	h := newHost(t, m)
	for _, cdb := range []string{
		"35 00 00000000 00 0000 00", // all of it
		"35 00 00000001 00 07ff 00",
		"35 00 00000800 00 0000 00",
		"35 02 00000000 1f 0001 00", // IMMED, GROUP NUMBER
		"91 00 0000000000000000 00000000 00 00",
		"91 02 00000000000007ff 00000001 1f 00",
		"35 04 00000000 00 0000 00", // SYNC_NV
	} {
		h.Send(cdb).Good()
		require.Equal(t, []string{"flush"}, m.took(), cdb)
	}
	for _, cdb := range []string{
		"35 00 00000000 00 0801 00",
		"35 00 00000801 00 0000 00",
		"35 00 ffffffff 00 0001 00",
		"91 00 8000000000000000 00000000 00 00",
		"91 00 ffffffffffffffff 00000001 00 00",
	} {
		h.Send(cdb).Sense("05 21 00 cf 00 02")
	}
	require.Empty(t, m.took())
}

// modeSelect is MODE SELECT (6) of the Caching mode page, with WCE.
func setWCE(h *scsitest.Host, wce byte) *scsitest.Answer {
	return h.Send("15 10 0000 18 00", scsitest.Hex("00 00 00 00 08 12"), []byte{wce << 2}, make([]byte, 17))
}

// TestWriteCacheIsSwitched by the initiator: when it is off, what it held is durable, and each write to come.
func TestWriteCacheIsSwitched(t *testing.T) {
	m := volatile()
	d := newDisk(t, m)
	h := host(t, d)
	block := make([]byte, 512)
	require.True(t, d.WriteCache())

	setWCE(h, 0).Good()
	require.Equal(t, []string{"flush"}, m.took())
	require.False(t, d.WriteCache())
	h.Send("2a 00 00000000 00 0001 00", block).Good()
	h.Send("41 00 00000000 00 0002 00", block).Good()           // zeros
	h.Send("41 00 00000000 00 0002 00", pattern(512, 1)).Good() // others
	h.Send("41 08 00000000 00 0002 00", block).Good()
	h.Send("42 00 00000000 00 0018 00", scsitest.Hex("0016 0010 00000000 0000000000000000 00000001 00000000")).Good()
	require.Equal(t, []string{
		"write 0+512 durable",
		"zero 0+1024 durable",
		"write 0+1024", "flush",
		"discard 0+1024", "flush",
		"discard 0+512", "flush",
	}, m.took())

	setWCE(h, 1).Good()
	require.Empty(t, m.took())
	require.True(t, d.WriteCache())
	h.Send("2a 00 00000000 00 0001 00", block).Good()
	h.Send("41 00 00000000 00 0002 00", pattern(512, 1)).Good()
	h.Send("41 08 00000000 00 0002 00", block).Good()
	require.Equal(t, []string{"write 0+512", "write 0+1024", "discard 0+1024"}, m.took())
}

// TestWriteCacheStaysOnWhenItCannotBeEmptied: the initiator hears of it, and WCE says what is true.
func TestWriteCacheStaysOnWhenItCannotBeEmptied(t *testing.T) {
	d := newDisk(t, backend.Intercept(volatile(), backend.FailNth(backend.OpFlush, 1, errBroken)))
	h := host(t, d)
	setWCE(h, 0).Sense("03 0c 00")
	require.True(t, d.WriteCache())
	h.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12 04")
	h.Fetch("03 00 0000 12 00", 18).Good("70 00*6 0a 00*10") // no unit attention: nothing has changed
	setWCE(h, 0).Good()
	require.False(t, d.WriteCache())

	d = newDisk(t, backend.Intercept(volatile(), backend.FailNth(backend.OpFlush, 1, errBroken)))
	select10(host(t, d), header10, "08 12 00 00*17").Sense("03 0c 00")
	require.True(t, d.WriteCache())
}

func TestSetWriteCache(t *testing.T) {
	d := newDisk(t, volatile())
	a, b := host(t, d), host(t, d)
	require.NoError(t, d.SetWriteCache(true), "no change")
	a.Send("00 00000000 00").Good()
	require.NoError(t, d.SetWriteCache(false))
	require.False(t, d.WriteCache())
	a.Send("00 00000000 00").Sense("06 2a 01")
	b.Send("00 00000000 00").Sense("06 2a 01")
	a.Fetch("1a 08 08 00 07 00", 7).Good("17 00 10 00 88 12 00")

	durable := newDisk(t, newRecorder(1<<20))
	require.ErrorContains(t, durable.SetWriteCache(true), "no volatile cache")
	require.NoError(t, durable.SetWriteCache(false))
	require.False(t, durable.WriteCache())

	failing := newDisk(t, backend.Intercept(volatile(), backend.FailNth(backend.OpFlush, 1, errBroken)))
	require.ErrorContains(t, failing.SetWriteCache(false), "write cache not changed: MEDIUM ERROR, WRITE ERROR")
	require.True(t, failing.WriteCache())
}
