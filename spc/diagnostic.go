package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

const ownWork = "the self-test disturbs nobody, and needs no leave"

var (
	selfTestCode = scsi.Bits("SELF-TEST CODE", 1, 7, 3)
	selfTest     = scsi.Bits("SELFTEST", 1, 2, 1)
	devOffl      = scsi.Bits("DEVOFFL", 1, 1, 1).Hint(ownWork)
	unitOffl     = scsi.Bits("UNITOFFL", 1, 0, 1).Hint(ownWork)
	list3        = scsi.Bytes("PARAMETER LIST LENGTH", 3, 2)

	pcv    = scsi.Bits("PCV", 1, 0, 1)
	alloc3 = scsi.Bytes("ALLOCATION LENGTH", 3, 2)
)

// sendDiagnostic begins or ends a self-test, or asks for the diagnostic page that RECEIVE DIAGNOSTIC RESULTS returns.
func (d *Device) sendDiagnostic(c *scsi.Command) scsi.Result {
	code, list := c.Uint(selfTestCode), c.Uint(list3)
	switch {
	case c.Is(selfTest) && code != 0:
		return scsi.InvalidFieldInCDB.At(selfTestCode)
	case !c.Is(selfTest) && code == 0:
		return d.diagnosticPage(c, list)
	case list != 0: // SPC-4 6.42: a self-test has no parameters
		return scsi.InvalidFieldInCDB.At(list3)
	case code == abortTest:
		return d.abortTest(c)
	case code == 0x03 || code == 0x07:
		return scsi.InvalidFieldInCDB.At(selfTestCode)
	}
	return d.beginTest(c, byte(code))
}

// diagnosticPage takes the parameter list of SEND DIAGNOSTIC: page 00h, which asks for the list of pages, is the only one.
// TRANSLATE ADDRESS (40h of SBC-3) is not there: a block has no address but its own.
func (d *Device) diagnosticPage(c *scsi.Command, length uint64) scsi.Result {
	var page [4]byte
	switch {
	case length == 0:
		return scsi.Result{}
	case !c.Is(pf): // the parameters would be vendor specific
		return scsi.InvalidFieldInCDB.At(pf)
	case length < uint64(len(page)):
		return scsi.ParameterListLengthError
	}
	c.Param(page[:], 0)
	switch n := binary.BigEndian.Uint16(page[2:]); {
	case page[0] != supportedPages:
		return scsi.InvalidFieldInParameterList.AtParam(0)
	case n != 0:
		return scsi.InvalidFieldInParameterList.AtParam(2)
	case length > uint64(len(page)): // SPC-4 6.42: one page
		return scsi.InvalidFieldInCDB.At(list3)
	}
	return scsi.Result{}
}

// supportedPages is the diagnostic page that lists the others.
const supportedPages = 0x00

// receiveDiagnostic returns the list of diagnostic pages, whether it is named or is what SEND DIAGNOSTIC has asked for.
func (d *Device) receiveDiagnostic(c *scsi.Command) scsi.Result {
	if c.Uint(pageCode) != supportedPages {
		return scsi.InvalidFieldInCDB.At(pageCode)
	}
	c.Reply([]byte{supportedPages, 0, 0, 1, supportedPages})
	return scsi.Result{}
}
