package tcmutest

import (
	"encoding/binary"
	"sync/atomic"
)

// Where things are in the shared memory (linux/target_core_user.h, 64-bit).
const (
	mailboxSize = 128

	opPad = 0
	opCmd = 1
	opTMR = 2

	flagUnknownOp  = 1
	flagReadLength = 2
	flagKeepBuffer = 4
)

// producer is the command ring as the kernel sees it: head is where it writes next, cleaned is what it has reaped.
type producer struct {
	mem        []byte // mailbox and ring
	size       uint32
	head, tail *atomic.Uint32
	cleaned    uint32
	origin     map[uint32]uint16 // id that the entry at an offset was written with
}

func newProducer(mem []byte, size int, flags uint16) producer {
	order := binary.NativeEndian
	order.PutUint16(mem[0:], 2) // version
	order.PutUint16(mem[2:], flags)
	order.PutUint32(mem[4:], mailboxSize)
	order.PutUint32(mem[8:], uint32(size))
	return producer{
		mem:    mem,
		size:   uint32(size),
		head:   word(mem, 12),
		tail:   word(mem, 64),
		origin: map[uint32]uint16{},
	}
}

// reserve finds room for an entry of n bytes in one piece, after a PAD if it would go past the end. It returns where
// the entry is in the map; the head is not moved past it.
func (p *producer) reserve(n uint32) (at uint32, ok bool) {
	head := p.head.Load()
	needed, end := n, p.size-head
	if end < n {
		needed += end
	}
	used := (head + p.size - p.cleaned) % p.size
	if p.size-used-1 < needed {
		return 0, false
	}
	if end < n {
		clear(p.mem[mailboxSize+head:][:min(end, 8)])
		p.header(mailboxSize+head, opPad, end, 0)
		head = 0
		p.head.Store(0)
	}
	clear(p.mem[mailboxSize+head:][:n])
	return mailboxSize + head, true
}

// header writes the header of an entry.
func (p *producer) header(at uint32, op, n uint32, id uint16) {
	binary.NativeEndian.PutUint32(p.mem[at:], n|op)
	binary.NativeEndian.PutUint16(p.mem[at+4:], id)
	p.origin[at-mailboxSize] = id
}

// push shows an entry of n bytes to the other end.
func (p *producer) push(n uint32) { p.head.Store((p.head.Load() + n) % p.size) }

// enter writes the entry of c. False if there is no room in the ring or in the data area.
func (k *Kernel) enter(c *Command) bool {
	if len(c.Out) > 0 && c.In > 0 {
		panic("tcmutest: a command has Data-Out or Data-In, not both")
	}
	var ok bool
	n := len(c.Out) + c.In
	if c.blocks, ok = k.area.take(c.blocks[:0], n); !ok {
		return false
	}
	iovecs := uint32(0)
	k.area.iovecs(c.blocks, n, func(int, int) { iovecs++ })
	base := max(112, 48+16*iovecs)
	length := base + (uint32(len(c.CDB))+7)&^7
	at, ok := k.ring.reserve(length)
	if !ok {
		k.area.release(c.blocks)
		return false
	}
	k.area.fill(c.blocks, c.Out)
	c.ID = k.number(c)
	k.ring.header(at, opCmd, length, c.ID)
	order, p := binary.NativeEndian, k.mem[at:]
	order.PutUint32(p[8:], iovecs)
	order.PutUint64(p[24:], uint64(at+base))
	next := 48
	k.area.iovecs(c.blocks, n, func(base, size int) {
		order.PutUint64(p[next:], uint64(base))
		order.PutUint64(p[next+8:], uint64(size))
		next += 16
	})
	copy(p[base:], c.CDB)
	k.ring.push(length)
	return true
}

// number gives c the lowest id that is free.
func (k *Kernel) number(c *Command) uint16 {
	for id := 1; id < len(k.live); id++ {
		if k.live[id] == nil {
			k.live[id] = c
			return uint16(id)
		}
	}
	k.live = append(k.live, c)
	return uint16(len(k.live) - 1)
}

// TMR tells of a task management function, on whatever ids. False if there is no room for it.
func (k *Kernel) TMR(function byte, ids ...uint16) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writeTMR(function, ids)
}

func (k *Kernel) writeTMR(function byte, ids []uint16) bool {
	n := uint32(32+2*len(ids)+7) &^ 7
	return k.put(opTMR, n, func(p []byte) {
		p[8] = function
		binary.NativeEndian.PutUint32(p[12:], uint32(len(ids)))
		for i, id := range ids {
			binary.NativeEndian.PutUint16(p[32+2*i:], id)
		}
	})
}

// Entry puts an entry of an opcode of your own into the ring, n bytes long. False if there is no room for it.
func (k *Kernel) Entry(op byte, n int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.put(uint32(op), uint32(n), func([]byte) {})
}

// put writes an entry that is no command's. k.mu is held.
func (k *Kernel) put(op, n uint32, write func(p []byte)) bool {
	at, ok := k.ring.reserve(n)
	if !ok {
		return false
	}
	k.ring.header(at, op, n, 0)
	write(k.mem[at:])
	k.ring.push(n)
	k.notify()
	return true
}
