package sbc

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// vpdCopying is VPD page 8Fh, Third-party Copy (SPC-4 7.8.17): descriptors of what this copy manager can do. Windows wants
// the first to be first.
func (d *Disk) vpdCopying(p []byte, _ *scsi.Nexus) []byte {
	for _, descriptor := range []struct {
		code  uint16
		build func() []byte
	}{
		{0x0000, d.tokenLimits}, {0x0001, d.copyCommands}, {0x0004, copyParameters}, {0x0008, copyDescriptors},
		{0x000c, copyIDs}, {0x0106, d.tokenFeatures}, {0x0108, tokenTypes}, {0x8001, d.copyOperations},
	} {
		content := descriptor.build()
		for len(content)%4 != 0 {
			content = append(content, 0)
		}
		p = binary.BigEndian.AppendUint16(p, descriptor.code)
		p = binary.BigEndian.AppendUint16(p, uint16(len(content)))
		p = append(p, content...)
	}
	return p
}

// Each of the functions below is a descriptor from its byte 4 on; offsets are those of the standard's tables, less 4.

// tokenLimits is Block Device ROD Token Limits (SBC-3 6.6.6).
func (d *Disk) tokenLimits() []byte {
	p := make([]byte, 32)
	be := binary.BigEndian
	be.PutUint16(p[6:], maxRanges)                             // MAXIMUM RANGE DESCRIPTORS
	be.PutUint32(p[8:], uint32(maxInactive/time.Second))       // MAXIMUM INACTIVITY TIMEOUT
	be.PutUint32(p[12:], uint32(defaultInactive/time.Second))  // DEFAULT INACTIVITY TIMEOUT
	be.PutUint64(p[16:], uint64(maxTokenBytes/d.block))        // MAXIMUM TOKEN TRANSFER SIZE
	be.PutUint64(p[24:], uint64(optimalTokenTransfer/d.block)) // OPTIMAL TRANSFER COUNT
	return p
}

// optimalTokenTransfer is how many bytes an initiator does best to write by one command: more may take so long that it is
// impatient.
const optimalTokenTransfer = 64 << 20

// copyCommands is Supported Commands: the service actions of THIRD-PARTY COPY OUT and IN that there are rows of.
func (d *Disk) copyCommands() []byte {
	p := []byte{0} // COMMANDS SUPPORTED LIST LENGTH
	for _, code := range []scsi.Opcode{thirdPartyCopyOut, thirdPartyCopyIn} {
		rows := d.Rows(code)
		p = append(p, byte(code), byte(len(rows)))
		for _, row := range rows {
			action, _ := row.SA.Value()
			p = append(p, byte(action))
		}
	}
	p[0] = byte(len(p) - 1)
	return p
}

// copyParameters is Parameter Data.
func copyParameters() []byte {
	p := make([]byte, 28)
	be := binary.BigEndian
	be.PutUint16(p[4:], maxTargets)     // MAXIMUM CSCD DESCRIPTOR COUNT
	be.PutUint16(p[6:], maxSegments)    // MAXIMUM SEGMENT DESCRIPTOR COUNT
	be.PutUint32(p[8:], maxDescriptors) // MAXIMUM DESCRIPTOR LIST LENGTH
	return p
}

// copyDescriptors is Supported Descriptors.
func copyDescriptors() []byte {
	return append([]byte{byte(len(descriptorTypes))}, descriptorTypes...)
}

// copyIDs is Supported CSCD Descriptor IDs, beyond those of the list.
func copyIDs() []byte {
	return binary.BigEndian.AppendUint16([]byte{0, 2}, ownCSCD)
}

// tokenFeatures is ROD Token Features, with those of block devices.
func (d *Disk) tokenFeatures() []byte {
	p := make([]byte, 44, 44+48)
	be := binary.BigEndian
	be.PutUint32(p[16-4:], 0)                               // MINIMUM TOKEN LIFETIME: a write may end it
	be.PutUint32(p[20-4:], math.MaxUint32)                  // MAXIMUM TOKEN LIFETIME: none
	be.PutUint32(p[24-4:], uint32(maxInactive/time.Second)) // MAXIMUM TOKEN INACTIVITY TIMEOUT
	be.PutUint16(p[46-4:], 48)                              // ROD DEVICE TYPE SPECIFIC FEATURES LENGTH
	block := make([]byte, 48)                               // of a block device
	be.PutUint16(block[2:], uint16(len(block)-4))           // DESCRIPTOR LENGTH
	be.PutUint64(block[8:], maxTokenBytes)                  // MAXIMUM BYTES IN BLOCK ROD
	be.PutUint64(block[16:], optimalTokenTransfer)          // OPTIMAL BYTES IN BLOCK ROD TRANSFER
	be.PutUint64(block[24:], maxTokenBytes)                 // OPTIMAL BYTES TO TOKEN PER SEGMENT
	be.PutUint64(block[32:], optimalTokenTransfer)          // OPTIMAL BYTES FROM TOKEN PER SEGMENT
	return append(p, block...)
}

// tokenTypes is Supported ROD Token and ROD Types: what POPULATE TOKEN makes, and what WRITE USING TOKEN takes besides.
func tokenTypes() []byte {
	const in, out = 0x02, 0x01 // TOKEN_IN, TOKEN_OUT
	p := make([]byte, 4, 4+2*64)
	for _, t := range []struct {
		rod uint32
		use byte
	}{{rodChangeVulnerable, in | out}, {rodZero, in}} {
		var descriptor [64]byte
		binary.BigEndian.PutUint32(descriptor[0:], t.rod)
		descriptor[4] = t.use
		p = append(p, descriptor[:]...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-4)) // ROD TYPE DESCRIPTORS LENGTH
	return p
}

// copyOperations is General Copy Operations.
func (d *Disk) copyOperations() []byte {
	p := make([]byte, 32)
	be := binary.BigEndian
	be.PutUint32(p[0:], maxCopies)        // TOTAL CONCURRENT COPIES
	be.PutUint32(p[4:], maxCopies)        // MAXIMUM IDENTIFIED CONCURRENT COPIES
	be.PutUint32(p[8:], maxSegmentLength) // MAXIMUM SEGMENT LENGTH
	p[12] = d.exponent()                  // DATA SEGMENT GRANULARITY
	return p
}
