package spc

import (
	"slices"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// What READ BUFFER and WRITE BUFFER reach: memory of the unit that nothing else uses, by which an initiator tries the way
// to it. There is no microcode to load, and no error history.
const (
	bufferSize = 64 << 10 // bytes of the data buffer, BUFFER ID 0
	echoSize   = 4096     // bytes of an echo buffer, which is as much as its descriptor can say
	maxEchoes  = 16       // I_T nexuses whose echo buffers are kept at a time
)

// buffers is that memory, made when it is first written.
type buffers struct {
	mu     sync.Mutex
	data   []byte // guarded by mu; nil while nothing has been written, which reads as zeros
	echoes []echo // guarded by mu; written last comes last
}

// echo is the echo buffer of an I_T nexus.
type echo struct {
	by   *scsi.Nexus
	data []byte
}

// The mode of READ BUFFER and WRITE BUFFER is a service action to REPORT SUPPORTED OPERATION CODES (SPC-4 6.35), and so
// it is here: a row for each.
var (
	bufferID     = scsi.Bytes("BUFFER ID", 2, 1)
	bufferOffset = scsi.Bytes("BUFFER OFFSET", 3, 3)
	alloc24      = scsi.Bytes("ALLOCATION LENGTH", 6, 3)
	list24       = scsi.Bytes("PARAMETER LIST LENGTH", 6, 3)

	bufferID16     = scsi.Bytes("BUFFER ID", 14, 1)
	bufferOffset16 = scsi.Bytes("BUFFER OFFSET", 2, 8)
	allocBuffer16  = scsi.Bytes("ALLOCATION LENGTH", 10, 4)
)

// bufferFields are those of one of the CDBs.
type bufferFields struct{ id, offset, length scsi.Field }

var (
	read10 = bufferFields{bufferID, bufferOffset, alloc24}
	read16 = bufferFields{bufferID16, bufferOffset16, allocBuffer16}
)

const nowhere = "this buffer is one, and has no offsets"

// unplaced are the fields of a mode that is not about a place in a buffer.
func (f bufferFields) unplaced() []scsi.Field {
	return []scsi.Field{f.id.Hint(nowhere), f.offset.Hint(nowhere), f.length}
}

// readBufferOps are the modes of READ BUFFER in one of its two forms.
func (d *Device) readBufferOps(code scsi.Opcode, length int, name, spec string, f bufferFields) []scsi.Op {
	row := func(mode uint16, what string, fields []scsi.Field, flags scsi.Flags, do func(*scsi.Command) scsi.Result) scsi.Op {
		return scsi.Op{Code: code, SA: scsi.SA(mode), Name: name + ", " + what, Spec: spec, Len: length,
			Fields: fields, Xfer: scsi.AllocationIn(f.length), Access: scsi.Reads, Flags: flags, Do: do}
	}
	return []scsi.Op{
		row(0x02, "data", []scsi.Field{f.id, f.offset, f.length}, 0,
			func(c *scsi.Command) scsi.Result { return d.readBuffer(c, f) }),
		row(0x03, "descriptor", []scsi.Field{f.id, f.offset.Hint(nowhere), f.length}, 0,
			func(c *scsi.Command) scsi.Result { return describeBuffer(c, f) }),
		row(0x0a, "echo buffer", f.unplaced(), anyState, d.readEcho),
		row(0x0b, "echo buffer descriptor", f.unplaced(), anyState, describeEcho),
	}
}

// writeBufferOps are the modes of WRITE BUFFER.
func (d *Device) writeBufferOps() []scsi.Op {
	return []scsi.Op{
		{Code: 0x3b, SA: scsi.SA(0x02), Name: "WRITE BUFFER, data", Spec: "SPC-4 6.49", Len: 10,
			Fields: []scsi.Field{bufferID, bufferOffset, list24}, Xfer: scsi.ParametersOut(list24),
			Access: scsi.Writes, Do: d.writeBuffer},
		{Code: 0x3b, SA: scsi.SA(0x0a), Name: "WRITE BUFFER, echo buffer", Spec: "SPC-4 6.49", Len: 10,
			Fields: []scsi.Field{bufferID.Hint(nowhere), bufferOffset.Hint(nowhere), list24}, Xfer: scsi.ParametersOut(list24),
			Access: scsi.Writes, Flags: anyState, Do: d.writeEcho},
	}
}

// place finds where in the data buffer a CDB points: any byte of it, as the offset boundary of its descriptor says.
func place(c *scsi.Command, id, offset scsi.Field) (uint64, scsi.Result) {
	at := c.Uint(offset)
	switch {
	case c.Uint(id) != 0:
		return 0, scsi.InvalidFieldInCDB.At(id)
	case at > bufferSize:
		return 0, scsi.InvalidFieldInCDB.At(offset)
	}
	return at, scsi.Result{}
}

func (d *Device) readBuffer(c *scsi.Command, f bufferFields) scsi.Result {
	at, r := place(c, f.id, f.offset)
	if !r.OK() {
		return r
	}
	d.buffers.mu.Lock()
	defer d.buffers.mu.Unlock()
	if d.buffers.data == nil {
		c.Reply(make([]byte, bufferSize-at))
	} else {
		c.Reply(d.buffers.data[at:])
	}
	return scsi.Result{}
}

// writeBuffer keeps what was written for readBuffer, of whatever nexus: the data buffer is one for all.
func (d *Device) writeBuffer(c *scsi.Command) scsi.Result {
	at, r := place(c, bufferID, bufferOffset)
	if !r.OK() {
		return r
	}
	n := c.Uint(list24)
	if n > bufferSize-at {
		return scsi.InvalidFieldInCDB.At(list24)
	}
	d.buffers.mu.Lock()
	defer d.buffers.mu.Unlock()
	if d.buffers.data == nil {
		d.buffers.data = make([]byte, bufferSize)
	}
	c.Param(d.buffers.data[at:at+n], 0)
	return scsi.Result{}
}

// describeBuffer is mode 03h (SPC-4 6.18.5): zeros for a buffer that does not exist.
func describeBuffer(c *scsi.Command, f bufferFields) scsi.Result {
	var p [4]byte
	if c.Uint(f.id) == 0 {
		p[1], p[2], p[3] = bufferSize>>16, bufferSize>>8&0xff, bufferSize&0xff // BUFFER CAPACITY
	}
	c.Reply(p[:])
	return scsi.Result{}
}

// readEcho returns what the same I_T nexus has written last, as often as it likes.
func (d *Device) readEcho(c *scsi.Command) scsi.Result {
	d.buffers.mu.Lock()
	defer d.buffers.mu.Unlock()
	for _, e := range d.buffers.echoes {
		if e.by == c.Nexus {
			c.Reply(e.data)
			return scsi.Result{}
		}
	}
	return scsi.CommandSequenceError
}

// writeEcho keeps data for readEcho. Each nexus has a buffer of its own; of more nexuses than maxEchoes, those that have
// written last.
func (d *Device) writeEcho(c *scsi.Command) scsi.Result {
	n := c.Uint(list24)
	if n > echoSize {
		return scsi.InvalidFieldInCDB.At(list24)
	}
	e := echo{c.Nexus, make([]byte, n)}
	c.Param(e.data, 0)
	d.buffers.mu.Lock()
	defer d.buffers.mu.Unlock()
	all := slices.DeleteFunc(d.buffers.echoes, func(have echo) bool { return have.by == c.Nexus })
	if len(all) == maxEchoes {
		all = slices.Delete(all, 0, 1)
	}
	d.buffers.echoes = append(all, e)
	return scsi.Result{}
}

// describeEcho is mode 0Bh (SPC-4 6.18.7). EBOS: no nexus reads what another has written.
func describeEcho(c *scsi.Command) scsi.Result {
	c.Reply([]byte{0x01, 0, echoSize >> 8, echoSize & 0xff})
	return scsi.Result{}
}
