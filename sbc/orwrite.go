package sbc

import (
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// Fields of ORWRITE (32).
var (
	bmop               = scsi.Bits("BMOP", 2, 2, 3)
	generationPolicy   = scsi.Bits("PREVIOUS GENERATION PROCESSING", 3, 3, 4)
	expectedGeneration = scsi.Bytes("EXPECTED ORWGENERATION", 20, 4)
	newGeneration      = scsi.Bytes("NEW ORWGENERATION", 24, 4)
)

// BMOP values (SBC-4 5.11).
const (
	bitmapSet   = 0 // OR
	bitmapClear = 1 // AND, and a new generation
)

// generation is what initiators that keep a bitmap on the disk synchronize by (SBC-4 4.27.2). Every ORWRITE holds it while
// it works; one that starts a new generation is alone.
type generation struct {
	sync.RWMutex
	current, previous uint32
	policy            uint64 // what becomes of those that expect another than the current one
}

// powerOnPolicy is the policy before the first change of generation: they are refused (SBC-4 4.27.3).
const powerOnPolicy = 0x7

// verdict is what becomes of a set operation.
type verdict uint8

// Verdicts; the zero verdict is that of a policy that is reserved.
const (
	reserved verdict = iota
	perform
	discard // GOOD, and nothing is done
	refuse
)

// policies are the verdicts on a set operation that expects the previous generation, and on one that expects neither
// that nor the current one (SBC-4 table 29).
var policies = [16][2]verdict{
	0x0: {perform, refuse},
	0x2: {discard, refuse},
	0x3: {perform, perform},
	0x5: {discard, discard},
	0x7: {refuse, refuse},
}

// judge is the verdict on a set operation.
func (g *generation) judge(expected uint32) verdict {
	switch expected {
	case g.current:
		return perform
	case g.previous:
		return policies[g.policy][0]
	}
	return policies[g.policy][1]
}

// orwrite16 is ORWRITE (16): a set operation that expects generation 0 (SBC-4 4.27.2.2).
func (d *Disk) orwrite16(c *scsi.Command) scsi.Result { return d.set(c, fua, 0) }

// orwrite32 is ORWRITE (32).
func (d *Disk) orwrite32(c *scsi.Command) scsi.Result {
	switch c.Uint(bmop) {
	case bitmapSet:
		return d.set(c, fua32, uint32(c.Uint(expectedGeneration)))
	case bitmapClear:
		return d.clear(c)
	}
	return scsi.InvalidFieldInCDB.At(bmop)
}

// set puts a one where the Data-Out has one.
func (d *Disk) set(c *scsi.Command, fua scsi.Field, expected uint32) scsi.Result {
	d.generation.RLock()
	defer d.generation.RUnlock()
	verdict := d.generation.judge(expected)
	if verdict == refuse {
		return scsi.ORWriteGenerationDoesNotMatch
	}
	e, data, r := d.receive(c)
	if !r.OK() || verdict == discard {
		return r
	}
	return d.combine(c, e, data, fua, func(medium, data []byte) {
		for i, b := range data {
			medium[i] |= b
		}
	})
}

// clear keeps a one only where the Data-Out has one, and starts a new generation.
func (d *Disk) clear(c *scsi.Command) scsi.Result {
	g := &d.generation
	policy := c.Uint(generationPolicy)
	if policies[policy][0] == reserved {
		return scsi.InvalidFieldInCDB.At(generationPolicy)
	}
	g.Lock()
	defer g.Unlock()
	if uint32(c.Uint(expectedGeneration)) != g.current {
		return scsi.ORWriteGenerationDoesNotMatch
	}
	e, data, r := d.receive(c)
	if r.OK() {
		r = d.combine(c, e, data, fua32, func(medium, data []byte) {
			for i, b := range data {
				medium[i] &= b
			}
		})
	}
	if r.OK() {
		g.policy, g.previous, g.current = policy, g.current, uint32(c.Uint(newGeneration))
	}
	return r
}

// combine replaces each piece of e by what f makes of it and of the piece of data in its place, as one uninterrupted
// sequence (SBC-4 4.27.1).
func (d *Disk) combine(c *scsi.Command, e extent, data scsi.Buffer, fua scsi.Field, f func(medium, data []byte)) scsi.Result {
	if r := d.settle(c, c.Is(fua)); !r.OK() || e.n == 0 {
		return r
	}
	p := pieces.Get().(*piece)
	defer pieces.Put(p)
	d.own(e)
	defer d.disown(e)
	durable := c.Is(fua) || d.durable()
	for done, n := int64(0), d.bytes(e); done < n; done += pieceSize {
		off := d.offset(e) + done
		medium, err := d.read(p, off, min(pieceSize, n-done))
		if err != nil {
			return d.failedOn(c, e, err, scsi.UnrecoveredReadError)
		}
		data.Read(p.data[:len(medium)], done)
		f(medium, p.data[:len(medium)])
		if err := d.write(p, medium, off, durable); err != nil {
			return d.failedOn(c, e, err, scsi.WriteError)
		}
	}
	return scsi.Result{}
}
