package sbc

import "github.com/tcmud/tcmud/scsi"

// applyCaching turns the write cache on or off. What it holds is durable before it is off: from then on each GOOD says
// so.
func (d *Disk) applyCaching(page []byte) scsi.Result {
	on := page[2]&wce != 0
	d.writeCache.Store(on)
	if on {
		return scsi.Result{}
	}
	if err := d.store.Flush(); err != nil {
		d.writeCache.Store(true)
		return d.failed(nil, err, scsi.WriteError)
	}
	return scsi.Result{}
}

// durable says that a write has to be on stable storage before it is answered.
func (d *Disk) durable() bool { return d.traits.Volatile && !d.writeCache.Load() }

var (
	immed1 = scsi.Bits("IMMED", 1, 1, 1).Hint("the status may always come after the work")
	// Of SBC-3, and what libiscsi sends.
	syncNV = scsi.Bits("SYNC_NV", 1, 2, 1).Hint("there is no non-volatile cache, which would do")
)

// synchronize is the handler of the SYNCHRONIZE CACHE commands. The whole store is flushed: no store knows which of its
// blocks are dirty.
func (d *Disk) synchronize(c *scsi.Command) scsi.Result { return d.flush(c) }

func (d *Disk) flush(c *scsi.Command) scsi.Result {
	if d.hurried(c) {
		return scsi.Later
	}
	if err := d.store.Flush(); err != nil {
		return d.failed(c, err, scsi.WriteError)
	}
	return scsi.Result{}
}
