package main

import (
	"fmt"
	"math/rand/v2"
)

// kind is what a step of a writer does.
type kind int

const (
	write kind = iota
	writeFUA
	writeAtomic
	writeAtomicFUA
	zero
	unmap
	synchronize
)

// kinds are the commands. They have LOGICAL BLOCK ADDRESS and the number of blocks in the same bytes, all of them.
var kinds = [...]struct {
	opcode, flags byte
	often         int // in a hundred steps
}{
	write:          {0x8a, 0x00, 40},
	writeFUA:       {0x8a, 0x08, 15},
	writeAtomic:    {0x9c, 0x00, 10},
	writeAtomicFUA: {0x9c, 0x08, 10},
	zero:           {0x93, 0x00, 5}, // WRITE SAME (16) of zeros
	unmap:          {0x93, 0x08, 5}, // the same, with UNMAP
	synchronize:    {0x91, 0x00, 15},
}

func (k kind) durable() bool { return k == writeFUA || k == writeAtomicFUA }
func (k kind) atomic() bool  { return k == writeAtomic || k == writeAtomicFUA }
func (k kind) zeroes() bool  { return k == zero || k == unmap }

// operation is a step of a writer, on blocks of its area.
type operation struct {
	kind          kind
	first, blocks int
}

func (o operation) cdb(area int) string {
	k := kinds[o.kind]
	return fmt.Sprintf("%02x %02x %016x %08x 00 00", k.opcode, k.flags, area+o.first, o.blocks)
}

// writes says whether it leaves its mark on a block.
func (o operation) writes(block int) bool {
	return o.kind != synchronize && block >= o.first && block < o.first+o.blocks
}

// mark is what it leaves as the step of a writer.
func (o operation) mark(s stamp) stamp {
	if o.kind.zeroes() {
		return stamp{}
	}
	return s
}

const (
	areaBlocks = 2048 // of a writer
	mostBlocks = 64   // of a write
)

// plan are the steps that a writer takes after a boot, one after the other. They are the same whenever they are asked for,
// so that the host knows what was sent from the number of steps.
func plan(boot, writer int) func() operation {
	r := rand.New(rand.NewPCG(uint64(boot), uint64(writer)))
	return func() operation {
		k := write
		for n := r.IntN(100); n >= kinds[k].often; k++ {
			n -= kinds[k].often
		}
		if k == synchronize {
			return operation{synchronize, 0, areaBlocks}
		}
		n := 1 + r.IntN(mostBlocks)
		return operation{k, r.IntN(areaBlocks - n + 1), n}
	}
}

// steps are the first n of a plan.
func steps(boot, writer, n int) []operation {
	next, ops := plan(boot, writer), make([]operation, n)
	for i := range ops {
		ops[i] = next()
	}
	return ops
}
