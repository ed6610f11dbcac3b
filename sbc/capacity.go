package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

func (d *Disk) readCapacity10(c *scsi.Command) scsi.Result {
	var p [8]byte
	// SBC-3 5.15.2: a last block that does not fit makes the initiator ask by READ CAPACITY (16).
	binary.BigEndian.PutUint32(p[0:], uint32(min(d.Blocks()-1, 0xffffffff)))
	binary.BigEndian.PutUint32(p[4:], uint32(d.block))
	c.Reply(p[:])
	return scsi.Result{}
}

var allocCapacity = scsi.Bytes("ALLOCATION LENGTH", 10, 4)

func (d *Disk) readCapacity16(c *scsi.Command) scsi.Result {
	var p [32]byte
	binary.BigEndian.PutUint64(p[0:], d.Blocks()-1)
	binary.BigEndian.PutUint32(p[8:], uint32(d.block))
	if d.thin {
		p[14] = 0xc0 // LBPME, LBPRZ
	}
	c.Reply(p[:])
	return scsi.Result{}
}

// vpd are the VPD pages of a direct access block device. Each is a page of 64 bytes, or 8, of which the first four are
// the header; the offsets are those of the standard's tables.
func (d *Disk) vpd() []spc.VPD {
	return []spc.VPD{
		{Code: 0xb0, Name: "Block Limits", Spec: "SBC-3 6.6", Build: d.vpdLimits},
		{Code: 0xb1, Name: "Block Device Characteristics", Spec: "SBC-3 6.6", Build: d.vpdCharacteristics},
		{Code: 0xb2, Name: "Logical Block Provisioning", Spec: "SBC-3 6.6", Build: d.vpdProvisioning},
	}
}

func (d *Disk) vpdLimits(p []byte, _ spc.Identity) []byte {
	var page [64]byte
	be := binary.BigEndian
	a := d.attributes.Load()
	granularity := max(d.traits.Granularity/d.block, 1)
	be.PutUint16(page[6:], uint16(min(granularity, 0xffff))) // OPTIMAL TRANSFER LENGTH GRANULARITY
	be.PutUint32(page[8:], uint32(d.maxBlocks))              // MAXIMUM TRANSFER LENGTH
	be.PutUint32(page[12:], a.OptimalTransfer)               // OPTIMAL TRANSFER LENGTH
	be.PutUint64(page[36:], uint64(a.MaxWriteSame))          // MAXIMUM WRITE SAME LENGTH
	if d.thin {
		be.PutUint32(page[20:], a.MaxUnmap)          // MAXIMUM UNMAP LBA COUNT
		be.PutUint32(page[24:], maxUnmapDescriptors) // MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT
		be.PutUint32(page[28:], uint32(granularity)) // OPTIMAL UNMAP GRANULARITY
		be.PutUint32(page[32:], 0x80000000)          // UGAVALID, alignment 0
	}
	return append(p, page[4:]...)
}

func (d *Disk) vpdCharacteristics(p []byte, _ spc.Identity) []byte {
	page := [64]byte{5: 0x01} // MEDIUM ROTATION RATE: does not rotate
	if d.attributes.Load().Rotational {
		page[5] = 0x00 // not reported
	}
	return append(p, page[4:]...)
}

func (d *Disk) vpdProvisioning(p []byte, _ spc.Identity) []byte {
	var page [8]byte
	if d.thin {
		page[5] = 0xe4 // LBPU, LBPWS, LBPWS10, LBPRZ
		page[6] = 0x02 // PROVISIONING TYPE: thin
	}
	return append(p, page[4:]...)
}
