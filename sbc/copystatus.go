package sbc

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcmud/tcmud/scsi"
)

// Operation codes of which each third-party copy command is a service action, and two of those.
const (
	thirdPartyCopyOut = 0x83
	thirdPartyCopyIn  = 0x84

	actionPopulate   = 0x10
	actionWriteToken = 0x11
)

// Fields of the RECEIVE COPY commands and of COPY OPERATION ABORT.
var (
	listID1   = scsi.Bytes("LIST IDENTIFIER", 2, 1)
	listID4   = scsi.Bytes("LIST IDENTIFIER", 2, 4)
	allocCopy = scsi.Bytes("ALLOCATION LENGTH", 10, 4)
)

// asked is the operation that a command asks after, by the list identifier in its CDB.
func (d *Disk) asked(c *scsi.Command, id scsi.Field) (*operation, scsi.Result) {
	o := d.copying.operations.find(c.Nexus, uint32(c.Uint(id)))
	if o == nil {
		return nil, scsi.InvalidFieldInCDB.At(id)
	}
	return o, scsi.Result{}
}

// TRANSFER COUNT UNITS (SPC-4 table 255).
const (
	countBytes  = 0x00
	countMiB    = 0x02
	countBlocks = 0xf1
)

// copyStatus1 is RECEIVE COPY STATUS (LID1) (SPC-4 6.24). What has been aborted has errors, in this format.
func (d *Disk) copyStatus1(c *scsi.Command) scsi.Result {
	o, r := d.asked(c, listID1)
	if !r.OK() {
		return r
	}
	now := o.tell()
	p := [12]byte{3: 8, 4: now.status()}
	if now.status() == statusAborted {
		p[4] = statusErrors
	}
	binary.BigEndian.PutUint16(p[5:], now.segments)
	if now.bytes > 0xffffffff {
		p[7], now.bytes = countMiB, now.bytes>>20
	}
	binary.BigEndian.PutUint32(p[8:], uint32(now.bytes))
	c.Reply(p[:])
	return scsi.Result{}
}

// COPY OPERATION STATUS (SPC-4 table 246); 0 in the format of LID1 stands for all that run.
const (
	statusRunning    = 0x00
	statusGood       = 0x01
	statusErrors     = 0x02
	statusForeground = 0x11
	statusBackground = 0x12
	statusAborted    = 0x60
)

func (s outcome) status() byte {
	switch {
	case s.running:
		return statusRunning
	case s.result.OK():
		return statusGood
	case s.aborted:
		return statusAborted
	}
	return statusErrors
}

// failureDetails is RECEIVE COPY FAILURE DETAILS (LID1) (SPC-4 6.23): the sense data, if there is any.
func (d *Disk) failureDetails(c *scsi.Command) scsi.Result {
	o, r := d.asked(c, listID1)
	if !r.OK() {
		return r
	}
	now := o.tell()
	if now.result.OK() {
		c.Reply(make([]byte, 4)) // AVAILABLE DATA 0
		return scsi.Result{}
	}
	sense := d.senseOf(now.result)
	p := make([]byte, 60, 60+len(sense))
	p[56] = byte(now.result.Status) // EXTENDED COPY COMMAND STATUS
	binary.BigEndian.PutUint16(p[58:], uint16(len(sense)))
	c.Reply(withLength(append(p, sense...)))
	return scsi.Result{}
}

// withLength is p with AVAILABLE DATA in its first four bytes.
func withLength(p []byte) []byte {
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

// senseOf is the sense data of a result, in the format that D_SENSE asks for; none of GOOD.
func (d *Disk) senseOf(r scsi.Result) []byte {
	if r.OK() {
		return nil
	}
	if d.Is(scsi.DescriptorFormat) {
		r = r.InDescriptorFormat()
	}
	var p [scsi.SenseSize]byte
	return p[:r.Sense(p[:])]
}

// copyStatus4 is RECEIVE COPY STATUS (LID4) (SPC-4 6.25).
func (d *Disk) copyStatus4(c *scsi.Command) scsi.Result {
	o, r := d.asked(c, listID4)
	if !r.OK() {
		return r
	}
	c.Reply(withLength(d.status4(o, o.tell())))
	return scsi.Result{}
}

// pollMilliseconds is after what time there may be something new to be told of an operation that runs.
const pollMilliseconds = 100

// status4 is the parameter data that RECEIVE COPY STATUS (LID4) and RECEIVE ROD TOKEN INFORMATION begin with.
func (d *Disk) status4(o *operation, now outcome) []byte {
	be := binary.BigEndian
	sense := d.senseOf(now.result)
	p := make([]byte, 32, 32+len(sense)+6+tokenLength)
	p[4], p[5] = o.action, now.status() // RESPONSE TO SERVICE ACTION, COPY OPERATION STATUS
	be.PutUint32(p[8:], 0xffffffff)     // ESTIMATED STATUS UPDATE DELAY: none is expected
	if now.running {
		p[5] = statusForeground
		if o.immed {
			p[5] = statusBackground
		}
		be.PutUint32(p[8:], pollMilliseconds)
	}
	be.PutUint16(p[6:], now.steps)
	p[12] = byte(now.result.Status)                   // EXTENDED COPY COMPLETION STATUS
	p[13], p[14] = byte(len(sense)), byte(len(sense)) // LENGTH OF THE SENSE DATA FIELD, SENSE DATA LENGTH
	p[15] = countBytes
	count := uint64(now.bytes)
	if o.action == actionPopulate || o.action == actionWriteToken {
		p[15], count = countBlocks, count/uint64(d.block)
	}
	be.PutUint64(p[16:], count)
	be.PutUint16(p[24:], now.segments)
	return append(p, sense...)
}

// tokenInformation is RECEIVE ROD TOKEN INFORMATION (SPC-4 6.27): the status, and the token if there is one.
func (d *Disk) tokenInformation(c *scsi.Command) scsi.Result {
	o, r := d.asked(c, listID4)
	if !r.OK() {
		return r
	}
	now := o.tell()
	p := d.status4(o, now)
	if now.token == nil {
		c.Reply(withLength(append(p, 0, 0, 0, 0)))
		return scsi.Result{}
	}
	p = binary.BigEndian.AppendUint32(p, 2+tokenLength) // ROD TOKEN DESCRIPTORS LENGTH
	p = append(p, 0, 0)                                 // ID FOR CREATING ROD CSCD DESCRIPTOR
	c.Reply(withLength(append(p, now.token.bytes[:]...)))
	return scsi.Result{}
}

// allTokens is REPORT ALL ROD TOKENS (SPC-4 6.31): what may be known of each without being able to use it.
func (d *Disk) allTokens(c *scsi.Command) scsi.Result {
	p := make([]byte, 8)
	for _, t := range d.copying.manager.tokens.of(d) {
		p = append(p, t.bytes[:managementLength]...)
	}
	c.Reply(withLength(p))
	return scsi.Result{}
}

// operatingParameters is RECEIVE COPY OPERATING PARAMETERS (SPC-4 6.22).
func (d *Disk) operatingParameters(c *scsi.Command) scsi.Result {
	be := binary.BigEndian
	p := make([]byte, 44)
	p[4] = 0x01 // SNLID
	be.PutUint16(p[8:], maxTargets)
	be.PutUint16(p[10:], maxSegments)
	be.PutUint32(p[12:], maxDescriptors)
	be.PutUint32(p[16:], maxSegmentLength)
	be.PutUint16(p[34:], maxCopies) // TOTAL CONCURRENT COPIES
	p[36] = maxCopies               // MAXIMUM CONCURRENT COPIES
	p[37] = d.exponent()            // DATA SEGMENT GRANULARITY
	p[43] = byte(len(descriptorTypes))
	c.Reply(withLength(append(p, descriptorTypes...)))
	return scsi.Result{}
}

// descriptorTypes are those that EXTENDED COPY knows, in ascending order.
var descriptorTypes = []byte{blockToBlock, blockToBlockOffset, cscdIdentification}

// exponent is the block length as a power of two.
func (d *Disk) exponent() byte { return byte(bits.Len64(uint64(d.block)) - 1) }

// abortCopy is COPY OPERATION ABORT (SPC-4 6.3): the operation ends before its next piece.
func (d *Disk) abortCopy(c *scsi.Command) scsi.Result {
	o, r := d.asked(c, listID4)
	if !r.OK() {
		return r
	}
	o.stop.Store(true)
	return scsi.Result{}
}
