package scsi

import "time"

// MaxCDB is the length of the longest CDB there is (SPC-4 clause 4.2.4: 8 bytes and an additional length of one byte).
const MaxCDB = 8 + 255

// groupLength is the length of a CDB by the group code in the top three bits of its operation code. Group 3 and the
// vendor's groups 6 and 7 have no length in SPC-4; what stands here is what Linux sends.
var groupLength = [8]int{6, 10, 10, 12, 16, 12, 10, 10}

// CDBLength is the length of the CDB that begins with head (8 bytes or more for the variable length format, operation
// code 7Fh, and one or more for any other); 0 when head is too short to tell.
func CDBLength(head []byte) int {
	switch {
	case len(head) == 0:
		return 0
	case Opcode(head[0]) != VariableLength:
		return groupLength[head[0]>>5]
	case len(head) < 8:
		return 0
	}
	return 8 + int(head[7])
}

// A Command is one command on its way through a logical unit. A transport fills in the exported fields and hands it to
// a Handler; it may use the same Command again for the next one, which saves every allocation.
type Command struct {
	// CDB is the command descriptor block: private memory, so that nobody changes it under the handler.
	CDB []byte
	// Data is the initiator's buffer, Data-Out or Data-In as the CDB implies. Its length is what the initiator
	// offered, which may differ from what the CDB says. The memory may be shared with the initiator: what is read
	// from it to be decided upon is copied first.
	Data Buffer
	// Nexus is who asks. A nil Nexus has no unit attentions, and is Unit.Stranger to reservations.
	Nexus *Nexus
	// Aborted is closed when the command has been aborted, so that a handler that waits for something may return at once,
	// with the result Aborted, provided that nothing it has begun can still change what others see. Nil: it never is.
	Aborted <-chan struct{}
	// AtOnce says that others wait behind this command. A handler that would have to wait returns Later instead, and has
	// done nothing; then the transport has it run elsewhere, with AtOnce unset.
	AtOnce bool
	// Engine does I/O for a command with AtOnce, beside the thread that runs it. Nil: there is none.
	Engine Engine

	resumed, whole bool // see Resume
	pending        time.Duration

	op     *Op
	lba    uint64 // of Op.Extent, as blocks
	blocks uint64
	size   int64 // of Data
	room   int64 // bytes of Data-In that may be placed: the allocation length, or less where Data ends before
	moved  int64 // bytes of Data-In placed
	out    bool  // Transferred said so
	view   Buffer
	spill  []byte
	sense  [MaxSense]byte
}

// Engine does a handler's I/O while the transport's thread carries out other commands.
type Engine interface {
	// Read begins to read iov from off on of the file that the descriptor fd is open for, and Write begins to write it. Where
	// they say so the handler returns Pending, and the transport calls it again with the same Command when that has ended:
	// see Resumed. Else nothing has been done.
	Read(fd int, iov [][]byte, off int64) bool
	Write(fd int, iov [][]byte, off int64) bool
}

// Handler answers commands: a Unit, or anything of one's own.
type Handler interface {
	// Do carries out c and returns how it ended, or with AtOnce that it has not (Result.Ended). It is called from several
	// goroutines at once, and neither keeps c nor its memory.
	Do(c *Command) Result
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(c *Command) Result

// Do calls f(c).
func (f HandlerFunc) Do(c *Command) Result { return f(c) }

// Begin readies c for a Handler: transports call it once they have filled in CDB, Data and Nexus.
func (c *Command) Begin() {
	c.op, c.lba, c.blocks, c.moved, c.out, c.resumed, c.whole, c.pending = nil, 0, 0, 0, false, false, false, 0
	c.size = c.Data.Len()
	c.room = c.size
}

// Resume is for transports: before Do is called again after Pending. It says whether the I/O was done, all of it, and how long
// it took.
func (c *Command) Resume(whole bool, pending time.Duration) {
	c.resumed, c.whole, c.pending = true, whole, pending
}

// Resumed is for a handler that has returned Pending: whether it is called again, and whether the I/O has been done. If not
// it does it itself, all of it; with AtOnce it returns Later, so that it is called once more where it may wait. What it
// held when it returned Pending it still holds.
func (c *Command) Resumed() (whole, resumed bool) { return c.whole, c.resumed }

// Pending is how long the Engine took.
func (c *Command) Pending() time.Duration { return c.pending }

// WasAborted says whether the command has been aborted: handlers that take long ask between the pieces of what they do.
func (c *Command) WasAborted() bool {
	select {
	case <-c.Aborted:
		return true
	default:
		return false
	}
}

// Uint is the value of a field of the CDB.
func (c *Command) Uint(f Field) uint64 { return f.Uint(c.CDB) }

// Is says whether a one-bit field of the CDB is set.
func (c *Command) Is(f Field) bool { return f.Uint(c.CDB) != 0 }

// Op is the row of c, once a Unit has looked it up; else nil.
func (c *Command) Op() *Op { return c.op }

// Extent is the logical blocks that the CDB names, once a Unit has looked the row up; none for a command whose row has no
// Extent.
func (c *Command) Extent() (lba, blocks uint64) { return c.lba, c.blocks }

// Reply appends p to the Data-In, cut to the allocation length and to the initiator's buffer: handlers write all they
// have and never see either (SPC-4 clause 4.2.5.6).
func (c *Command) Reply(p []byte) {
	if left := c.room - c.moved; int64(len(p)) > left {
		p = p[:left]
	}
	c.moved += int64(c.Data.Write(p, c.moved))
}

// In is a buffer of n bytes, a multiple of block, to be filled with Data-In. If the initiator offered less, the rest of
// its last block falls into memory of c's own: a store sees whole blocks, and the initiator the bytes it has room for.
func (c *Command) In(n, block int64) Buffer {
	c.moved = min(n, c.size)
	switch {
	case n == c.size:
		return c.Data
	case n < c.size:
		return c.Part(0, n)
	case c.size%block == 0:
		return c.Data
	}
	short := block - c.size%block
	if int64(len(c.spill)) < short {
		c.spill = make([]byte, block)
	}
	c.view = append(append(c.view[:0], c.Data...), c.spill[:short])
	return c.view
}

// Out is the Data-Out, which must be exactly n bytes: with less there is nothing to write, and what more there is
// nobody can say where it belongs. Otherwise the result is INVALID FIELD IN CDB, pointing at the length.
func (c *Command) Out(n int64) (Buffer, Result) {
	if c.size != n {
		r := InvalidFieldInCDB
		if c.op != nil && c.op.Xfer.Len.Width > 0 {
			r = r.At(c.op.Xfer.Len)
		}
		return nil, r
	}
	return c.Data, Result{}
}

// Part is n bytes of Data from off on, which holds them. It is good until the next Part or In.
func (c *Command) Part(off, n int64) Buffer {
	c.view = c.Data.appendSlice(c.view[:0], off, n)
	return c.view
}

// Param copies parameter data from off on to p and says whether there was enough of it.
func (c *Command) Param(p []byte, off int64) bool { return c.Data.Read(p, off) == len(p) }

// Transferred is for a handler that has no rows, but hands Data to somebody who fills it or reads it: which of the two,
// and how many bytes of Data-In have been placed.
func (c *Command) Transferred(d Direction, n int64) { c.out, c.moved = d == DataOut, n }

// RawSense is CHECK CONDITION with sense data as a device gave it, of either format and of MaxSense bytes at most. It is
// kept in c, and so the Result is good until the next Begin.
func (c *Command) RawSense(p []byte) Result {
	clear(c.sense[copy(c.sense[:], p):])
	r := Result{Status: CheckCondition, detail: detail{raw: &c.sense}}
	r.Key, r.Code = parseSense(&c.sense)
	return r
}

// Short is r, of CHECK CONDITION, with no more than the first n bytes of the buffer that In has given: the others could not be
// filled.
func (c *Command) Short(r Result, n int64) Result {
	if c.moved = min(c.moved, n); c.moved > 0 {
		r.detail.facts |= delivers
	}
	return r
}

// Moved is what a transport tells the initiator when c has ended in GOOD, or in a Result that Delivers: the number of bytes
// of Data-In, and whether c may have had any at all. Bytes of Data past them hold whatever was there before and must not
// reach the initiator.
func (c *Command) Moved() (n int64, in bool) {
	return c.moved, !c.out && (c.op == nil || c.op.Xfer.Dir != DataOut)
}

// Name is the name of the command, for people, once a Unit has looked it up.
func (c *Command) Name() string {
	switch {
	case c.op != nil:
		return c.op.Name
	case len(c.CDB) > 0:
		return Opcode(c.CDB[0]).String()
	}
	return "empty CDB"
}
