package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

var (
	rctd             = scsi.Bits("RCTD", 2, 7, 1)
	reportingOptions = scsi.Bits("REPORTING OPTIONS", 2, 2, 3)
	requestedCode    = scsi.Bytes("REQUESTED OPERATION CODE", 3, 1)
	requestedSA      = scsi.Bytes("REQUESTED SERVICE ACTION", 4, 2)
)

// timeouts is the command timeouts descriptor (SPC-4 clause 6.35.4): nothing is promised.
var timeouts = [12]byte{1: 0x0a}

// reportOps is REPORT SUPPORTED OPERATION CODES: the unit's own table, so that what is reported is what is done.
func (d *Device) reportOps(c *scsi.Command) scsi.Result {
	rows := d.unit.Rows(scsi.Opcode(c.Uint(requestedCode)))
	hasActions := len(rows) > 0 && rows[0].SA != 0
	switch c.Uint(reportingOptions) {
	case 0:
		d.reportAllOps(c)
	case 1:
		if hasActions {
			return scsi.InvalidFieldInCDB.At(requestedCode)
		}
		reportOp(c, first(rows))
	case 2:
		if len(rows) > 0 && !hasActions {
			return scsi.InvalidFieldInCDB.At(requestedSA)
		}
		reportOp(c, withAction(rows, c.Uint(requestedSA)))
	case 3: // as 1 for a code without service actions, if none is asked for, else as 2
		op := withAction(rows, c.Uint(requestedSA))
		if !hasActions && c.Uint(requestedSA) == 0 {
			op = first(rows)
		}
		reportOp(c, op)
	default:
		return scsi.InvalidFieldInCDB.At(reportingOptions)
	}
	return scsi.Result{}
}

func first(rows []scsi.Op) *scsi.Op {
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

func withAction(rows []scsi.Op, action uint64) *scsi.Op {
	for i := range rows {
		if rows[i].SA == scsi.SA(uint16(action)) {
			return &rows[i]
		}
	}
	return nil
}

// reportAllOps is the all_commands parameter data (SPC-4 clause 6.35.2).
func (d *Device) reportAllOps(c *scsi.Command) {
	ops := d.unit.Ops()
	size := 8
	if c.Is(rctd) {
		size += len(timeouts)
	}
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(ops)*size))
	c.Reply(head[:])
	for i := range ops {
		p := [8]byte{0: byte(ops[i].Code), 7: byte(ops[i].Len)}
		if v, ok := ops[i].SA.Value(); ok {
			p[5] |= 0x01 // SERVACTV
			binary.BigEndian.PutUint16(p[2:], v)
		}
		if c.Is(rctd) {
			p[5] |= 0x02 // CTDP
		}
		c.Reply(p[:])
		if c.Is(rctd) {
			c.Reply(timeouts[:])
		}
	}
}

// reportOp is the one_command parameter data (SPC-4 clause 6.35.3); op is nil for a command that is not supported.
func reportOp(c *scsi.Command, op *scsi.Op) {
	p := [4]byte{1: 0x01} // SUPPORT: not supported
	if op == nil {
		c.Reply(p[:])
		return
	}
	p[1] = 0x03 // SUPPORT: as in the standard
	if c.Is(rctd) {
		p[1] |= 0x80 // CTDP
	}
	var usage [scsi.MaxCDB]byte
	n := op.Usage(usage[:])
	binary.BigEndian.PutUint16(p[2:], uint16(n))
	c.Reply(p[:])
	c.Reply(usage[:n])
	if c.Is(rctd) {
		c.Reply(timeouts[:])
	}
}
