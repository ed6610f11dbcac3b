package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// vpd are the VPD pages of a direct access block device. The offsets are those of the standard's tables, of which the
// first four bytes are the header.
func (d *Disk) vpd() []spc.VPD {
	return []spc.VPD{
		{Code: 0x8a, Name: "Power Condition", Spec: "SPC-4 7.8", Build: vpdPower},
		{Code: 0x8f, Name: "Third-party Copy", Spec: "SPC-4 7.8.17", Build: d.vpdCopying},
		{Code: 0xb0, Name: "Block Limits", Spec: "SBC-4 6.6.4", Build: d.vpdLimits},
		{Code: 0xb1, Name: "Block Device Characteristics", Spec: "SBC-4 6.6.2", Build: d.vpdCharacteristics},
		{Code: 0xb2, Name: "Logical Block Provisioning", Spec: "SBC-4 6.6.7", Build: d.vpdProvisioning},
		{Code: 0xb7, Name: "Block Limits Extension", Spec: "SBC-4 6.6.5", Build: d.vpdLimitsExtension},
	}
}

// granularity is the number of blocks, a power of two, that the store frees at a time, and no less than a physical block.
func (d *Disk) granularity() uint32 {
	return uint32(max(d.traits.Granularity/d.block, 1<<d.physical))
}

func (d *Disk) vpdLimits(p []byte, _ *scsi.Nexus) []byte {
	var page [64]byte
	be := binary.BigEndian
	a := d.attributes.Load()
	page[5] = d.maxCompare()                                     // MAXIMUM COMPARE AND WRITE LENGTH
	be.PutUint16(page[6:], uint16(min(d.granularity(), 0x8000))) // OPTIMAL TRANSFER LENGTH GRANULARITY
	be.PutUint32(page[8:], uint32(d.maxBlocks))                  // MAXIMUM TRANSFER LENGTH
	be.PutUint32(page[12:], a.OptimalTransfer)                   // OPTIMAL TRANSFER LENGTH
	be.PutUint64(page[36:], uint64(a.MaxWriteSame))              // MAXIMUM WRITE SAME LENGTH
	be.PutUint32(page[44:], uint32(d.maxAtomic()))               // MAXIMUM ATOMIC TRANSFER LENGTH; of any alignment
	if d.thin {
		be.PutUint32(page[20:], a.MaxUnmap)          // MAXIMUM UNMAP LBA COUNT
		be.PutUint32(page[24:], maxUnmapDescriptors) // MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT
		be.PutUint32(page[28:], d.granularity())     // OPTIMAL UNMAP GRANULARITY
		be.PutUint32(page[32:], 0x80000000)          // UGAVALID, alignment 0
	}
	return append(p, page[4:]...)
}

func (d *Disk) vpdCharacteristics(p []byte, _ *scsi.Nexus) []byte {
	page := [64]byte{
		5: 0x01, // MEDIUM ROTATION RATE: does not rotate
		8: 0x03, // FUAB, VBULS: FUA is as in SBC-4, and unmapped blocks are compared as zeros
	}
	if d.thin { // else SANITIZE has neither
		page[7] = 0x50 // WABEREQ, WACEREQ: after either erase blocks can be read
	}
	if d.attributes.Load().Rotational {
		page[5] = 0x00 // not reported
	}
	return append(p, page[4:]...)
}

func (d *Disk) vpdProvisioning(p []byte, _ *scsi.Nexus) []byte {
	var page [8]byte
	if d.thin {
		page[4] = d.thresholds.exponent()
		page[5] = 0xe4 // LBPU, LBPWS, LBPWS10, LBPRZ
		page[6] = 0x02 // PROVISIONING TYPE: thin
	}
	return append(p, page[4:]...)
}

func (d *Disk) vpdLimitsExtension(p []byte, _ *scsi.Nexus) []byte {
	var page [32]byte
	be := binary.BigEndian
	be.PutUint16(page[6:], maxStreams)                           // MAXIMUM NUMBER OF STREAMS
	be.PutUint16(page[8:], uint16(min(d.granularity(), 0x8000))) // OPTIMAL STREAM WRITE SIZE
	be.PutUint32(page[10:], 1)                                   // STREAM GRANULARITY SIZE
	be.PutUint32(page[16:], uint32(d.maxBlocks))                 // MAXIMUM SCATTERED LBA RANGE TRANSFER LENGTH
	be.PutUint16(page[22:], maxScattered)                        // MAXIMUM SCATTERED LBA RANGE DESCRIPTOR COUNT
	be.PutUint32(page[24:], uint32(d.maxBlocks))                 // MAXIMUM SCATTERED TRANSFER LENGTH
	return append(p, page[4:]...)
}
