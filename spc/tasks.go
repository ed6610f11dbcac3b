package spc

import "github.com/tcmud/tcmud/scsi"

var repd = scsi.Bits("REPD", 2, 7, 1)

// reportTasks is REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: those that the kernel's target carries out for a unit of
// ours on every fabric, ABORT TASK and LOGICAL UNIT RESET. It refuses the others.
func (d *Device) reportTasks(c *scsi.Command) scsi.Result {
	if c.Uint(alloc32) < 4 { // SPC-4 6.36
		return scsi.InvalidFieldInCDB.At(alloc32)
	}
	p := [16]byte{0: 0x88} // ATS, LURS
	if !c.Is(repd) {
		c.Reply(p[:4])
		return scsi.Result{}
	}
	p[3] = byte(len(p) - 4) // ADDITIONAL DATA LENGTH; TMTMOV 0: no time-out is promised
	c.Reply(p[:])
	return scsi.Result{}
}
