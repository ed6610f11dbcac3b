package sbc

import "github.com/tcmud/tcmud/scsi"

// READ DEFECT DATA, in its two forms.
var (
	defects10 = defectsCDB{
		list:   scsi.Bits("REQ_PLIST, REQ_GLIST", 2, 4, 2),
		format: scsi.Bits("DEFECT LIST FORMAT", 2, 2, 3),
		alloc:  scsi.Bytes("ALLOCATION LENGTH", 7, 2),
		header: 4,
	}
	defects12 = defectsCDB{
		list:   scsi.Bits("REQ_PLIST, REQ_GLIST", 1, 4, 2),
		format: scsi.Bits("DEFECT LIST FORMAT", 1, 2, 3),
		alloc:  scsi.Bytes("ALLOCATION LENGTH", 6, 4),
		header: 8,
	}
	descriptorIndex = scsi.Bytes("ADDRESS DESCRIPTOR INDEX", 2, 4).Hint("an empty list has no descriptor to begin with")
)

// defectsCDB is where such a command has its fields, and how long the header of its defect list is.
type defectsCDB struct {
	list, format, alloc scsi.Field
	header              int
}

// lastFormat is the last of the address descriptor formats that SBC-3 defines (clause 6.2); a vendor's own comes after.
const lastFormat = 0x05

// readDefects returns the lists asked for, in the format asked for. They are empty: stores do not grow defects that we
// would hear of, and blocks that cannot be read are reported when they are read.
func readDefects(at defectsCDB) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		format := byte(c.Uint(at.format))
		if format > lastFormat {
			return scsi.InvalidFieldInCDB.At(at.format)
		}
		p := [8]byte{1: byte(c.Uint(at.list))<<3 | format} // PLISTV, GLISTV
		c.Reply(p[:at.header])
		return scsi.Result{}
	}
}
