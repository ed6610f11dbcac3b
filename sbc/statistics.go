package sbc

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// statistics are what the General Statistics and Performance log page tells (SPC-4 7.3), reads and writes on cache lines of
// their own.
type statistics struct{ reads, writes counters }

// counters count the commands of one direction. They begin anew with the disk, and when LOG SELECT says so.
type counters struct {
	commands atomic.Uint64 // begun
	blocks   atomic.Uint64 // moved
	spent    atomic.Int64  // nanoseconds, of all commands as far as the timed ones tell
	_        [40]byte
}

// timed is how many commands there are for each one that is timed: to look at the clock costs more than to count.
const timed = 64

// count runs a command of k: what it counts in are two additions, and now and then a look at the clock.
func (k *counters) count(c *scsi.Command, do func(*scsi.Command) scsi.Result, blocks func(*scsi.Command) uint64) scsi.Result {
	var began time.Time
	if k.commands.Add(1)%timed == 0 {
		began = time.Now()
	}
	r := do(c)
	if !began.IsZero() {
		k.spent.Add(timed * int64(time.Since(began)))
	}
	if r.OK() {
		k.blocks.Add(blocks(c))
	}
	return r
}

func (k *counters) reset() {
	k.commands.Store(0)
	k.blocks.Store(0)
	k.spent.Store(0)
}

// counted gives rows that read or write what they count by. Which those are, the row tells: blocks of Data-In are read,
// and what alters the medium with Data-Out, an extent of it or where those blocks say, is written.
func (d *Disk) counted(ops []scsi.Op) []scsi.Op {
	for i := range ops {
		op := &ops[i]
		do := op.Do
		switch {
		case op.Xfer.Dir == scsi.DataIn && op.Xfer.Rule == scsi.Blocks:
			op.Do = func(c *scsi.Command) scsi.Result { return d.statistics.reads.count(c, do, named) }
		case op.Flags&scsi.AltersMedium == 0:
		case op.Xfer.Dir == scsi.DataOut && (op.Xfer.Rule == scsi.Blocks || op.Extent.Blocks.Width > 0):
			received, altered := named, named
			if op.Xfer.Rule != scsi.Blocks { // WRITE SAME, COMPARE AND WRITE: not as many as it names
				received = d.received
			}
			if op.Extent.Blocks.Width == 0 { // WRITE SCATTERED
				received, altered = d.received, d.received
			}
			op.Do = func(c *scsi.Command) scsi.Result {
				r := d.statistics.writes.count(c, do, received)
				d.wrote(altered(c), r)
				return r
			}
		default: // of who knows how many blocks
			op.Do = func(c *scsi.Command) scsi.Result {
				r := do(c)
				d.wrote(uint64(d.thresholds.unit), r)
				return r
			}
		}
	}
	return ops
}

// named is the number of blocks that the CDB of c names.
func named(c *scsi.Command) uint64 {
	_, n := c.Extent()
	return n
}

// received is the number of blocks that came with c.
func (d *Disk) received(c *scsi.Command) uint64 { return uint64(c.Data.Len() / d.block) }

// logs are the log pages of a direct access block device.
func (d *Disk) logs() []spc.LogPage {
	pages := []spc.LogPage{
		{Code: 0x11, Name: "Solid State Media", Spec: "SBC-3 6.4", Parameters: func() []spc.LogParameter {
			// PERCENTAGE USED ENDURANCE INDICATOR: what wears out below the store only that knows
			return []spc.LogParameter{{Code: 0x0001, Format: spc.BinaryList, Value: make([]byte, 4)}}
		}},
		{Code: 0x19, Name: "General Statistics and Performance", Spec: "SPC-4 7.3",
			Parameters: d.statistics.parameters, Reset: d.statistics.reset},
	}
	if d.thresholds.unit > 0 {
		pages = append(pages, d.provisioningLog())
	}
	return pages
}

func (s *statistics) reset() {
	s.reads.reset()
	s.writes.reset()
}

// parameters are the numbers; times are in microseconds, as the last parameter says. Weighted numbers and idle time, which
// would need to know of all commands at once, are not there: zero.
func (s *statistics) parameters() []spc.LogParameter {
	be := binary.BigEndian
	general, idle, interval := make([]byte, 64), make([]byte, 8), make([]byte, 8)
	be.PutUint64(general[0:], s.reads.commands.Load())
	be.PutUint64(general[8:], s.writes.commands.Load())
	be.PutUint64(general[16:], s.writes.blocks.Load()) // RECEIVED
	be.PutUint64(general[24:], s.reads.blocks.Load())  // TRANSMITTED
	be.PutUint64(general[32:], uint64(s.reads.spent.Load()/1000))
	be.PutUint64(general[40:], uint64(s.writes.spent.Load()/1000))
	be.PutUint32(interval[0:], 6) // EXPONENT: of ten, negative
	be.PutUint32(interval[4:], 1) // INTEGER
	return []spc.LogParameter{
		{Code: 0x0001, Format: spc.Counter, Value: general},
		{Code: 0x0002, Format: spc.Counter, Value: idle},
		{Code: 0x0003, Format: spc.BinaryList, Value: interval},
	}
}
