package sbc_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// timestamp is that of REPORT TIMESTAMP data, after its header.
func timestamp(p []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, p[4:10]...))))
}

// SPC-4 6.38: the host's clock, until it is set (6.46).
func TestTimestamp(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	a, b := host(t, d), host(t, d)
	before := time.Now().Truncate(time.Millisecond)
	p := a.Fetch("a3 0f 00000000 000000ff 00 00", 255).Data()
	require.Equal(t, "000a0300", hex(p[:4])) // set by means outside the standard
	require.Equal(t, "0000", hex(p[10:]))
	require.WithinRange(t, timestamp(p), before, time.Now())

	a.Send("a4 0f 00000000 0000000c 00 00", scsitest.Hex("00*4 010203040506 0000")).Good()
	b.Send("00 00000000 00").Sense("06 2a 10")
	a.Send("00 00000000 00").Good()
	began := time.Now()
	p = b.Fetch("a3 0f 00000000 000000ff 00 00", 255).Data()
	require.Equal(t, "000a0200", hex(p[:4]))
	set := time.UnixMilli(0x010203040506)
	require.WithinRange(t, timestamp(p), set, set.Add(time.Since(began)+time.Second))
	first := timestamp(p)
	time.Sleep(3 * time.Millisecond)
	require.True(t, timestamp(b.Fetch("a3 0f 00000000 0000000c 00 00", 12).Data()).After(first), "it goes on")
}

func TestSetTimestampRefuses(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	a, b := host(t, d), host(t, d)
	a.Send("a4 0f 00000000 00000000 00 00").Good() // no parameters, no change
	a.Send("a4 0f 00000000 0000000b 00 00", make([]byte, 11)).Sense("05 1a 00")
	a.Send("a4 0f 00000000 0000000c 00 00", make([]byte, 11)).Sense("05 1a 00")
	b.Send("00 00000000 00").Good()
	b.Fetch("a3 0f 00000000 00000004 00 00", 4).Good("000a 03 00")
}
