package sbc

import "github.com/tcmud/tcmud/scsi"

var allocPattern = scsi.Bytes("ALLOCATION LENGTH", 10, 4)

// reportPattern is REPORT PROVISIONING INITIALIZATION PATTERN: a block as it reads while nothing is mapped to it. LBPRZ
// says the same, zeros.
func (d *Disk) reportPattern(c *scsi.Command) scsi.Result {
	c.Reply(make([]byte, d.block))
	return scsi.Result{}
}
