package sbc

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// counters count the commands of one direction, and the blocks that they have moved, for the General Statistics and
// Performance log page (SPC-4 7.3). They begin anew with the disk, and when LOG SELECT says so.
type counters struct {
	scsi.Tally
	spent atomic.Int64 // nanoseconds, of all commands as far as the timed ones tell
	_     [24]byte     // a cache line for each
}

// timed is how many commands there are for each one that is timed: to look at the clock costs more than to count.
const timed = 64

// run runs a command of k.
func (k *counters) run(c *scsi.Command, do func(*scsi.Command) scsi.Result) scsi.Result {
	if (k.Lately()+1)%timed != 0 {
		return do(c)
	}
	began := time.Now()
	r := do(c)
	if r.Ended() {
		k.spent.Add(timed * int64(time.Since(began)+c.Pending()))
	}
	return r
}

// count counts a command of k that was to move blocks.
func (k *counters) count(blocks uint64, r scsi.Result) {
	switch {
	case r.OK():
		k.Add(blocks)
	case r.Ended():
		k.Add(0)
	}
}

// counted gives rows that read or write what they count by. Which those are, the row tells: blocks of Data-In are read,
// and what alters the medium with Data-Out, an extent of it or where those blocks say, is written.
func (d *Disk) counted(ops []scsi.Op) []scsi.Op {
	for i := range ops {
		op := &ops[i]
		do := op.Do
		switch {
		case op.Xfer.Dir == scsi.DataIn && op.Xfer.Rule == scsi.Blocks:
			op.Do = func(c *scsi.Command) scsi.Result {
				k := &d.lane(c).reads
				r := k.run(c, do)
				k.count(named(c), r)
				return r
			}
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
				k := &d.lane(c).writes
				r := k.run(c, do)
				k.count(received(c), r)
				if r.Ended() && d.thresholds.on.Load() {
					d.wrote(altered(c), r)
				}
				return r
			}
		default: // of who knows how many blocks
			op.Do = func(c *scsi.Command) scsi.Result {
				r := do(c)
				if r.Ended() && d.thresholds.on.Load() {
					d.wrote(uint64(d.thresholds.unit), r)
				}
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
			Parameters: d.statistics, Reset: d.resetStatistics},
	}
	if d.thresholds.unit > 0 {
		pages = append(pages, d.provisioningLog())
	}
	return pages
}

func (d *Disk) resetStatistics() {
	for i := range d.lanes {
		for _, k := range []*counters{&d.lanes[i].reads, &d.lanes[i].writes} {
			k.Reset()
			k.spent.Store(0)
		}
	}
}

// statistics are the numbers; times are in microseconds, as the last parameter says. Weighted numbers and idle time, which
// would need to know of all commands at once, are not there: zero.
func (d *Disk) statistics() []spc.LogParameter {
	reads, read, reading := d.sum(func(l *lane) *counters { return &l.reads })
	writes, written, writing := d.sum(func(l *lane) *counters { return &l.writes })
	be := binary.BigEndian
	general, idle, interval := make([]byte, 64), make([]byte, 8), make([]byte, 8)
	be.PutUint64(general[0:], reads)
	be.PutUint64(general[8:], writes)
	be.PutUint64(general[16:], written) // RECEIVED
	be.PutUint64(general[24:], read)    // TRANSMITTED
	be.PutUint64(general[32:], reading)
	be.PutUint64(general[40:], writing)
	be.PutUint32(interval[0:], 6) // EXPONENT: of ten, negative
	be.PutUint32(interval[4:], 1) // INTEGER
	return []spc.LogParameter{
		{Code: 0x0001, Format: spc.Counter, Value: general},
		{Code: 0x0002, Format: spc.Counter, Value: idle},
		{Code: 0x0003, Format: spc.BinaryList, Value: interval},
	}
}

// sum is the counters of one direction in all lanes, the time in microseconds.
func (d *Disk) sum(of func(*lane) *counters) (commands, blocks, spent uint64) {
	var nanoseconds int64
	for i := range d.lanes {
		k := of(&d.lanes[i])
		n, moved := k.Read()
		commands, blocks, nanoseconds = commands+n, blocks+moved, nanoseconds+k.spent.Load()
	}
	return commands, blocks, uint64(nanoseconds / 1000)
}
