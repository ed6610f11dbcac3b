package sbc

import "github.com/tcmud/tcmud/scsi"

// writer is the handler of a WRITE command whose CDB has the field fua.
func (d *Disk) writer(fua scsi.Field) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		e, r := d.transfer(c)
		if !r.OK() {
			return r
		}
		data, r := c.Out(d.bytes(e))
		if !r.OK() || e.n == 0 {
			return r
		}
		d.guard.share(e)
		defer d.guard.unshare(e)
		if err := d.store.Writev(data, d.offset(e), c.Is(fua) || d.durable()); err != nil {
			return d.failed(c, err, scsi.WriteError)
		}
		return scsi.Result{}
	}
}
