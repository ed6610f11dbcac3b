package sbc

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/tcmud/tcmud/scsi"
)

// Fields of the stream commands.
var (
	strCtl       = scsi.Bits("STR_CTL", 1, 6, 2)
	strID        = scsi.Bytes("STR_ID", 4, 2)
	firstStream  = scsi.Bytes("STARTING STREAM IDENTIFIER", 4, 2)
	allocStream  = scsi.Bytes("ALLOCATION LENGTH", 10, 4)
	writeStrID   = scsi.Bytes("STR_ID", 10, 2)
	streamLength = scsi.Bytes("TRANSFER LENGTH", 12, 2)
)

// STR_CTL values (SBC-4 5.32).
const (
	openStream  = 1
	closeStream = 2
)

// maxStreams is MAXIMUM NUMBER OF STREAMS, and the highest stream identifier; the lowest is 1.
const maxStreams = 64

// streams is the set of streams that are open (SBC-4 4.32): bit 0 stands for stream 1. An initiator opens one to tell the
// disk which blocks live and die together. Our stores place all blocks alike, so a stream is known, and changes nothing.
type streams struct{ set atomic.Uint64 }

// open opens a stream and returns its identifier; 0 when all are open.
func (s *streams) open() uint64 {
	for {
		old := s.set.Load()
		i := bits.TrailingZeros64(^old)
		if i == maxStreams {
			return 0
		}
		if s.set.CompareAndSwap(old, old|1<<i) {
			return uint64(i) + 1
		}
	}
}

// has says whether a stream is open.
func (s *streams) has(id uint64) bool { return s.set.Load()&streamBit(id) != 0 }

// close closes a stream and says whether it was open.
func (s *streams) close(id uint64) bool { return s.set.And(^streamBit(id))&streamBit(id) != 0 }

// release closes all streams.
func (s *streams) release() { s.set.Store(0) }

// streamBit is 0 for what no stream is called.
func streamBit(id uint64) uint64 { return 1 << (id - 1) } // 0, and more than maxStreams, are shifted out

// streamControl opens or closes a stream.
func (d *Disk) streamControl(c *scsi.Command) scsi.Result {
	p := [8]byte{0: 7} // PARAMETER LENGTH
	switch c.Uint(strCtl) {
	case openStream:
		id := d.streams.open()
		if id == 0 {
			return scsi.MaximumNumberOfStreamsOpen
		}
		binary.BigEndian.PutUint16(p[4:], uint16(id)) // ASSIGNED_STR_ID
	case closeStream:
		if !d.streams.close(c.Uint(strID)) {
			return scsi.StreamNotOpen
		}
	default:
		return scsi.InvalidFieldInCDB.At(strCtl)
	}
	c.Reply(p[:])
	return scsi.Result{}
}

// streamStatus lists the streams that are open, from one on.
func (d *Disk) streamStatus(c *scsi.Command) scsi.Result {
	first := c.Uint(firstStream)
	if first > maxStreams {
		return scsi.InvalidFieldInCDB.At(firstStream)
	}
	var p [8 + 8*maxStreams]byte
	set, n := d.streams.set.Load(), 8
	for id := max(first, 1); id <= maxStreams; id++ {
		if set&streamBit(id) != 0 {
			binary.BigEndian.PutUint16(p[n+2:], uint16(id)) // STREAM IDENTIFIER
			n += 8
		}
	}
	binary.BigEndian.PutUint32(p[0:], uint32(n-8))                   // PARAMETER DATA LENGTH: of the list alone
	binary.BigEndian.PutUint16(p[6:], uint16(bits.OnesCount64(set))) // NUMBER OF OPEN STREAMS
	c.Reply(p[:n])
	return scsi.Result{}
}

// writeStream is WRITE (16) to a stream.
func (d *Disk) writeStream(c *scsi.Command) scsi.Result {
	if !d.streams.has(c.Uint(writeStrID)) {
		return scsi.StreamNotOpen
	}
	return d.writer(fua)(c)
}
