package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
)

// copyPiece is how many bytes are copied at a time, a multiple of every block size: others wait no longer than that takes,
// and an operation is aborted within that time.
const copyPiece = 4 << 20

// move is blocks of one disk that are to become those of another, or of the same. There are as many bytes in from as in to.
type move struct {
	src, dst *Disk
	from, to extent
	// good says, of each piece once it has been copied, whether it is what was to be copied; nil: it is.
	good func() scsi.Result
}

// copy copies m piece by piece, and ends at the first that fails: with sense of the destination, as that of a write. Blocks
// are copied as if all had been read before the first was written.
func (o *operation) copy(c *scsi.Command, m move) scsi.Result {
	total := m.src.bytes(m.from)
	backwards := m.src == m.dst && m.from.lba < m.to.lba && m.to.lba < m.from.lba+m.from.n
	for done := int64(0); done < total; {
		n := min(copyPiece, total-done)
		at := done
		if backwards {
			at = total - done - n
		}
		if o.stopped() {
			return scsi.Check(scsi.CopyAborted, 0)
		}
		if r := m.piece(c, at, n); !r.OK() {
			return r
		}
		o.advance(n)
		done += n
	}
	if total == 0 || !m.dst.durable() {
		return scsi.Result{}
	}
	if !m.dst.holdFor(0) {
		return scsi.CopyTargetDeviceNotReachable
	}
	defer m.dst.releaseFor(0)
	return m.dst.flush(c)
}

// piece copies n bytes from byte at of m on.
func (m move) piece(c *scsi.Command, at, n int64) scsi.Result {
	from := extent{m.from.lba + uint64(at/m.src.block), uint64(n / m.src.block)}
	to := extent{m.to.lba + uint64(at/m.dst.block), uint64(n / m.dst.block)}
	if !hold(m.src, m.dst, from, to) {
		return scsi.CopyTargetDeviceNotReachable
	}
	defer release(m.src, m.dst, from, to)
	m.dst.changes(to)
	err := m.dst.store.CopyFrom(m.dst.offset(to), m.src.store, m.src.offset(from), n)
	m.dst.changes(to)
	var r scsi.Result
	if err != nil {
		r = m.dst.failed(c, err, scsi.ThirdPartyDeviceFailure)
		if backend.CauseOf(err) == backend.Unavailable {
			r = scsi.CopyTargetDeviceNotReachable
		}
	}
	if m.dst.thresholds.on.Load() {
		m.dst.wrote(to.n, r)
	}
	if !r.OK() {
		return r
	}
	if m.good != nil {
		return m.good()
	}
	return scsi.Result{}
}

// hold keeps from and to from those that own blocks, and their disks from going; it says no when one has gone already.
// Everybody takes locks in the order of disks, and those of one disk together, so that nobody waits in a circle.
func hold(src, dst *Disk, from, to extent) bool {
	if src == dst {
		return src.holdFor(locksOf(from) | locksOf(to))
	}
	first, second, a, b := inOrder(src, dst, from, to)
	if !first.holdFor(locksOf(a)) {
		return false
	}
	if !second.holdFor(locksOf(b)) {
		first.releaseFor(locksOf(a))
		return false
	}
	return true
}

// release ends hold.
func release(src, dst *Disk, from, to extent) {
	if src == dst {
		src.releaseFor(locksOf(from) | locksOf(to))
		return
	}
	src.releaseFor(locksOf(from))
	dst.releaseFor(locksOf(to))
}

func inOrder(src, dst *Disk, from, to extent) (first, second *Disk, a, b extent) {
	if src.copying.order < dst.copying.order {
		return src, dst, from, to
	}
	return dst, src, to, from
}

func (d *Disk) holdFor(locks uint64) bool {
	d.copying.life.RLock()
	if d.copying.gone {
		d.copying.life.RUnlock()
		return false
	}
	d.lanes[0].guard.lock(locks)
	return true
}

func (d *Disk) releaseFor(locks uint64) {
	d.lanes[0].guard.unlock(locks)
	d.copying.life.RUnlock()
}

// Commands by which a disk is asked whether it could be read or written.
const (
	read16  = 0x88
	write16 = 0x8a
)

// allows says what keeps d from being read or written by a copy manager: it is in the name of who sent a command to own that
// it asks, and reservations know that nexus on own only. All of e must be on the medium.
func (d *Disk) allows(own *Disk, n *scsi.Nexus, code byte, e extent) scsi.Result {
	cdb := make([]byte, 16)
	cdb[0] = code
	binary.BigEndian.PutUint64(cdb[2:], e.lba)
	binary.BigEndian.PutUint32(cdb[10:], uint32(e.n))
	c := scsi.Command{CDB: cdb}
	if d == own {
		c.Nexus = n
	}
	return d.Check(&c)
}
