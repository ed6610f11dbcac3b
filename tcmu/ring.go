package tcmu

import (
	"encoding/binary"
	"fmt"
	"sync"

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

	mu       sync.Mutex
	consumed uint32     // guarded by mu; written by the consumer only, which may read it without
	done     uint32     // guarded by mu: the tail, not read back from shared memory
	live     idSet      // guarded by mu: taken, and not ended
	inFlight int        // guarded by mu: how many are in live
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

// take moves consumed past the entry h, which is the one there. The id of a command is in flight from now on, and s, if it is
// not nil, waits with it: whoever finds one finds the other.
func (r *ring) take(h header, s *slot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch h.op {
	case opCommand:
		if r.live.has(h.id) {
			return r.broken(h.off, "CMD with id %d, which is in flight", h.id)
		}
		r.live.add(h.id)
		r.inFlight++
		r.counts.commands++
		if s != nil {
			s.phase.Store(waiting)
		}
	case opTMR:
		r.counts.tmrs++
	case opPad:
	default:
		r.counts.unknown++
	}
	r.consumed = r.next(h)
	return r.settle()
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
	h, err := r.header(r.done, r.consumed)
	if err == nil && h.op != opCommand {
		err = r.broken(h.off, "%v where a CMD was", h.op)
	}
	if err != nil {
		return r.stop(err)
	}
	respond(r.bytes(h), id, res, length)
	r.counts.completions++
	r.done = r.next(h)
	return r.settle()
}

// respond writes a completion over an entry.
func respond(p []byte, id uint16, res scsi.Result, length uint32) {
	order := binary.NativeEndian
	order.PutUint16(p[entryID:], id)
	p[entryUFlags] = 0
	if length != 0 {
		p[entryUFlags] = flagReadLength
	}
	clear(p[responseStatus:responseLength])
	p[responseStatus] = byte(res.Status)
	order.PutUint32(p[responseLength:], length)
	if res.Status == scsi.CheckCondition {
		sense := p[responseSense:][:senseSize]
		clear(sense[res.Sense(sense):])
	}
}

// settle moves the tail past entries that need no completion and shows it to the kernel. r.mu is held.
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
	// Release: whatever is written to the entries is there before the kernel can see the new tail. It may look at
	// any time, not only when the doorbell rings.
	r.tail.Store(r.done)
	return nil
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
	return ids, r.inFlight
}
