package sbc

import "github.com/tcmud/tcmud/scsi"

// Fields that several commands share, by the CDB they stand in.
var (
	lba10 = scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 4)
	lba16 = scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 8)

	length10 = scsi.Bytes("TRANSFER LENGTH", 7, 2)
	length12 = scsi.Bytes("TRANSFER LENGTH", 6, 4)
	length16 = scsi.Bytes("TRANSFER LENGTH", 10, 4)
	lba32    = scsi.Bytes("LOGICAL BLOCK ADDRESS", 12, 8)
	length32 = scsi.Bytes("TRANSFER LENGTH", 28, 4)

	blocks10  = scsi.Bytes("NUMBER OF LOGICAL BLOCKS", 7, 2)
	blocks16  = scsi.Bytes("NUMBER OF LOGICAL BLOCKS", 10, 4)
	verify10  = scsi.Bytes("VERIFICATION LENGTH", 7, 2)
	verify12  = scsi.Bytes("VERIFICATION LENGTH", 6, 4)
	verify16  = scsi.Bytes("VERIFICATION LENGTH", 10, 4)
	listUnmap = scsi.Bytes("PARAMETER LIST LENGTH", 7, 2)

	// DPO advises what a cache should keep. It is not Ignored: DPOFUA of the mode parameter header says that we support
	// it, and an initiator finds so in the usage map; to follow the advice there is nothing to do.
	dpo   = scsi.Bits("DPO", 1, 4, 1)
	fua   = scsi.Bits("FUA", 1, 3, 1)
	dpo32 = scsi.Bits("DPO", 10, 4, 1)
	fua32 = scsi.Bits("FUA", 10, 3, 1)

	group6  = scsi.Bits("GROUP NUMBER", 6, 4, 5).Hint(ungrouped)
	group10 = scsi.Bits("GROUP NUMBER", 10, 4, 5).Hint(ungrouped)
	group14 = scsi.Bits("GROUP NUMBER", 14, 4, 5).Hint(ungrouped)
)

const ungrouped = "no grouping function"

// ops are the rows of the block commands, sorted by operation code. Protection fields (RDPROTECT, WRPROTECT, VRPROTECT)
// are in none: TCMU cannot carry protection information, and a unit without it refuses them. For the same reason READ (32),
// WRITE (32), VERIFY (32), WRITE AND VERIFY (32), WRITE SAME (32), WRITE ATOMIC (32), WRITE SCATTERED (32) and WRITE STREAM
// (32) have no row: where protection information is of type 0, they end in INVALID COMMAND OPERATION CODE (SBC-4 4.21.2.2).
func (d *Disk) ops() []scsi.Op {
	const readFlags = scsi.NeedsMedium | scsi.NeedsStart
	const writeFlags = readFlags | scsi.AltersMedium
	const promptRead, promptWrite = readFlags | scsi.Prompt, writeFlags | scsi.Prompt
	const capacityFlags = scsi.NeedsMedium | scsi.OnStandby // SPC-4 leaves it to us, and Linux makes no path of what has no size
	return []scsi.Op{
		{Code: formatCode, Name: "FORMAT UNIT", Spec: "SBC-3 5.3", Len: 6,
			Fields: []scsi.Field{longList, fmtData, cmpList, defectFormat}, Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Access: scsi.Writes, Flags: writeFlags | scsi.Lengthy, Do: d.formatUnit},
		{Code: 0x08, Name: "READ (6)", Spec: "SBC-2 5.5", Len: 6,
			Fields: []scsi.Field{lba6, length6}, Xfer: scsi.BlocksIn(length6), Extent: scsi.ExtentOf(lba6, length6),
			Access: scsi.Reads, Flags: promptRead, Do: d.reader(none)},
		{Code: 0x0a, Name: "WRITE (6)", Spec: "SBC-2 5.24", Len: 6,
			Fields: []scsi.Field{lba6, length6}, Xfer: scsi.BlocksOut(length6), Extent: scsi.ExtentOf(lba6, length6),
			Access: scsi.Writes, Flags: promptWrite, Do: d.writer(none)},
		{Code: 0x1b, Name: "START STOP UNIT", Spec: "SBC-3 5.25", Len: 6,
			Fields: append(when(d.removable, loej), immed0, powerModifier, powerCondition, noFlush, start),
			Access: scsi.Starts, Do: d.startStop},
		{Code: 0x1e, Name: "PREVENT ALLOW MEDIUM REMOVAL", Spec: "SBC-3 5.10", Len: 6, Absent: !d.removable,
			Fields: []scsi.Field{prevent}, Access: scsi.Prevents, Do: d.preventAllow},
		{Code: 0x25, Name: "READ CAPACITY (10)", Spec: "SBC-3 5.15", Len: 10,
			Xfer: scsi.Transfer{Dir: scsi.DataIn}, Access: scsi.Always, Flags: capacityFlags, Do: d.readCapacity10},
		{Code: 0x28, Name: "READ (10)", Spec: "SBC-3 5.11", Len: 10,
			Fields: []scsi.Field{dpo, fua, lba10, group6, length10}, Xfer: scsi.BlocksIn(length10), Extent: scsi.ExtentOf(lba10, length10),
			Access: scsi.Reads, Flags: promptRead, Do: d.reader(fua)},
		{Code: 0x2a, Name: "WRITE (10)", Spec: "SBC-3 5.33", Len: 10,
			Fields: []scsi.Field{dpo, fua, lba10, group6, length10}, Xfer: scsi.BlocksOut(length10), Extent: scsi.ExtentOf(lba10, length10),
			Access: scsi.Writes, Flags: promptWrite, Do: d.writer(fua)},
		{Code: 0x2e, Name: "WRITE AND VERIFY (10)", Spec: "SBC-3 5.37", Len: 10,
			Fields: []scsi.Field{dpo, bytchk, lba10, group6, length10}, Xfer: scsi.BlocksOut(length10), Extent: scsi.ExtentOf(lba10, length10),
			Access: scsi.Writes, Flags: writeFlags, Do: d.writeAndVerify},
		{Code: 0x2f, Name: "VERIFY (10)", Spec: "SBC-3 5.29", Len: 10,
			Fields: []scsi.Field{dpo, bytchk, lba10, group6, verify10}, Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba10, verify10), Access: scsi.Reads, Flags: readFlags, Do: d.verify},
		{Code: 0x34, Name: "PRE-FETCH (10)", Spec: "SBC-3 5.8", Len: 10,
			Fields: []scsi.Field{immed1, lba10, group6, prefetch10},
			Extent: scsi.ExtentOf(lba10, prefetch10), Access: scsi.Reads, Flags: readFlags, Do: d.prefetch},
		{Code: 0x35, Name: "SYNCHRONIZE CACHE (10)", Spec: "SBC-3 5.26", Len: 10,
			Fields: []scsi.Field{syncNV, immed1, lba10, group6, blocks10},
			Extent: scsi.ExtentOf(lba10, blocks10), Access: scsi.Writes, Flags: readFlags, Do: d.synchronize},
		{Code: 0x37, Name: "READ DEFECT DATA (10)", Spec: "SBC-3 5.17", Len: 10,
			Fields: []scsi.Field{defects10.list, defects10.format, defects10.alloc}, Xfer: scsi.AllocationIn(defects10.alloc),
			Access: scsi.Reads, Do: readDefects(defects10)},
		{Code: 0x41, Name: "WRITE SAME (10)", Spec: "SBC-3 5.43", Len: 10,
			Fields: append(when(d.thin, unmapBit), lba10, group6, blocks10), Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba10, blocks10), Access: scsi.Writes, Flags: writeFlags, Do: d.writeSamer(none)},
		{Code: 0x42, Name: "UNMAP", Spec: "SBC-3 5.28", Len: 10, Absent: !d.thin,
			Fields: []scsi.Field{group6, listUnmap}, Xfer: scsi.ParametersOut(listUnmap),
			Access: scsi.Writes, Flags: writeFlags, Do: d.unmap},
		{Code: sanitizeCode, SA: scsi.SA(0x01), Name: "SANITIZE OVERWRITE", Spec: "SBC-4 5.30", Len: 10,
			Fields: []scsi.Field{immed7, ause, listSanitize}, Xfer: scsi.ParametersOut(listSanitize),
			Access: scsi.Writes, Flags: writeFlags | scsi.Lengthy, Do: d.overwrite},
		{Code: sanitizeCode, SA: scsi.SA(0x02), Name: "SANITIZE BLOCK ERASE", Spec: "SBC-4 5.30", Len: 10, Absent: !d.thin,
			Fields: []scsi.Field{immed7, ause}, Access: scsi.Writes, Flags: writeFlags | scsi.Lengthy, Do: d.erase},
		{Code: sanitizeCode, SA: scsi.SA(0x03), Name: "SANITIZE CRYPTOGRAPHIC ERASE", Spec: "SBC-4 5.30", Len: 10, Absent: !d.thin,
			Fields: []scsi.Field{immed7, ause}, Access: scsi.Writes, Flags: writeFlags | scsi.Lengthy, Do: d.erase},
		{Code: sanitizeCode, SA: scsi.SA(0x1f), Name: "SANITIZE EXIT FAILURE MODE", Spec: "SBC-4 5.30", Len: 10,
			Fields: []scsi.Field{immed7.Hint("it takes no time"), ause.Hint("the command that has failed decides")},
			Access: scsi.Writes, Do: d.exitFailure},
		{Code: 0x7f, SA: scsi.SA(0x000e), Name: "ORWRITE (32)", Spec: "SBC-4 5.11", Len: 32,
			Fields: []scsi.Field{bmop, generationPolicy, group6, dpo32, fua32, lba32, expectedGeneration, newGeneration, length32},
			Xfer:   scsi.BlocksOut(length32), Extent: scsi.ExtentOf(lba32, length32),
			Access: scsi.Writes, Flags: writeFlags, Do: d.orwrite32},
		{Code: 0x7f, SA: scsi.SA(0x0012), Name: "GET LBA STATUS (32)", Spec: "SBC-4 5.8", Len: 32,
			Fields: []scsi.Field{status32.report, status32.lba, scanLength, element, status32.alloc}, Xfer: scsi.AllocationIn(status32.alloc),
			Access: scsi.Reads, Flags: readFlags, Do: d.lbaStatus32},
		{Code: thirdPartyCopyOut, SA: scsi.SA(0x00), Name: "EXTENDED COPY (LID1)", Spec: "SPC-4 6.4", Len: 16,
			Fields: []scsi.Field{listCopy}, Xfer: scsi.ParametersOut(listCopy),
			Access: scsi.Writes, Flags: scsi.Lengthy, Do: d.extendedCopier(formatLID1)},
		{Code: thirdPartyCopyOut, SA: scsi.SA(0x01), Name: "EXTENDED COPY (LID4)", Spec: "SPC-4 6.5", Len: 16,
			Fields: []scsi.Field{listCopy}, Xfer: scsi.ParametersOut(listCopy),
			Access: scsi.Writes, Flags: scsi.Lengthy, Do: d.extendedCopier(formatLID4)},
		{Code: thirdPartyCopyOut, SA: scsi.SA(actionPopulate), Name: "POPULATE TOKEN", Spec: "SBC-3 5.7", Len: 16,
			Fields: []scsi.Field{listIDToken, listCopy, group14}, Xfer: scsi.ParametersOut(listCopy),
			Access: scsi.Reads, Flags: readFlags, Do: d.populateToken},
		{Code: thirdPartyCopyOut, SA: scsi.SA(actionWriteToken), Name: "WRITE USING TOKEN", Spec: "SBC-3 5.45", Len: 16,
			Fields: []scsi.Field{listIDToken, listCopy, group14}, Xfer: scsi.ParametersOut(listCopy),
			Access: scsi.Writes, Flags: writeFlags | scsi.Lengthy, Do: d.writeUsingToken},
		{Code: thirdPartyCopyOut, SA: scsi.SA(0x1c), Name: "COPY OPERATION ABORT", Spec: "SPC-4 6.3", Len: 16,
			Fields: []scsi.Field{listID4}, Access: scsi.Writes, Do: d.abortCopy},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x00), Name: "RECEIVE COPY STATUS (LID1)", Spec: "SPC-4 6.24", Len: 16,
			Fields: []scsi.Field{listID1, allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.copyStatus1},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x03), Name: "RECEIVE COPY OPERATING PARAMETERS", Spec: "SPC-4 6.22", Len: 16,
			Fields: []scsi.Field{allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.operatingParameters},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x04), Name: "RECEIVE COPY FAILURE DETAILS (LID1)", Spec: "SPC-4 6.23", Len: 16,
			Fields: []scsi.Field{listID1, allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.failureDetails},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x05), Name: "RECEIVE COPY STATUS (LID4)", Spec: "SPC-4 6.25", Len: 16,
			Fields: []scsi.Field{listID4, allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.copyStatus4},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x07), Name: "RECEIVE ROD TOKEN INFORMATION", Spec: "SPC-4 6.27", Len: 16,
			Fields: []scsi.Field{listID4, allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.tokenInformation},
		{Code: thirdPartyCopyIn, SA: scsi.SA(0x08), Name: "REPORT ALL ROD TOKENS", Spec: "SPC-4 6.31", Len: 16,
			Fields: []scsi.Field{allocCopy}, Xfer: scsi.AllocationIn(allocCopy),
			Access: scsi.Always, Do: d.allTokens},
		{Code: 0x88, Name: "READ (16)", Spec: "SBC-3 5.13", Len: 16,
			Fields: []scsi.Field{dpo, fua, lba16, length16, group14}, Xfer: scsi.BlocksIn(length16), Extent: scsi.ExtentOf(lba16, length16),
			Access: scsi.Reads, Flags: promptRead, Do: d.reader(fua)},
		{Code: 0x89, Name: "COMPARE AND WRITE", Spec: "SBC-3 5.2", Len: 16,
			Fields: []scsi.Field{dpo, fua, lba16, compareBlocks, group14}, Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba16, compareBlocks), Access: scsi.Writes, Flags: writeFlags, Do: d.compareAndWrite},
		{Code: 0x8a, Name: "WRITE (16)", Spec: "SBC-3 5.35", Len: 16,
			Fields: []scsi.Field{dpo, fua, lba16, length16, group14}, Xfer: scsi.BlocksOut(length16), Extent: scsi.ExtentOf(lba16, length16),
			Access: scsi.Writes, Flags: promptWrite, Do: d.writer(fua)},
		{Code: 0x8b, Name: "ORWRITE (16)", Spec: "SBC-3 5.6", Len: 16,
			Fields: []scsi.Field{dpo, fua, lba16, length16, group14}, Xfer: scsi.BlocksOut(length16), Extent: scsi.ExtentOf(lba16, length16),
			Access: scsi.Writes, Flags: writeFlags, Do: d.orwrite16},
		{Code: 0x8e, Name: "WRITE AND VERIFY (16)", Spec: "SBC-3 5.39", Len: 16,
			Fields: []scsi.Field{dpo, bytchk, lba16, length16, group14}, Xfer: scsi.BlocksOut(length16), Extent: scsi.ExtentOf(lba16, length16),
			Access: scsi.Writes, Flags: writeFlags, Do: d.writeAndVerify},
		{Code: 0x8f, Name: "VERIFY (16)", Spec: "SBC-3 5.31", Len: 16,
			Fields: []scsi.Field{dpo, bytchk, lba16, verify16, group14}, Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba16, verify16), Access: scsi.Reads, Flags: readFlags, Do: d.verify},
		{Code: 0x90, Name: "PRE-FETCH (16)", Spec: "SBC-3 5.9", Len: 16,
			Fields: []scsi.Field{immed1, lba16, prefetch16, group14},
			Extent: scsi.ExtentOf(lba16, prefetch16), Access: scsi.Reads, Flags: readFlags, Do: d.prefetch},
		{Code: 0x91, Name: "SYNCHRONIZE CACHE (16)", Spec: "SBC-3 5.27", Len: 16,
			Fields: []scsi.Field{syncNV, immed1, lba16, blocks16, group14},
			Extent: scsi.ExtentOf(lba16, blocks16), Access: scsi.Writes, Flags: readFlags, Do: d.synchronize},
		{Code: 0x93, Name: "WRITE SAME (16)", Spec: "SBC-3 5.44", Len: 16,
			Fields: append(when(d.thin, unmapBit), ndob, lba16, blocks16, group14), Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba16, blocks16), Access: scsi.Writes, Flags: writeFlags, Do: d.writeSamer(ndob)},
		{Code: 0x9a, Name: "WRITE STREAM (16)", Spec: "SBC-4 5.57", Len: 16,
			Fields: []scsi.Field{dpo, fua, lba16, writeStrID, streamLength, group14}, Xfer: scsi.BlocksOut(streamLength),
			Extent: scsi.ExtentOf(lba16, streamLength), Access: scsi.Writes, Flags: writeFlags, Do: d.writeStream},
		{Code: 0x9c, Name: "WRITE ATOMIC (16)", Spec: "SBC-4 5.48", Len: 16, Absent: d.maxAtomic() == 0,
			Fields: []scsi.Field{dpo, fua, lba16, atomicLength, group14}, Xfer: scsi.BlocksOut(atomicLength),
			Extent: scsi.ExtentOf(lba16, atomicLength), Access: scsi.Writes, Flags: writeFlags, Do: d.writeAtomic},
		{Code: 0x9e, SA: scsi.SA(0x10), Name: "READ CAPACITY (16)", Spec: "SBC-3 5.16", Len: 16,
			Fields: []scsi.Field{allocCapacity}, Xfer: scsi.AllocationIn(allocCapacity),
			Access: scsi.Always, Flags: capacityFlags, Do: d.readCapacity16},
		{Code: 0x9e, SA: scsi.SA(0x12), Name: "GET LBA STATUS (16)", Spec: "SBC-3 5.6", Len: 16,
			Fields: []scsi.Field{status16.lba, status16.alloc, status16.report}, Xfer: scsi.AllocationIn(status16.alloc),
			Access: scsi.Reads, Flags: readFlags, Do: d.lbaStatus16},
		{Code: 0x9e, SA: scsi.SA(0x13), Name: "REPORT REFERRALS", Spec: "SBC-3 5.22", Len: 16, Absent: d.ports == nil,
			Fields: []scsi.Field{lba16, allocReferrals, oneSegment}, Xfer: scsi.AllocationIn(allocReferrals),
			Access: scsi.Always, Flags: scsi.NeedsMedium, Do: d.reportReferrals},
		{Code: 0x9e, SA: scsi.SA(0x14), Name: "STREAM CONTROL", Spec: "SBC-4 5.32", Len: 16,
			Fields: []scsi.Field{strCtl, strID, allocStream}, Xfer: scsi.AllocationIn(allocStream),
			Access: scsi.Writes, Flags: scsi.NeedsMedium, Do: d.streamControl},
		{Code: 0x9e, SA: scsi.SA(0x16), Name: "GET STREAM STATUS", Spec: "SBC-4 5.9", Len: 16,
			Fields: []scsi.Field{firstStream, allocStream}, Xfer: scsi.AllocationIn(allocStream),
			Access: scsi.Reads, Flags: scsi.NeedsMedium, Do: d.streamStatus},
		{Code: 0x9e, SA: scsi.SA(0x1d), Name: "REPORT PROVISIONING INITIALIZATION PATTERN", Spec: "SBC-4 5.27", Len: 16, Absent: !d.thin,
			Fields: []scsi.Field{allocPattern}, Xfer: scsi.AllocationIn(allocPattern),
			Access: scsi.Always, Do: d.reportPattern},
		{Code: 0x9f, SA: scsi.SA(0x12), Name: "WRITE SCATTERED (16)", Spec: "SBC-4 5.55", Len: 16,
			Fields: []scsi.Field{dpoScattered, fuaScattered, dataOffset, rangeCount, bufferLength, group14},
			Xfer:   scsi.BlocksOut(bufferLength), Access: scsi.Writes, Flags: writeFlags, Do: d.writeScattered},
		{Code: 0xa8, Name: "READ (12)", Spec: "SBC-3 5.12", Len: 12,
			Fields: []scsi.Field{dpo, fua, lba10, length12, group10}, Xfer: scsi.BlocksIn(length12), Extent: scsi.ExtentOf(lba10, length12),
			Access: scsi.Reads, Flags: promptRead, Do: d.reader(fua)},
		{Code: 0xaa, Name: "WRITE (12)", Spec: "SBC-3 5.34", Len: 12,
			Fields: []scsi.Field{dpo, fua, lba10, length12, group10}, Xfer: scsi.BlocksOut(length12), Extent: scsi.ExtentOf(lba10, length12),
			Access: scsi.Writes, Flags: promptWrite, Do: d.writer(fua)},
		{Code: 0xae, Name: "WRITE AND VERIFY (12)", Spec: "SBC-3 5.38", Len: 12,
			Fields: []scsi.Field{dpo, bytchk, lba10, length12, group10}, Xfer: scsi.BlocksOut(length12), Extent: scsi.ExtentOf(lba10, length12),
			Access: scsi.Writes, Flags: writeFlags, Do: d.writeAndVerify},
		{Code: 0xaf, Name: "VERIFY (12)", Spec: "SBC-3 5.30", Len: 12,
			Fields: []scsi.Field{dpo, bytchk, lba10, verify12, group10}, Xfer: scsi.Transfer{Dir: scsi.DataOut},
			Extent: scsi.ExtentOf(lba10, verify12), Access: scsi.Reads, Flags: readFlags, Do: d.verify},
		{Code: 0xb7, Name: "READ DEFECT DATA (12)", Spec: "SBC-3 5.18", Len: 12,
			Fields: []scsi.Field{defects12.list, defects12.format, descriptorIndex, defects12.alloc}, Xfer: scsi.AllocationIn(defects12.alloc),
			Access: scsi.Reads, Do: readDefects(defects12)},
	}
}

// none is the field of a CDB that does not have it: a bit that is never set.
var none scsi.Field
