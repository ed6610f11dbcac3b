package sbc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

const (
	openAStream  = "9e 34 0000 0000 00000000 00000008 00 00"
	allOfStreams = "9e 16 0000 0000 00000000 00000400 00 00"
)

func closeAStream(id int) string { return fmt.Sprintf("9e 54 0000 %04x 00000000 00000008 00 00", id) }

// SBC-4 4.32, 5.9 and 5.32.
func TestStreams(t *testing.T) {
	a, b := pair(t, newDisk(t, newRecorder(1<<20)))
	a.Fetch(allOfStreams, 1024).Good("00000000 0000 0000")
	a.Fetch(openAStream, 8).Good("07 000000 0001 0000")
	b.Fetch(openAStream, 8).Good("07 000000 0002 0000")
	a.Fetch("9e 34 0000 ffff 00000000 00000008 00 00", 8).Good("07 000000 0003 0000") // STR_ID is ignored
	b.Fetch(closeAStream(2), 8).Good("07 000000 0000 0000")
	a.Fetch(allOfStreams, 1024).Good("00000010 0000 0002", "0000 0001 00000000", "0000 0003 00000000")
	a.Fetch("9e 16 0000 0002 00000000 00000400 00 00", 1024).Good("00000008 0000 0002", "0000 0003 00000000")
	a.Fetch("9e 16 0000 0040 00000000 00000400 00 00", 1024).Good("00000000 0000 0002")
	b.Fetch(openAStream, 8).Good("07 000000 0002 0000") // the lowest that is free

	for _, id := range []int{0, 4, 64, 65, 0xffff} {
		a.Fetch(closeAStream(id), 8).Sense("05 2c 0f")
	}
	a.Fetch("9e 14 0000 0001 00000000 00000008 00 00", 8).Sense("05 24 00 ce 00 01") // STR_CTL 00b
	a.Fetch("9e 74 0000 0001 00000000 00000008 00 00", 8).Sense("05 24 00 ce 00 01") // and 11b
	a.Fetch("9e 16 0000 0041 00000000 00000400 00 00", 1024).Sense("05 24 00 cf 00 04")
}

// TestFormatClosesStreams, and so does SANITIZE (SBC-4 4.32).
func TestFormatClosesStreams(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	for _, cdb := range []string{"04 00 000000 00", "48 02 00*5 0000 00"} {
		h.Fetch(openAStream, 8).Good("07 000000 0001 0000")
		h.Send(cdb).Good()
		h.Send(writeStream(0, 5, 1, 1), make([]byte, 512)).Sense("05 2c 0f")
	}
}

func TestAllStreamsAreOpen(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	var list string
	for id := 1; id <= 64; id++ {
		h.Fetch(openAStream, 8).Good(fmt.Sprintf("07 000000 %04x 0000", id))
		list += fmt.Sprintf("0000 %04x 00000000", id)
	}
	h.Fetch(openAStream, 8).Sense("05 55 10")
	h.Fetch(allOfStreams, 1024).Good("00000200 0000 0040", list)
	h.Fetch("9e 16 0000 0000 00000000 0000000c 00 00", 1024).Good("00000200 0000 0040 0000 0001")
	h.Fetch(closeAStream(64), 8).Good("07 000000 0000 0000")
	h.Fetch(openAStream, 8).Good("07 000000 0040 0000")
}

// writeStream is the CDB of WRITE STREAM (16) with the bits of byte 1.
func writeStream(bits byte, lba uint64, id, n int) string {
	return fmt.Sprintf("9a %02x %016x %04x %04x 00 00", bits, lba, id, n)
}

// TestWriteStream: it is WRITE (16), to a stream that is open.
func TestWriteStream(t *testing.T) {
	m := volatile()
	h := newHost(t, m)
	data := pattern(3*512, 4)
	h.Send(writeStream(0, 5, 1, 3), data).Sense("05 2c 0f")
	h.Send(writeStream(0, 5, 0, 3), data).Sense("05 2c 0f")
	h.Fetch(openAStream, 8).Data()
	h.Send(writeStream(0, 5, 0, 3), data).Sense("05 2c 0f")
	h.Send(writeStream(0, 5, 2, 3), data).Sense("05 2c 0f")
	require.Empty(t, m.took())
	h.Send(writeStream(0, 5, 1, 3), data[:100], data[100:]).Good()
	h.Send(writeStream(0x18, 5, 1, 3), data).Good() // DPO, FUA
	require.Equal(t, []string{"write 2560+1536", "write 2560+1536 durable"}, m.took())
	h.Fetch("28 00 00000005 00 0003 00", 3*512).Good(hex(data))
	h.Send(writeStream(0, 2048, 1, 1), data[:512]).Sense("05 21 00 cf 00 02")
	h.Send(writeStream(0, 0, 1, 2), data[:512]).Sense("05 24 00 cf 00 0c")
	h.Fetch(closeAStream(1), 8).Data()
	h.Send(writeStream(0, 5, 1, 3), data).Sense("05 2c 0f")
}

// SBC-4 6.6.5.
func TestBlockLimitsExtension(t *testing.T) {
	for want, h := range map[string]*scsitest.Host{
		"0001": newHost(t, newRecorder(1<<20)),
		"0008": newHost(t, ramdisk(t)),
	} {
		h.Fetch("12 01 b7 00ff 00", 255).Good("00 b7 001c 00 00 0040", want, "00000001 0000 00008000 0000 0100 00008000 00*4")
	}
}
