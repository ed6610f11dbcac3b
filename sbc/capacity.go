package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

func (d *Disk) readCapacity10(c *scsi.Command) scsi.Result {
	var p [8]byte
	// SBC-3 5.15.2: a last block that does not fit makes the initiator ask by READ CAPACITY (16).
	binary.BigEndian.PutUint32(p[0:], uint32(min(d.Blocks()-1, 0xffffffff)))
	binary.BigEndian.PutUint32(p[4:], uint32(d.block))
	c.Reply(p[:])
	return scsi.Result{}
}

var allocCapacity = scsi.Bytes("ALLOCATION LENGTH", 10, 4)

func (d *Disk) readCapacity16(c *scsi.Command) scsi.Result {
	var p [32]byte
	binary.BigEndian.PutUint64(p[0:], d.Blocks()-1)
	binary.BigEndian.PutUint32(p[8:], uint32(d.block))
	p[13] = byte(d.physical) // LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT; LOWEST ALIGNED LOGICAL BLOCK ADDRESS 0
	if d.thin {
		p[14] = 0xc0 // LBPME, LBPRZ
	}
	c.Reply(p[:])
	return scsi.Result{}
}
