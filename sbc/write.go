package sbc

import (
	"syscall"

	"github.com/tcmud/tcmud/scsi"
)

// writer is the handler of a WRITE command whose CDB has the field fua.
func (d *Disk) writer(fua scsi.Field) func(*scsi.Command) scsi.Result {
	forced := fua.Reader()
	return func(c *scsi.Command) scsi.Result {
		e, data, r := d.receive(c)
		if !r.OK() || e.n == 0 {
			return r
		}
		g, locks := &d.lane(c).guard, locksOf(e)
		if !g.enter(locks, c.AtOnce) {
			return scsi.Later
		}
		defer g.unlock(locks)
		if err := d.writev(c, data, d.offset(e), forced.Uint(c.CDB) != 0 || d.durable()); err != nil {
			return d.failedOn(c, e, err, scsi.WriteError)
		}
		return scsi.Result{}
	}
}

// writev writes for c. Where c is hurried and would have to wait, as for the medium, the error is EAGAIN.
func (d *Disk) writev(c *scsi.Command, iov scsi.Buffer, off int64, durable bool) error {
	switch {
	case !d.hurried(c):
		return d.store.Writev(iov, off, durable)
	case durable:
		return syscall.EAGAIN
	}
	return d.store.WritevAtOnce(iov, off)
}

// receive is the extent that c is to write, no more than one command may, and its Data-Out, a block for each.
func (d *Disk) receive(c *scsi.Command) (extent, scsi.Buffer, scsi.Result) {
	e, r := d.transfer(c)
	if !r.OK() {
		return e, nil, r
	}
	data, r := c.Out(d.bytes(e))
	return e, data, r
}
