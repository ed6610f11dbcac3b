package spc

import (
	"encoding/binary"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// Origins of a timestamp (SPC-4 clause 5.3).
const (
	originSet  = 0x02 // SET TIMESTAMP
	originHost = 0x03 // something outside the standard: the host's clock
)

// setTime is a timestamp that an initiator has set.
type setTime struct {
	value uint64 // milliseconds, when it was set
	at    time.Time
}

// timestamp is the unit's clock, in milliseconds since 1970: the host's until an initiator sets it; from then on it runs
// by itself, whatever becomes of the host's.
func (d *Device) timestamp() (ms uint64, origin byte) {
	if set := d.timeSet.Load(); set != nil {
		return set.value + uint64(time.Since(set.at).Milliseconds()), originSet
	}
	return uint64(time.Now().UnixMilli()), originHost
}

func (d *Device) reportTimestamp(c *scsi.Command) scsi.Result {
	ms, origin := d.timestamp()
	p := [12]byte{1: 0x0a, 2: origin} // TIMESTAMP PARAMETER DATA LENGTH
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms)
	copy(p[4:10], t[2:])
	c.Reply(p[:])
	return scsi.Result{}
}

var list32 = scsi.Bytes("PARAMETER LIST LENGTH", 6, 4)

// setTimestamp sets the clock, and tells every other nexus (SPC-4 6.46).
func (d *Device) setTimestamp(c *scsi.Command) scsi.Result {
	var list [12]byte
	switch n := c.Uint(list32); {
	case n == 0:
		return scsi.Result{}
	case n < uint64(len(list)):
		return scsi.ParameterListLengthError
	}
	c.Param(list[:], 0)
	var t [8]byte
	copy(t[2:], list[4:10])
	d.timeSet.Store(&setTime{binary.BigEndian.Uint64(t[:]), time.Now()})
	d.unit.Attend(scsi.TimestampChanged, c.Nexus)
	return scsi.Result{}
}
