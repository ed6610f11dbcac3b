package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	immed0  = scsi.Bits("IMMED", 1, 0, 1).Hint("the status may always come after the work")
	noFlush = scsi.Bits("NO_FLUSH", 4, 2, 1)
	start   = scsi.Bits("START", 4, 0, 1)
)

// startStop starts or stops the unit. Stopping flushes the cache unless told otherwise; while stopped, commands that
// need the medium are NOT READY. Power conditions and LOEJ are in no field: there are none, and nothing to eject.
func (d *Disk) startStop(c *scsi.Command) scsi.Result {
	if c.Is(start) {
		d.Set(scsi.Stopped, false)
		return scsi.Result{}
	}
	if !c.Is(noFlush) {
		if r := d.flush(c); !r.OK() {
			return r
		}
	}
	d.Set(scsi.Stopped, true)
	return scsi.Result{}
}
