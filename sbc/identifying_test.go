package sbc_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// SPC-4 6.32 and 6.43.
func TestIdentifyingInformation(t *testing.T) {
	kept := newMemory()
	keeps := func(c *sbc.Config) { c.State = kept }
	d := newDisk(t, newRecorder(1<<20), keeps)
	a, b := host(t, d), host(t, d)
	a.Fetch("a3 05 00000000 000000ff fe 00", 255).Good("0000 0008 00 00 0200 04 00 0100") // what there can be
	a.Fetch("a3 05 00000000 000000ff 00 00", 255).Good("0000 0000")
	a.Fetch("a3 05 00000000 000000ff 04 00", 255).Good("0000 0000")

	a.Send("a4 06 00000000 00000003 00 00", []byte("abc")).Good()
	b.Send("00 00000000 00").Sense("06 3f 05")
	a.Send("00 00000000 00").Good()
	a.Send("a4 06 00000000 00000008 04 00", []byte("r\xc3\xa4ck 7\x00")).Good()
	for _, h := range []*scsitest.Host{a, newHost(t, newRecorder(1<<20), keeps)} { // after a restart too
		h.Fetch("a3 05 00000000 000000ff 00 00", 255).Good("0000 0003 616263")
		h.Fetch("a3 05 00000000 00000005 00 00", 255).Good("0000 0003 61")
		h.Fetch("a3 05 00000000 000000ff 04 00", 255).Good("0000 0008 72c3a4636b203700")
	}
	b.Send("00 00000000 00").Sense("06 3f 05")
	b.Send("a4 06 00000000 00000000 00 00").Good() // taken away
	a.Send("00 00000000 00").Sense("06 3f 05")
	a.Fetch("a3 05 00000000 000000ff 00 00", 255).Good("0000 0000")
	a.Send("a4 06 00000000 00000200 00 00", pattern(512, 1)).Good()
	a.Fetch("a3 05 00000000 00000204 00 00", 1000).Good("0000 0200", hex(pattern(512, 1)))
}

func TestIdentifyingInformationRefuses(t *testing.T) {
	kept := newMemory()
	d := newDisk(t, newRecorder(1<<20), func(c *sbc.Config) { c.State = kept })
	h, other := host(t, d), host(t, d)
	h.Fetch("a3 05 00000000 000000ff 02 00", 255).Sense("05 24 00 cf 00 0a") // type 1
	h.Send("a4 06 00000000 00000001 02 00", []byte{1}).Sense("05 24 00 cf 00 0a")
	h.Send("a4 06 00000000 00000001 fe 00", []byte{1}).Sense("05 24 00 cf 00 0a")
	h.Send("a4 06 00000000 00000201 00 00", make([]byte, 513)).Sense("05 24 00 cf 00 06")
	h.Send("a4 06 00000000 00000101 04 00", make([]byte, 257)).Sense("05 24 00 cf 00 06")
	h.Send("a4 06 00000000 00000003 04 00", []byte("abc")).Sense("05 26 00 80 00 00")          // no zero at the end
	h.Send("a4 06 00000000 00000003 04 00", []byte("\xff\xfe\x00")).Sense("05 26 00 80 00 00") // no UTF-8
	h.Send("a4 06 00000000 00000003 00 00", []byte("ab")).Sense("05 1a 00")

	kept.broken = errors.New("the file system is read-only")
	h.Send("a4 06 00000000 00000003 00 00", []byte("abc")).Sense("04 44 00")
	h.Fetch("a3 05 00000000 000000ff 00 00", 255).Sense("04 44 00")
	other.Send("00 00000000 00").Good() // nothing has changed
}

// A record that is longer than it can have been written is cut, and none is there without a State.
func TestIdentifyingInformationDistrusts(t *testing.T) {
	h := newHost(t, newRecorder(1<<20), func(c *sbc.Config) {
		c.State = &memory{records: map[string][]byte{"identifying": []byte(strings.Repeat("x", 1000))}}
	})
	h.Fetch("a3 05 00000000 0000ffff 00 00", 65535).Good("0000 0200", "78*512")
	h = newHost(t, newRecorder(1<<20), func(c *sbc.Config) { c.State = nil })
	h.Fetch("a3 05 00000000 000000ff 00 00", 255).Sense("05 24 00 cc 00 01")
	h.Send("a4 06 00000000 00000003 00 00", []byte("abc")).Sense("05 24 00 cc 00 01")
}
