package tcmu

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/scsi"
)

// RingError says that the ring holds what the kernel never writes, so that nothing in it can be trusted any more. The
// Device that reports it has stopped; a reset of the ring repairs it.
type RingError struct {
	Offset uint32 // of the entry, from the begin of the command ring
	Found  string // what is wrong there
}

func (e *RingError) Error() string {
	return fmt.Sprintf("broken ring: at offset %#x: %s; start the device anew with a reset of the ring (action/reset_ring)", e.Offset, e.Found)
}

// ring is the command ring with its cursors, each a number of bytes from the ring's begin:
//
//	tail ... consumed ... head
//
// The kernel writes entries up to head. What has been taken out ends at consumed; it is completed at tail, where the
// kernel has not looked yet. With OutOfOrder a completion need not be of the command whose entry it overwrites.
//
// The entry at tail is always one of a command, or tail and consumed are equal.
type ring struct {
	mailbox
	mem     []byte // the whole map
	entries []byte // the command ring in it
	size    uint32

	// own is which command the ring's thread runs itself, see begin. It alone writes this.
	own atomic.Uint64

	mu       sync.Mutex
	consumed uint32     // guarded by mu; written by the consumer only, which may read it without
	done     uint32     // guarded by mu: the tail, which the kernel is shown by publish; not read back from shared memory
	owned    uint64     // guarded by mu: what own was for the last command of it that has ended
	live     idSet      // guarded by mu: taken, and not ended
	inFlight int        // guarded by mu: how many are in live
	slots    []*slot    // guarded by mu: by id, of those in live
	awaited  []*awaited // guarded by mu: what somebody waits for
	err      error      // guarded by mu: why nothing is completed any more
	counts   counts     // guarded by mu
}

// counts is what the ring counts.
type counts struct{ commands, completions, tmrs, unknown uint64 }

// newRing checks the mailbox and begins at its tail.
func newRing(mem []byte) (*ring, error) {
	m, err := readMailbox(mem)
	if err != nil {
		return nil, err
	}
	r := &ring{mailbox: m, mem: mem, entries: mem[m.begin:m.end:m.end], size: m.end - m.begin}
	return r, r.restart()
}

// restart places the cursors where the mailbox has the tail.
func (r *ring) restart() error {
	tail := r.tail.Load()
	if tail >= r.size || tail%entryAlign != 0 {
		return r.broken(tail, "the tail is there, in a ring of %d bytes", r.size)
	}
	r.consumed, r.done = tail, tail
	return nil
}

func (r *ring) broken(off uint32, format string, args ...any) error {
	return &RingError{Offset: off, Found: fmt.Sprintf(format, args...)}
}

// idle says that the kernel has written nothing since the last entry was taken.
func (r *ring) idle() bool { return r.head.Load() == r.consumed }

// filled is the head, checked: between consumed and head there are only entries that the kernel has finished, and none
// that is still to be completed.
func (r *ring) filled() (uint32, error) {
	// Acquire: pairs with the kernel's release of the head after it has filled the entry. Loaded once for all
	// entries of a scan, so that a head that runs away cannot keep us in it.
	head := r.head.Load()
	if head >= r.size || head%entryAlign != 0 {
		return 0, r.broken(head, "the head is there, in a ring of %d bytes", r.size)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.distance(r.done, head) < r.distance(r.done, r.consumed) {
		return 0, r.broken(head, "the head is there, among commands in flight from %#x to %#x", r.done, r.consumed)
	}
	return head, nil
}

// distance is the way from a forward to b.
func (r *ring) distance(a, b uint32) uint32 {
	if a <= b {
		return b - a
	}
	return r.size - a + b
}

// begin notes that the ring's thread runs the command with the given id there and then: await knows of it from now on. What
// it is finished with, or handed to a worker by, is finish or take. One store instead of a lock and an id in flight: most
// commands are run so.
func (r *ring) begin(id uint16) { r.own.Store(r.own.Load()&^0xffff + 1<<16 + uint64(id)) }

// running is the id of the command that the ring's thread runs itself; ok is false when there is none. r.mu is held.
func (r *ring) running() (id uint16, ok bool) {
	own := r.own.Load()
	return uint16(own), own != r.owned
}

// take moves consumed past the entry h, which is the one there. The id of a command is in flight from now on, and s is in the
// given phase with it: whoever finds one finds the other.
func (r *ring) take(h header, s *slot, p phase) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch h.op {
	case opCommand:
		if r.live.has(h.id) {
			return r.broken(h.off, "CMD with id %d, which is in flight", h.id)
		}
		r.owned = r.own.Load()
		r.live.add(h.id)
		r.hold(h.id, s)
		r.inFlight++
		r.counts.commands++
		s.phase.Store(p)
	case opTMR:
		r.counts.tmrs++
	case opPad:
	default:
		r.counts.unknown++
	}
	r.consumed = r.next(h)
	return r.settle()
}

// hold notes where the command with the given id is. r.mu is held.
func (r *ring) hold(id uint16, s *slot) {
	if n := int(id) + 1; n > len(r.slots) {
		r.slots = append(r.slots, make([]*slot, n-len(r.slots))...)
	}
	r.slots[id] = s
}

// finish is take and complete in one, of a command that the ring's thread has begun, and run.
func (r *ring) finish(h header, res scsi.Result, length uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned = r.own.Load()
	if len(r.awaited) > 0 {
		r.tell(h.id)
	}
	if r.err != nil {
		return r.err
	}
	if r.live.has(h.id) {
		return r.broken(h.off, "CMD with id %d, which is in flight", h.id)
	}
	r.counts.commands++
	r.consumed = r.next(h)
	return r.respond(h.id, res, length, 0)
}

// complete writes how the command with the given id ended, and how much Data-In it has if length is not 0.
func (r *ring) complete(id uint16, res scsi.Result, length uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && !r.live.has(id) {
		return fmt.Errorf("command with id %d is completed twice", id)
	}
	defer r.ended(id) // also if nobody can be told
	if r.err != nil {
		return r.err
	}
	return r.respond(id, res, length, 0)
}

// abandon is complete, for who has the command still: its id and its memory stay taken, until release.
func (r *ring) abandon(id uint16, res scsi.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	return r.respond(id, res, 0, flagKeepBuffer)
}

// release is for when the handler has let go of a command that had been abandoned.
func (r *ring) release(id uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended(id)
}

// respond overwrites the entry at the tail with a completion. r.mu is held.
func (r *ring) respond(id uint16, res scsi.Result, length uint32, flags byte) error {
	h, err := r.header(r.done, r.consumed)
	if err == nil && h.op != opCommand {
		err = r.broken(h.off, "%v where a CMD was", h.op)
	}
	if err != nil {
		return r.stop(err)
	}
	writeResponse(r.bytes(h), id, res, length, flags)
	r.counts.completions++
	r.done = r.next(h)
	return r.settle()
}

// writeResponse writes a completion over an entry.
func writeResponse(p []byte, id uint16, res scsi.Result, length uint32, flags byte) {
	order := binary.NativeEndian
	order.PutUint16(p[entryID:], id)
	if length != 0 {
		flags |= flagReadLength
	}
	p[entryUFlags] = flags
	clear(p[responseStatus:responseLength])
	p[responseStatus] = byte(res.Status)
	order.PutUint32(p[responseLength:], length)
	if res.Status == scsi.CheckCondition {
		sense := p[responseSense:][:senseSize]
		clear(sense[res.Sense(sense):])
	}
}

// settle moves the tail past entries that need no completion. r.mu is held.
func (r *ring) settle() error {
	for r.done != r.consumed {
		h, err := r.header(r.done, r.consumed)
		if err != nil {
			return r.stop(err)
		}
		if h.op == opCommand {
			break
		}
		r.done = r.next(h)
	}
	return nil
}

// publish shows the kernel what has been completed. It may look at any time, but does when the doorbell rings: so once for
// each doorbell is enough.
func (r *ring) publish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Release: whatever is written to the entries is there before the kernel can see the new tail.
	r.tail.Store(r.done)
}

// stop makes err the answer to all completions from now on. r.mu is held.
func (r *ring) stop(err error) error {
	if r.err == nil {
		r.err = err
	}
	return r.err
}

// outstanding lists ids in flight, at most limit of them, and how many there are.
func (r *ring) outstanding(limit int) (ids []uint16, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := 0; id < 64*len(r.live) && len(ids) < limit; id++ {
		if r.live.has(uint16(id)) {
			ids = append(ids, uint16(id))
		}
	}
	if id, ok := r.running(); ok {
		return append(ids, id), r.inFlight + 1
	}
	return ids, r.inFlight
}
