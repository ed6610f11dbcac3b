package tcmutest

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Reap takes completions out of the ring, then starts commands that wait for room. The doorbell does it; tests that
// have no Device, and the kernel's reclaim worker, do it when they like.
func (k *Kernel) Reap() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reap()
}

func (k *Kernel) reap() {
	tail := k.ring.tail.Load()
	if tail >= k.ring.size {
		k.breakRing("the tail is at %d of a ring of %d bytes", tail, k.ring.size)
	}
	for !k.broken && k.ring.cleaned != tail {
		k.reapOne()
	}
	for len(k.queue) > 0 && !k.broken && k.enter(k.queue[0]) {
		k.queue = append(k.queue[:0], k.queue[1:]...)
		k.notify()
	}
}

func (k *Kernel) reapOne() {
	off := k.ring.cleaned
	p := k.mem[mailboxSize+off:]
	order := binary.NativeEndian
	n, op := order.Uint32(p)&^7, order.Uint32(p)&7
	origin, known := k.ring.origin[off]
	if !known {
		k.breakRing("the tail has left the entries: at offset %d there is none", off)
		return
	}
	delete(k.ring.origin, off)
	k.ring.cleaned = (off + n) % k.ring.size
	switch op {
	case opPad, opTMR:
		return
	case opCmd:
	default:
		if p[7]&flagUnknownOp == 0 {
			k.fail("entry of opcode %d at offset %d was not answered with UNKNOWN_OP", op, off)
		}
		return
	}
	id := order.Uint16(p[4:])
	if int(id) >= len(k.live) || k.live[id] == nil {
		k.breakRing("completion of id %d at offset %d, which is not in flight", id, off)
		return
	}
	if k.conf.Without&OutOfOrder != 0 && id != origin {
		k.fail("completion of id %d at offset %d, where %d was, by a kernel that wants them in order", id, off, origin)
	}
	c := k.live[id]
	if c.kept {
		k.breakRing("completion of id %d at offset %d, which has been completed with KEEP_BUF", id, off)
		return
	}
	k.live[id] = nil
	if p[7]&flagKeepBuffer != 0 {
		k.live[id] = k.keep(c)
	}
	k.receive(c, p[8], p[7], int(order.Uint32(p[12:])), p[16:112])
	k.completed(id)
}

// breakRing is the kernel's TCMU_DEV_BIT_BROKEN: it touches the ring no more, and fails what comes.
func (k *Kernel) breakRing(format string, args ...any) {
	k.broken = true
	k.fail(format, args...)
}

// BlockDev is the attribute action/block_dev: while it is on, commands end with BUSY, those that wait for room too.
func (k *Kernel) BlockDev(on bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.blocked = on
	if on {
		for _, c := range k.queue {
			c.end(statusBusy)
		}
		k.queue = k.queue[:0]
	}
	return nil
}

// ResetRing is a 1 written to action/reset_ring: what is in the ring ends with BUSY, and the ring is empty and whole.
func (k *Kernel) ResetRing() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, c := range k.live {
		if c == nil {
			continue
		}
		k.live[id] = nil
		k.area.release(c.blocks)
		if !c.kept {
			c.end(statusBusy)
			k.completed(uint16(id))
		}
	}
	k.ring.tail.Store(0)
	k.ring.head.Store(0)
	k.ring.cleaned = 0
	clear(k.ring.origin)
	k.broken = false
	return nil
}

// Blocked says whether BlockDev is on.
func (k *Kernel) Blocked() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.blocked
}

// Cursors are head and tail as the mailbox has them, in bytes from the begin of the ring.
func (k *Kernel) Cursors() (head, tail uint32) { return k.ring.head.Load(), k.ring.tail.Load() }

// InFlight is the number of commands that are in the ring, and of those that wait for room.
func (k *Kernel) InFlight() (ring, queue int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.live {
		if c != nil && !c.kept {
			ring++
		}
	}
	return ring, len(k.queue)
}

// keep is what stays of a command that is completed with KEEP_BUF: its id and its blocks.
func (k *Kernel) keep(c *Command) *Command {
	if k.conf.Without&KeepBuffer != 0 {
		k.fail("command % x answered with KEEP_BUF, which this kernel does not know", c.CDB)
	}
	return &Command{kept: true, blocks: c.blocks}
}

// FreeKeptBuffer is an id written to action/free_kept_buf. What the doorbell rang for before, the kernel has reaped by then; here
// it may still be on its way.
func (k *Kernel) FreeKeptBuffer(id uint16) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reap()
	if int(id) >= len(k.live) || k.live[id] == nil || !k.live[id].kept {
		k.fail("free_kept_buf of id %d, which was not completed with KEEP_BUF", id)
		return unix.EINVAL
	}
	k.area.release(k.live[id].blocks)
	k.live[id] = nil
	return nil
}

// Kept is how many commands have been completed with KEEP_BUF and not been freed.
func (k *Kernel) Kept() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.live {
		if c != nil && c.kept {
			n++
		}
	}
	return n
}
