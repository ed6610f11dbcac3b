package sbc_test

import (
	"testing"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SPC-4 6.18 and 6.49: the data buffer is one for all, 64 KiB, and begins as zeros.
func TestDataBuffer(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	a, b := host(t, d), host(t, d)
	a.Fetch("3c 03 00 000000 000004 00", 4).Good("00 010000")
	a.Fetch("3c 03 01 000000 000004 00", 4).Good("00 000000") // no such buffer
	a.Fetch("9b 03 0000000000000000 000000ff 00 00", 255).Good("00 010000")
	a.Fetch("9b 03 0000000000000000 000000ff 01 00", 255).Good("00 000000")

	a.Fetch("3c 02 00 00fffe 000010 00", 16).Good("0000") // to its end
	a.Fetch("3c 02 00 010000 000010 00", 16).Good()
	a.Send("3b 02 00 000102 000003 00", []byte{1, 2, 3}).Good()
	b.Fetch("3c 02 00 000100 000008 00", 8).Good("0000 010203 000000")
	b.Fetch("9b 02 0000000000000101 00000003 00 00", 3).Good("00 0102")
	b.Send("3b 02 00 00ffff 000001 00", []byte{9}).Good()
	b.Send("3b 02 00 010000 000000 00").Good() // nothing
	a.Fetch("3c 02 00 00fffe 000010 00", 16).Good("0009")
}

func TestDataBufferRefuses(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("3c 02 01 000000 000004 00", 4).Sense("05 24 00 cf 00 02")
	h.Fetch("3c 02 00 010001 000004 00", 4).Sense("05 24 00 cf 00 03")
	h.Fetch("9b 02 0000000000000000 00000004 01 00", 4).Sense("05 24 00 cf 00 0e")
	h.Fetch("9b 02 8000000000000000 00000004 00 00", 4).Sense("05 24 00 cf 00 02")
	h.Send("3b 02 01 000000 000004 00", make([]byte, 4)).Sense("05 24 00 cf 00 02")
	h.Send("3b 02 00 010001 000000 00").Sense("05 24 00 cf 00 03")
	h.Send("3b 02 00 00fffd 000004 00", make([]byte, 4)).Sense("05 24 00 cf 00 06")
	h.Send("3b 02 00 000000 000004 00", make([]byte, 3)).Sense("05 1a 00")
	for _, mode := range []string{"00", "01", "04", "05", "06", "07", "0d", "0e", "0f", "1a", "1c"} {
		h.Send("3b" + mode + "00 000000 000000 00").Sense("05 24 00 cc 00 01") // no microcode, and no combined header
		h.Fetch("3c"+mode+"00 000000 000004 00", 4).Sense("05 24 00 cc 00 01")
	}
}

// Each nexus reads what it has written itself, as often as it likes (EBOS).
func TestEchoBuffer(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	a, b := host(t, d), host(t, d)
	a.Fetch("3c 0b 00 000000 000004 00", 4).Good("01 00 1000")
	a.Fetch("9b 0b 0000000000000000 00000004 00 00", 4).Good("01 00 1000")
	a.Fetch("3c 0a 00 000000 001000 00", 4096).Sense("05 2c 00")
	a.Send("3b 0a 00 000000 000003 00", []byte{1, 2, 3}).Good()
	b.Fetch("3c 0a 00 000000 001000 00", 4096).Sense("05 2c 00")
	b.Send("3b 0a 00 000000 001000 00", pattern(4096, 7)).Good()
	for range 2 {
		a.Fetch("3c 0a 00 000000 001000 00", 4096).Good("010203")
		b.Fetch("9b 0a 0000000000000000 00001000 00 00", 4096).Good(hex(pattern(4096, 7)))
	}
	b.Fetch("3c 0a 00 000000 000002 00", 4096).Good(hex(pattern(2, 7)))
	a.Send("3b 0a 00 000000 000001 00", []byte{4}).Good()
	a.Fetch("3c 0a 00 000000 001000 00", 4096).Good("04")
	a.Send("3b 0a 00 000000 001001 00", make([]byte, 4097)).Sense("05 24 00 cf 00 06")
	a.Fetch("3c 0a 00 000000 001000 00", 4096).Good("04")
	a.Send("3b 0a 00 000000 000000 00").Good()
	a.Fetch("3c 0a 00 000000 001000 00", 4096).Good()
}

// Sixteen nexuses have an echo buffer, the one that has not written for the longest time makes room.
func TestEchoBuffersAreBounded(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20))
	hosts := make([]*scsitest.Host, 18)
	for i := range hosts {
		hosts[i] = host(t, d)
		hosts[i].Send("3b 0a 00 000000 000001 00", []byte{byte(i)}).Good()
		if i == 15 {
			hosts[0].Send("3b 0a 00 000000 000001 00", []byte{0xff}).Good()
		}
	}
	hosts[0].Fetch("3c 0a 00 000000 000001 00", 1).Good("ff")
	hosts[1].Fetch("3c 0a 00 000000 000001 00", 1).Sense("05 2c 00")
	hosts[2].Fetch("3c 0a 00 000000 000001 00", 1).Sense("05 2c 00")
	hosts[3].Fetch("3c 0a 00 000000 000001 00", 1).Good("03")
	hosts[17].Fetch("3c 0a 00 000000 000001 00", 1).Good("11")
}
