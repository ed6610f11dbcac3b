package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

var (
	allocReferrals = scsi.Bytes("ALLOCATION LENGTH", 10, 4)
	oneSegment     = scsi.Bits("ONE_SEG", 14, 0, 1).Hint("there is one segment")
)

// reportReferrals is REPORT REFERRALS: the whole medium is one user data segment, and each target port group is in the
// same state for all of it.
func (d *Disk) reportReferrals(c *scsi.Command) scsi.Result {
	if c.Uint(lba16) >= d.Blocks() {
		return scsi.LBAOutOfRange.At(lba16)
	}
	groups := d.primary.PortGroups()
	p := make([]byte, 24, 24+4*len(groups))
	p[7] = byte(min(len(groups), 0xff)) // NUMBER OF TARGET PORT GROUP DESCRIPTORS
	// FIRST USER DATA SEGMENT LBA is 0.
	binary.BigEndian.PutUint64(p[16:], d.Blocks()-1) // LAST USER DATA SEGMENT LBA
	for _, g := range groups[:p[7]] {
		p = binary.BigEndian.AppendUint16(append(p, byte(g.State)&0x0f, 0), g.ID)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-4))
	c.Reply(p)
	return scsi.Result{}
}

// vpdReferrals is VPD page B3h, where there is the command: a size and a multiplier of zero, for segments have no common
// size.
func (d *Disk) vpdReferrals() []spc.VPD {
	if d.ports == nil {
		return nil
	}
	return []spc.VPD{{Code: 0xb3, Name: "Referrals", Spec: "SBC-3 6.6",
		Build: func(p []byte, _ *scsi.Nexus) []byte { return append(p, make([]byte, 12)...) }}}
}
