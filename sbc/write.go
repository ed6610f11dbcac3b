package sbc

import (
	"errors"
	"syscall"

	"github.com/tcmud/tcmud/scsi"
)

// writer is the handler of a WRITE command whose CDB has the field fua.
func (d *Disk) writer(fua scsi.Field) func(*scsi.Command) scsi.Result {
	forced := fua.Reader()
	return func(c *scsi.Command) (r scsi.Result) {
		e, data, r := d.receive(c)
		if !r.OK() || e.n == 0 {
			return r
		}
		locks := locksOf(e)
		if !d.enter(c, locks) {
			return scsi.Later
		}
		defer func() { d.leave(c, locks, r) }()
		durable := forced.Uint(c.CDB) != 0 || d.durable()
		switch err := d.writev(c, data, d.offset(e), durable); err {
		case nil:
			return scsi.Result{}
		case errPending:
			return scsi.Pending
		default:
			return d.failedAt(c, e, err, scsi.WriteError, func(part extent) error {
				return d.store.Writev(d.part(data, e, part), d.offset(part), durable)
			})
		}
	}
}

// writev writes for c. Where c is hurried and would have to wait, an Engine writes, and the error is errPending; or, as where
// it would have to wait for the medium, EAGAIN.
func (d *Disk) writev(c *scsi.Command, iov scsi.Buffer, off int64, durable bool) error {
	whole, resumed := c.Resumed()
	switch {
	case whole:
		return nil
	case !d.hurried(c):
		return d.store.Writev(iov, off, durable)
	case durable, resumed:
		return syscall.EAGAIN
	}
	err := error(syscall.EAGAIN)
	if d.StoreTimeout() == 0 { // else it has to be a write that can be given up: a worker's, or an Engine's
		err = d.store.WritevAtOnce(iov, off)
	}
	if errors.Is(err, syscall.EAGAIN) && d.store.WritevBy(c.Engine, iov, off) {
		return errPending
	}
	return err
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
