package sbc

import (
	"encoding/binary"
	"math"

	"github.com/tcmud/tcmud/scsi"
)

// statusCDB is where a GET LBA STATUS command has its fields.
type statusCDB struct{ report, lba, alloc scsi.Field }

var (
	status16 = statusCDB{
		lba:    scsi.Bytes("STARTING LOGICAL BLOCK ADDRESS", 2, 8),
		alloc:  scsi.Bytes("ALLOCATION LENGTH", 10, 4),
		report: scsi.Bytes("REPORT TYPE", 14, 1),
	}
	status32 = statusCDB{
		report: scsi.Bytes("REPORT TYPE", 10, 1),
		lba:    scsi.Bytes("STARTING LOGICAL BLOCK ADDRESS", 12, 8),
		alloc:  scsi.Bytes("ALLOCATION LENGTH", 28, 4),
	}
	scanLength = scsi.Bytes("SCAN LENGTH", 20, 4)
	element    = scsi.Bytes("ELEMENT IDENTIFIER", 24, 4)
)

// reportTypes is which blocks a REPORT TYPE tells of (SBC-4 5.7).
var reportTypes = map[uint64]struct{ mapped, deallocated bool }{
	0x00: {true, true},
	0x01: {false, true},  // a provisioning status other than 0h
	0x02: {true, false},  // mapped
	0x03: {false, true},  // deallocated
	0x04: {false, false}, // anchored: ANC_SUP is 0
	0x10: {false, false}, // reads may fail: of none is that known before
}

// Values of the byte that has COMPLETION CONDITION, why the list ends, and RTP, that REPORT TYPE was looked at. Both are
// reserved in SBC-3.
const (
	endsByChoice     = 0<<1 | 1
	endsByAllocation = 1<<1 | 1
	endsByScanLength = 2<<1 | 1
	endsByCapacity   = 3<<1 | 1
)

// maxStatus is how many descriptors one command gets at most, however long its allocation length.
const maxStatus = 4096

func (d *Disk) lbaStatus16(c *scsi.Command) scsi.Result {
	return d.lbaStatus(c, status16, math.MaxUint64)
}

// lbaStatus32 knows no physical elements to look at one of.
func (d *Disk) lbaStatus32(c *scsi.Command) scsi.Result {
	if c.Is(element) {
		return scsi.InvalidFieldInCDB.At(element)
	}
	scan := c.Uint(scanLength)
	if scan == 0 {
		scan = math.MaxUint64
	}
	return d.lbaStatus(c, status32, scan)
}

// lbaStatus tells which of the next scan blocks are mapped, in as many descriptors as there is room for, but one at least:
// PARAMETER DATA LENGTH counts those, whatever of them is cut.
func (d *Disk) lbaStatus(c *scsi.Command, in statusCDB, scan uint64) scsi.Result {
	first, blocks := c.Uint(in.lba), d.Blocks()
	if first >= blocks {
		return scsi.LBAOutOfRange.At(in.lba)
	}
	tell, ok := reportTypes[c.Uint(in.report)]
	if !ok {
		return scsi.InvalidFieldInCDB.At(in.report)
	}
	e, ends := extent{first, blocks - first}, byte(endsByCapacity)
	if scan < e.n {
		e.n, ends = scan, endsByScanLength
	}
	if !tell.mapped && !tell.deallocated {
		e.n = 0
	}
	most, full := c.Uint(in.alloc), byte(endsByAllocation)
	if most >= 8+16*maxStatus {
		most, full = 8+16*maxStatus, endsByChoice
	}
	list := make([]byte, 8, 8+16)
	for e.n > 0 {
		if len(list) > 8 && uint64(len(list)+16) > most {
			ends = full
			break
		}
		deallocated, n, err := d.provisioning(e)
		if err != nil {
			return d.failed(c, err, scsi.UnrecoveredReadError)
		}
		if deallocated && tell.deallocated || !deallocated && tell.mapped {
			list = appendStatus(list, e.lba, n, deallocated)
		}
		e.lba, e.n = e.lba+n, e.n-n
	}
	binary.BigEndian.PutUint32(list, uint32(len(list)-4)) // PARAMETER DATA LENGTH
	list[7] = ends
	c.Reply(list)
	return scsi.Result{}
}

// appendStatus appends an LBA status descriptor.
func appendStatus(list []byte, lba, n uint64, deallocated bool) []byte {
	list = binary.BigEndian.AppendUint64(list, lba)
	list = binary.BigEndian.AppendUint32(list, uint32(n))
	if deallocated {
		return append(list, 1, 0, 0, 0)
	}
	return append(list, 0, 0, 0, 0)
}

// provisioning says how many blocks from the beginning of e are deallocated, or mapped, all alike: up to the end of e, or
// as many as a descriptor counts. A disk that is not thin has all its blocks mapped.
func (d *Disk) provisioning(e extent) (deallocated bool, n uint64, err error) {
	e.n = min(e.n, math.MaxUint32)
	if !d.thin {
		return false, e.n, nil
	}
	for n < e.n {
		same, k, err := d.stretch(extent{e.lba + n, e.n - n})
		if err != nil {
			return false, 0, err
		}
		if n > 0 && same != deallocated {
			break
		}
		deallocated, n = same, n+k
	}
	return deallocated, n, nil
}

// stretch is provisioning as far as the store says at once. A block of which the store has any part is mapped.
func (d *Disk) stretch(e extent) (deallocated bool, n uint64, err error) {
	off := d.offset(e)
	for end := off; ; {
		mapped, next, err := d.store.Mapped(end, off+d.bytes(e))
		switch n := next - off; {
		case err != nil:
			return false, 0, err
		case mapped:
			return false, uint64((n + d.block - 1) / d.block), nil
		case n >= d.block:
			return true, uint64(n / d.block), nil
		}
		end = next
	}
}
