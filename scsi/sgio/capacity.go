package sgio

import (
	"encoding/binary"
	"fmt"

	"github.com/tcmud/tcmud/scsi"
)

// Size is the capacity of a disk in bytes and the length of its logical blocks, as its READ CAPACITY tells them. Devices
// that have no capacity, and those without a medium, get what a target in the kernel demands and nobody else hears of:
// one block of 512 bytes.
func (d *Device) Size() (bytes int64, block int, err error) {
	switch d.kind {
	case directAccess, multimedia, opticalMemory, simplifiedDirect, hostManagedZoned:
	default:
		return 512, 512, nil
	}
	blocks, length, r := d.capacity()
	switch {
	case r.Status == scsi.CheckCondition && r.Key == scsi.NotReady && r.Code>>8 == mediumNotPresent:
		return 512, 512, nil
	case !r.OK():
		return 0, 0, fmt.Errorf("pscsi: %s: READ CAPACITY: %v: see that the device is ready", d.node, r)
	case length == 0 || blocks == 0 || blocks > (1<<63-1)/uint64(length):
		return 0, 0, fmt.Errorf("pscsi: %s: READ CAPACITY tells of %d blocks of %d bytes, which no disk has", d.node, blocks, length)
	}
	return int64(blocks * uint64(length)), int(length), nil
}

// mediumNotPresent is the additional sense code.
const mediumNotPresent = 0x3a

// capacity asks for the number of blocks and their length: by READ CAPACITY (16), or where the device does not know that,
// (10).
func (d *Device) capacity() (blocks uint64, length uint32, r scsi.Result) {
	be := binary.BigEndian
	p, r := d.ask([]byte{0: 0x9e, 1: 0x10, 13: 32, 15: 0}, 32) // SBC-3 clause 5.16
	if r.OK() && len(p) >= 12 {
		return be.Uint64(p) + 1, be.Uint32(p[8:]), r
	}
	if p, r = d.ask([]byte{0: 0x25, 9: 0}, 8); r.OK() && len(p) >= 8 { // SBC-3 clause 5.15
		return uint64(be.Uint32(p)) + 1, be.Uint32(p[4:]), r
	}
	return 0, 0, r
}

// ask sends a command for n bytes of Data-In at most. A unit attention is about the past and nothing to us.
func (d *Device) ask(cdb []byte, n int) ([]byte, scsi.Result) {
	var r scsi.Result
	for range 8 {
		c := &scsi.Command{CDB: cdb, Data: scsi.Buffer{make([]byte, n)}}
		c.Begin()
		if r = d.Do(c); r.Status != scsi.CheckCondition || r.Key != scsi.UnitAttention {
			moved, _ := c.Moved()
			return c.Data[0][:moved], r
		}
	}
	return nil, r
}
