package sgio

import (
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// opcodes is a set of operation codes.
type opcodes [256]bool

func setOf(codes ...scsi.Opcode) *opcodes {
	var s opcodes
	for _, c := range codes {
		s[c] = true
	}
	return &s
}

// dataOut are the commands whose data goes to the device: those of SPC-4 annex F.3, and of its forerunners where nothing
// else has their number.
var dataOut = setOf(
	0x04, 0x07, 0x0a, 0x13, 0x15, 0x16, 0x18, 0x1d, // FORMAT UNIT, REASSIGN BLOCKS, WRITE, VERIFY, MODE SELECT, RESERVE, COPY, SEND DIAGNOSTIC
	0x2a, 0x2e, 0x2f, 0x39, 0x3a, 0x3b, 0x3d, 0x3f, // WRITE, WRITE AND VERIFY, VERIFY, COMPARE, COPY AND VERIFY, WRITE BUFFER, UPDATE BLOCK, WRITE LONG
	0x41, 0x42, 0x48, 0x4c, 0x50, 0x51, 0x54, 0x55, // WRITE SAME, UNMAP, SANITIZE, LOG SELECT, XDWRITE, XPWRITE, SEND OPC INFORMATION, MODE SELECT
	0x56, 0x57, 0x5d, 0x5f, // RESERVE, RELEASE, SEND CUE SHEET, PERSISTENT RESERVE OUT
	0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8d, 0x8e, 0x8f, // THIRD-PARTY COPY OUT, ACCESS CONTROL OUT, COMPARE AND WRITE, WRITE, ORWRITE, WRITE ATTRIBUTE, WRITE AND VERIFY, VERIFY
	0x93, 0x9a, 0x9c, 0x9f, // WRITE SAME, WRITE STREAM, WRITE ATOMIC, SERVICE ACTION OUT
	0xa4, 0xa9, 0xaa, 0xae, 0xaf, 0xb5, 0xb6, 0xbf, // MAINTENANCE OUT, SERVICE ACTION OUT, WRITE, WRITE AND VERIFY, VERIFY, SECURITY PROTOCOL OUT, SEND VOLUME TAG, VOLUME SET OUT
)

// dataOut32 are those of the variable length format, by service action.
var dataOut32 = map[uint16]bool{
	0x0004: true, 0x0006: true, 0x000a: true, 0x000b: true, // XDWRITE, XPWRITE, VERIFY, WRITE
	0x000c: true, 0x000d: true, 0x000e: true, 0x000f: true, // WRITE AND VERIFY, WRITE SAME, ORWRITE, WRITE ATOMIC
	0x0010: true, 0x0011: true, // WRITE STREAM, WRITE SCATTERED
}

// Operation codes that go the other way for a device type of their own.
var otherWay = map[kind]*opcodes{
	multimedia:    setOf(0x42, 0x51, 0xa3, 0xa4), // READ SUB-CHANNEL, READ DISC INFORMATION, SEND KEY, REPORT KEY
	mediumChanger: setOf(0xb5),                   // REQUEST VOLUME ELEMENT ADDRESS
}

// direction is the way of a command's data. What is not known to go to the device comes from it: a vendor's Data-Out
// command then fails for want of data, where a guess to the contrary would hand the device, and in time whoever reads
// it, what other commands left in the buffer.
func direction(k kind, cdb []byte) scsi.Direction {
	if isDataOut(k, cdb) {
		return scsi.DataOut
	}
	return scsi.DataIn
}

var (
	transferDirection = scsi.Bits("T_DIR", 2, 3, 1) // SAT-3 ATA PASS-THROUGH: 1 is from the device
	serviceAction32   = scsi.Bytes("SERVICE ACTION", 8, 2)
)

func isDataOut(k kind, cdb []byte) bool {
	if len(cdb) == 0 {
		return false
	}
	code := scsi.Opcode(cdb[0])
	switch {
	case code == scsi.VariableLength:
		return len(cdb) >= 10 && dataOut32[uint16(serviceAction32.Uint(cdb))]
	case code == ataPassThrough16, code == ataPassThrough12 && k != multimedia:
		return transferDirection.Uint(cdb) == 0
	}
	other := otherWay[k]
	return dataOut[code] != (other != nil && other[code])
}

const (
	ataPassThrough16 scsi.Opcode = 0x85
	ataPassThrough12 scsi.Opcode = 0xa1 // of multimedia: BLANK
)

// How long a command may take before the kernel gives it up and begins to reset what is in its way. Initiators have
// limits of their own, so these are for devices that are gone for good.
const (
	diskTime  = time.Minute      // of what disks do block by block
	otherTime = 15 * time.Minute // of what other devices do, which wind and load
	longTime  = 12 * time.Hour   // of what goes through a whole medium
)

// long are the commands that may go through a whole medium.
var long = setOf(
	0x01, 0x04, 0x07, 0x11, 0x18, 0x19, 0x1d, // REWIND, FORMAT UNIT, REASSIGN BLOCKS, SPACE, COPY, ERASE, SEND DIAGNOSTIC
	0x2b, 0x2c, 0x2f, 0x3b, 0x41, 0x42, 0x48, // LOCATE, ERASE, VERIFY, WRITE BUFFER, WRITE SAME, UNMAP, SANITIZE
	0x83, 0x8f, 0x91, 0x92, 0x93, // EXTENDED COPY, VERIFY, SPACE, LOCATE, WRITE SAME
	0xa1, 0xac, 0xaf, // BLANK, ERASE, VERIFY
	ataPassThrough16, scsi.VariableLength,
)

func timeout(k kind, cdb []byte) time.Duration {
	switch {
	case long[cdb[0]]:
		return longTime
	case k == directAccess, k == simplifiedDirect, k == hostManagedZoned:
		return diskTime
	}
	return otherTime
}
