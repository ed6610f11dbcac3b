package tcmu

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// slot is the private memory of one command. What stands in the ring is copied here before the command is carried out:
// with completions out of order, its entry may be overwritten by the completion of another at any time after.
// A slot is used again for the next command, so that none of it is allocated per command.
type slot struct {
	id     uint16
	bidi   bool
	number int // of the workers' slots
	cdb    [scsi.MaxCDB]byte
	cmd    scsi.Command

	// Of a command that is in the background.
	background *background
	transfer   []unix.Iovec
	bytes      int       // of transfer
	pending    time.Time // since when
	resumed    bool

	// Of a slot that goes to workers.
	phase atomic.Uint32
	abort chan struct{} // cmd.Aborted, to be closed by who makes the phase aborted
}

// load copies the command of entry h out of the ring and makes views of its data. All offsets in an entry are from the
// begin of the map.
func (s *slot) load(r *ring, h header) error {
	p := r.bytes(h)
	order := binary.NativeEndian
	out, bidi := order.Uint32(p[requestIovecs:]), order.Uint32(p[requestBidi:])
	iovecs := uint64(out) + uint64(bidi)
	cdb := order.Uint64(p[requestCDB:])
	first := uint64(r.mailbox.begin) + uint64(h.off)
	if room := uint64(h.len-requestIovec) / iovecSize; iovecs > room {
		return r.broken(h.off, "CMD with %d iovecs and room for %d", iovecs, room)
	}
	if least := first + requestIovec + iovecs*iovecSize; cdb < least || cdb >= first+uint64(h.len) {
		return r.broken(h.off, "CMD with its CDB at %#x of the map, outside %#x to %#x", cdb, least, first+uint64(h.len))
	}
	have := copy(s.cdb[:], p[cdb-first:])
	n := scsi.CDBLength(s.cdb[:have])
	if n == 0 || n > have {
		return r.broken(h.off, "CMD with %d bytes for a CDB that begins with %#02x", have, s.cdb[0])
	}
	s.id, s.bidi, s.resumed = h.id, bidi > 0, false
	s.cmd.CDB = s.cdb[:n]
	s.cmd.Data = s.cmd.Data[:0]
	for i := range out {
		base, size := order.Uint64(p[requestIovec+i*iovecSize:]), order.Uint64(p[requestIovec+i*iovecSize+8:])
		end := uint64(len(r.mem))
		if base < uint64(r.mailbox.end) || base > end || size > end-base {
			return r.broken(h.off, "iovec %d is %d bytes at %#x, outside the data area %#x to %#x", i, size, base, r.mailbox.end, end)
		}
		s.cmd.Data = append(s.cmd.Data, r.mem[base:base+size:base+size])
	}
	return nil
}

// conceal sees to it that the initiator gets no byte of Data-In that the handler did not place: the data area still
// holds what earlier commands left there. It returns the length to report, 0 for all of the buffer.
func (s *slot) conceal(res scsi.Result, f Features) (length uint32) {
	n, in := s.cmd.Moved()
	switch {
	case !in: // Data-Out
		return 0
	case res.Delivers() && f&ReadLength != 0: // with sense, the kernel delivers what it is told of
		return uint32(n)
	case res.Status == scsi.CheckCondition || n >= s.cmd.Data.Len(): // and else nothing; or all of it is the handler's
		return 0
	}
	// A length of 0 would be taken for "all". Without GOOD the kernel still copies the buffer, to memory that may be
	// the initiator's own, and looks at no length.
	if n > 0 && res.OK() && f&ReadLength != 0 {
		return uint32(n)
	}
	s.cmd.Data.Clear(n)
	return 0
}
