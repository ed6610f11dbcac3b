package sbc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// rows is what the standards say of each command of a thin disk with a removable medium, written down without a look at the table under test.
var rows = []struct {
	name string
	cdb  string // of a command that ends in GOOD
	out  []byte // its Data-Out
	in   int    // room for its Data-In

	access   scsi.Access // what reservations make of it (SPC-4 5.12, and SBC-3 for its own commands)
	attended bool        // a pending unit attention ends it (SAM-5 5.14)
	stopped  bool        // it needs the medium
	writes   bool        // it alters the medium

	usage   string // CDB usage data (SPC-4 6.35.3): bits that are evaluated
	ignored string // bits that are accepted besides

	senses string // what its handler ends in besides GOOD, in the form of scsitest.Senses
}{
	{"TEST UNIT READY", "00 00000000 00", nil, 0, scsi.Always, true, true, false, "00 00000000 00", "", ""},
	{"REQUEST SENSE", "03 00 0000 12 00", nil, 18, scsi.Always, false, false, false, "03 01 0000 ff 00", "", ""},
	{"FORMAT UNIT", "04 00 0000 00 00", nil, 0, scsi.Writes, true, true, true, "04 3f 0000 00 00", "", "051a00 052600 033101 044400"},
	{"READ (6)", "08 000000 01 00", nil, 512, scsi.Reads, true, true, false, "08 1fffff ff 00", "", "052100 031100"},
	{"WRITE (6)", "0a 000000 01 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "0a 1fffff ff 00", "", "052100 030c00 072707"},
	{"INQUIRY", "12 00 00 0024 00", nil, 36, scsi.Always, false, false, false, "12 01 ff ffff 00", "00 e0", ""},
	{"MODE SELECT (6)", "15 10 0000 04 00", make([]byte, 4), 0, scsi.Writes, true, false, false, "15 11 0000 ff 00", "", "052600 030c00 044400"},
	{"RESERVE (6)", "16 00 0000 00 00", nil, 0, scsi.Reserves, true, false, false, "16 00 0000 00 00", "", "18"},
	{"RELEASE (6)", "17 00 0000 00 00", nil, 0, scsi.Reserves, true, false, false, "17 00 0000 00 00", "", "18"},
	{"MODE SENSE (6)", "1a 08 3f 00 ff 00", nil, 255, scsi.Reads, true, false, false, "1a 08 ff ff ff 00", "", "053900"},
	{"START STOP UNIT", "1b 00 0000 01 00", nil, 0, scsi.Starts, true, false, false, "1b 00 000f f7 00", "00 01 0000 00 00", "030c00 044400 055302"},
	{"RECEIVE DIAGNOSTIC RESULTS", "1c 01 00 0005 00", nil, 5, scsi.Reads, true, false, false, "1c 01 ff ffff 00", "", ""},
	{"SEND DIAGNOSTIC", "1d 10 00 0004 00", make([]byte, 4), 0, scsi.Writes, true, false, false, "1d f4 00 ffff 00", "00 03", "020409 043e03 052600"},
	{"PREVENT ALLOW MEDIUM REMOVAL", "1e 00 0000 00 00", nil, 0, scsi.Prevents, true, false, false, "1e 00 0000 03 00", "", ""},
	{"READ CAPACITY (10)", "25 00 00000000 0000 00 00", nil, 8, scsi.Always, true, false, false, "25 00*9", "", ""},
	{"READ (10)", "28 00 00000000 00 0001 00", nil, 512, scsi.Reads, true, true, false, "28 18 ffffffff 00 ffff 00", "00 00 00000000 1f 0000 00", "052100 031100"},
	{"WRITE (10)", "2a 00 00000000 00 0001 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "2a 18 ffffffff 00 ffff 00", "00 00 00000000 1f 0000 00", "052100 030c00 072707"},
	{"WRITE AND VERIFY (10)", "2e 00 00000000 00 0001 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "2e 16 ffffffff 00 ffff 00", "00 00 00000000 1f 0000 00", "030c00 031100 072707 0e1d00"},
	{"VERIFY (10)", "2f 00 00000000 00 0001 00", nil, 0, scsi.Reads, true, true, false, "2f 16 ffffffff 00 ffff 00", "00 00 00000000 1f 0000 00", "052100 031100 0e1d00"},
	{"PRE-FETCH (10)", "34 00 00000000 00 0001 00", nil, 0, scsi.Reads, true, true, false, "34 00 ffffffff 00 ffff 00", "00 02 00000000 1f 0000 00", ""},
	{"SYNCHRONIZE CACHE (10)", "35 00 00000000 00 0000 00", nil, 0, scsi.Writes, true, true, false, "35 00 ffffffff 00 ffff 00", "00 06 00000000 1f 0000 00", "052100 030c00"},
	{"READ DEFECT DATA (10)", "37 00 18 00000000 0004 00", nil, 4, scsi.Reads, true, false, false, "37 00 1f 00000000 ffff 00", "", ""},
	{"WRITE BUFFER, data", "3b 02 00 000000 000004 00", make([]byte, 4), 0, scsi.Writes, true, false, false, "3b 02 ff ffffff ffffff 00", "", ""},
	{"WRITE BUFFER, echo buffer", "3b 0a 00 000000 000004 00", make([]byte, 4), 0, scsi.Writes, true, false, false, "3b 0a 00 000000 ffffff 00", "00 00 ff ffffff", ""},
	{"READ BUFFER (10), data", "3c 02 00 000000 000010 00", nil, 16, scsi.Reads, true, false, false, "3c 02 ff ffffff ffffff 00", "", ""},
	{"READ BUFFER (10), descriptor", "3c 03 00 000000 000004 00", nil, 4, scsi.Reads, true, false, false, "3c 03 ff 000000 ffffff 00", "00 00 00 ffffff", ""},
	{"READ BUFFER (10), echo buffer", "3c 0a 00 000000 000004 00", nil, 4, scsi.Reads, true, false, false, "3c 0a 00 000000 ffffff 00", "00 00 ff ffffff", "052c00"},
	{"READ BUFFER (10), echo buffer descriptor", "3c 0b 00 000000 000004 00", nil, 4, scsi.Reads, true, false, false, "3c 0b 00 000000 ffffff 00", "00 00 ff ffffff", ""},
	{"WRITE SAME (10)", "41 00 00000000 00 0001 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "41 08 ffffffff 00 ffff 00", "00 00 00000000 1f 0000 00", "052100 030c00 072707"},
	{"UNMAP", "42 00 00000000 00 0008 00", scsitest.Hex("0006 0000 00000000"), 0, scsi.Writes, true, true, true, "42 00 00000000 00 ffff 00", "00 00 00000000 1f 0000 00", "052100 052600 030c00"},
	{"SANITIZE OVERWRITE", "48 01 0000000000 0005 00", scsitest.Hex("01 00 0001 a5"), 0, scsi.Writes, true, true, true, "48 a1 0000000000 ffff 00", "", "052600 033103 044400"},
	{"SANITIZE BLOCK ERASE", "48 02 0000000000 0000 00", nil, 0, scsi.Writes, true, true, true, "48 a2 0000000000 0000 00", "", "033103 044400"},
	{"SANITIZE CRYPTOGRAPHIC ERASE", "48 03 0000000000 0000 00", nil, 0, scsi.Writes, true, true, true, "48 a3 0000000000 0000 00", "", "033103 044400"},
	{"SANITIZE EXIT FAILURE MODE", "48 1f 0000000000 0000 00", nil, 0, scsi.Writes, true, false, false, "48 1f 0000000000 0000 00", "00 a0 0000000000 0000 00", "033103 044400"},
	{"LOG SELECT", "4c 00 40 00 000000 000e 00", scsitest.Hex("0e 00 000a 0002 01 06 323032363437"), 0, scsi.Writes, true, false, false, "4c 03 ff ff 000000 ffff 00", "", "052600 044400"},
	{"LOG SENSE", "4d 00 40 00 00 0000 00ff 00", nil, 255, scsi.Always, true, false, false, "4d 01 ff ff 00 ffff ffff 00", "", "044400"},
	{"MODE SELECT (10)", "55 10 0000000000 0008 00", make([]byte, 8), 0, scsi.Writes, true, false, false, "55 11 0000000000 ffff 00", "", "052600 030c00 044400"},
	{"RESERVE (10)", "56 00 00*7 00", nil, 0, scsi.Reserves, true, false, false, "56 00 00*7 00", "", "18"},
	{"RELEASE (10)", "57 00 00*7 00", nil, 0, scsi.Reserves, true, false, false, "57 00 00*7 00", "", "18"},
	{"MODE SENSE (10)", "5a 08 3f 00 000000 00ff 00", nil, 255, scsi.Reads, true, false, false, "5a 18 ff ff 000000 ffff 00", "", "053900"},
	{"PERSISTENT RESERVE IN, READ KEYS", "5e 00 0000000000 0100 00", nil, 256, scsi.Reserves, true, false, false, "5e 00 0000000000 ffff 00", "", "18"},
	{"PERSISTENT RESERVE IN, READ RESERVATION", "5e 01 0000000000 0100 00", nil, 256, scsi.Reserves, true, false, false, "5e 01 0000000000 ffff 00", "", "18"},
	{"PERSISTENT RESERVE IN, REPORT CAPABILITIES", "5e 02 0000000000 0100 00", nil, 256, scsi.Reserves, true, false, false, "5e 02 0000000000 ffff 00", "", "18"},
	{"PERSISTENT RESERVE IN, READ FULL STATUS", "5e 03 0000000000 0100 00", nil, 256, scsi.Reserves, true, false, false, "5e 03 0000000000 ffff 00", "", "18"},
	{"PERSISTENT RESERVE OUT, REGISTER", "5f 00 00 0000 00000018 00", registering(0, 1), 0, scsi.Reserves, true, false, false, "5f 00 00 0000 ffffffff 00", "00 00 ff", "18 044400 052600 055504"},
	{"PERSISTENT RESERVE OUT, RESERVE", "5f 01 05 0000 00000018 00", registering(1, 0), 0, scsi.Reserves, true, false, false, "5f 01 ff 0000 ffffffff 00", "", "18 044400"},
	{"PERSISTENT RESERVE OUT, RELEASE", "5f 02 05 0000 00000018 00", registering(1, 0), 0, scsi.Reserves, true, false, false, "5f 02 ff 0000 ffffffff 00", "", "18 052604"},
	{"PERSISTENT RESERVE OUT, CLEAR", "5f 03 00 0000 00000018 00", registering(1, 0), 0, scsi.Reserves, true, false, false, "5f 03 00 0000 ffffffff 00", "00 00 ff", "18"},
	{"PERSISTENT RESERVE OUT, PREEMPT", "5f 04 05 0000 00000018 00", registering(1, 1), 0, scsi.Reserves, true, false, false, "5f 04 ff 0000 ffffffff 00", "", "18 052600"},
	{"PERSISTENT RESERVE OUT, PREEMPT AND ABORT", "5f 05 05 0000 00000018 00", registering(1, 1), 0, scsi.Reserves, true, false, false, "5f 05 ff 0000 ffffffff 00", "", "18 052600"},
	{"PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", "5f 06 00 0000 00000018 00", registering(1, 1), 0, scsi.Reserves, true, false, false, "5f 06 00 0000 ffffffff 00", "00 00 ff", "18 052600 055504"},
	{"PERSISTENT RESERVE OUT, REGISTER AND MOVE", "5f 07 00 0000 00000030 00", movingTo(1, 2, 'B', 1), 0, scsi.Reserves, true, false, false, "5f 07 00 0000 ffffffff 00", "00 00 ff", "18 052600 055504"},
	{"PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION", "5f 08 05 0000 00000018 00", registering(0, 1), 0, scsi.Reserves, true, false, false, "5f 08 ff 0000 ffffffff 00", "", "052600 055504"},
	{"ORWRITE (32)", "7f 00 00 00 0000 00 18 000e 00 00 00*8 00000000 00000000 00000001", make([]byte, 512), 0, scsi.Writes, true, true, true, "7f 00 07 0f 0000 00 18 000e 18 00 ff*8 ffffffff ffffffff ffffffff", "00*6 1f 00*25", "030c00 031100 052c0c 072707"},
	{"GET LBA STATUS (32)", "7f 00 00*5 18 0012 00 00 00*8 00000000 00000000 00000018", nil, 24, scsi.Reads, true, true, false, "7f 00 00*5 18 0012 ff 00 ff*8 ffffffff ffffffff ffffffff", "", "052100 031100"},
	{"EXTENDED COPY (LID1)", "83 00 00*8 00000010 00 00", make([]byte, 16), 0, scsi.Writes, true, false, false, "83 00 00*8 ffffffff 00 00", "", "050016 052600 052606 052607 052608 052609 05260b 055503 0a0000 0a0402 0a0804 0a0c00 0a0d01 0a0d02 0a0d03 0a2600 0a260a 0a2616 0a2700 0a2702 0a2707 0a3a00"},
	{"EXTENDED COPY (LID4)", "83 01 00*8 00000030 00 00", scsitest.Hex("01 00 0020 00*11 00 ff 00*31"), 0, scsi.Writes, true, false, false, "83 01 00*8 ffffffff 00 00", "", "050016 052600 052606 052607 052608 052609 05260b 055503 0a0000 0a0804 0a0d02 0a0d03 0a260a 0a2616"},
	{"POPULATE TOKEN", "83 10 00000000 00000000 00000020 00 00", scsitest.Hex("001e 00 00 00000000 00000000 0000 0010", "0000000000000000 00000001 00000000"), 0, scsi.Reads, true, true, false, "83 10 00000000 ffffffff ffffffff 00 00", "00*14 1f 00", "050016 052100 052600 052608 05550d"},
	{"WRITE USING TOKEN", "83 11 00000000 00000000 00000228 00 00", scsitest.Hex("0226 00 00*5 00*8", "ffff0001 0000 01f8 00*504", "00*6 0010", "0000000000000000 00000001 00000000"), 0, scsi.Writes, true, true, true, "83 11 00000000 ffffffff ffffffff 00 00", "00*14 1f 00", "030c00 050016 052100 052300 052301 052304 052305 052306 052307 052308 052309 05230a 052600 052608 072707 0a0402 0a0d01"},
	{"COPY OPERATION ABORT", "83 1c 00000000 00*8 00 00", nil, 0, scsi.Writes, true, false, false, "83 1c ffffffff 00*8 00 00", "", ""},
	{"RECEIVE COPY STATUS (LID1)", "84 00 00 00*7 0000000c 00 00", nil, 12, scsi.Always, true, false, false, "84 00 ff 00*7 ffffffff 00 00", "", ""},
	{"RECEIVE COPY OPERATING PARAMETERS", "84 03 00*8 0000002f 00 00", nil, 47, scsi.Always, true, false, false, "84 03 00*8 ffffffff 00 00", "", ""},
	{"RECEIVE COPY FAILURE DETAILS (LID1)", "84 04 00 00*7 00000004 00 00", nil, 4, scsi.Always, true, false, false, "84 04 ff 00*7 ffffffff 00 00", "", ""},
	{"RECEIVE COPY STATUS (LID4)", "84 05 00000000 00*4 00000020 00 00", nil, 32, scsi.Always, true, false, false, "84 05 ffffffff 00*4 ffffffff 00 00", "", ""},
	{"RECEIVE ROD TOKEN INFORMATION", "84 07 00000000 00*4 00000024 00 00", nil, 36, scsi.Always, true, false, false, "84 07 ffffffff 00*4 ffffffff 00 00", "", ""},
	{"REPORT ALL ROD TOKENS", "84 08 00*8 00000008 00 00", nil, 8, scsi.Always, true, false, false, "84 08 00*8 ffffffff 00 00", "", ""},
	{"READ (16)", "88 00 0000000000000000 00000001 00 00", nil, 512, scsi.Reads, true, true, false, "88 18 ff*8 ffffffff 00 00", "00*14 1f 00", "052100 031100"},
	{"COMPARE AND WRITE", "89 00 0000000000000000 000000 01 00 00", make([]byte, 1024), 0, scsi.Writes, true, true, true, "89 18 ff*8 000000 ff 00 00", "00*14 1f 00", "030c00 031100 072707 0e1d00"},
	{"WRITE (16)", "8a 00 0000000000000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "8a 18 ff*8 ffffffff 00 00", "00*14 1f 00", "052100 030c00 072707"},
	{"ORWRITE (16)", "8b 00 0000000000000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "8b 18 ff*8 ffffffff 00 00", "00*14 1f 00", "030c00 031100 052c0c 072707"},
	{"WRITE AND VERIFY (16)", "8e 00 0000000000000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "8e 16 ff*8 ffffffff 00 00", "00*14 1f 00", "030c00 031100 072707 0e1d00"},
	{"VERIFY (16)", "8f 00 0000000000000000 00000001 00 00", nil, 0, scsi.Reads, true, true, false, "8f 16 ff*8 ffffffff 00 00", "00*14 1f 00", "052100 031100 0e1d00"},
	{"PRE-FETCH (16)", "90 00 0000000000000000 00000001 00 00", nil, 0, scsi.Reads, true, true, false, "90 00 ff*8 ffffffff 00 00", "00 02 00*12 1f 00", ""},
	{"SYNCHRONIZE CACHE (16)", "91 00 0000000000000000 00000000 00 00", nil, 0, scsi.Writes, true, true, false, "91 00 ff*8 ffffffff 00 00", "00 06 00*12 1f 00", "052100 030c00"},
	{"WRITE SAME (16)", "93 00 0000000000000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "93 09 ff*8 ffffffff 00 00", "00*14 1f 00", "052100 030c00 072707"},
	{"WRITE STREAM (16)", "9a 00 0000000000000000 0001 0001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "9a 18 ff*8 ffff ffff 00 00", "00*14 1f 00", "030c00 052c0f 072707"},
	{"READ BUFFER (16), data", "9b 02 0000000000000000 00000010 00 00", nil, 16, scsi.Reads, true, false, false, "9b 02 ff*8 ffffffff ff 00", "", ""},
	{"READ BUFFER (16), descriptor", "9b 03 0000000000000000 00000004 00 00", nil, 4, scsi.Reads, true, false, false, "9b 03 00*8 ffffffff ff 00", "00 00 ff*8", ""},
	{"READ BUFFER (16), echo buffer", "9b 0a 0000000000000000 00000004 00 00", nil, 4, scsi.Reads, true, false, false, "9b 0a 00*8 ffffffff 00 00", "00 00 ff*8 00000000 ff", "052c00"},
	{"READ BUFFER (16), echo buffer descriptor", "9b 0b 0000000000000000 00000004 00 00", nil, 4, scsi.Reads, true, false, false, "9b 0b 00*8 ffffffff 00 00", "00 00 ff*8 00000000 ff", ""},
	{"WRITE ATOMIC (16)", "9c 00 0000000000000000 0000 0001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "9c 18 ff*8 0000 ffff 00 00", "00*14 1f 00", "030c00 072707"},
	{"READ CAPACITY (16)", "9e 10 0000000000000000 00000020 00 00", nil, 32, scsi.Always, true, false, false, "9e 10 00*8 ffffffff 00 00", "", ""},
	{"GET LBA STATUS (16)", "9e 12 0000000000000000 00000018 00 00", nil, 24, scsi.Reads, true, true, false, "9e 12 ff*8 ffffffff ff 00", "", "052100 031100"},
	{"REPORT REFERRALS", "9e 13 0000000000000000 0000001c 00 00", nil, 28, scsi.Always, true, false, false, "9e 13 ff*8 ffffffff 00 00", "00*14 01", "052100"},
	{"STREAM CONTROL", "9e 34 0000 0000 00000000 00000008 00 00", nil, 8, scsi.Writes, true, false, false, "9e 74 0000 ffff 00000000 ffffffff 00 00", "", "052c0f 055510"},
	{"GET STREAM STATUS", "9e 16 0000 0000 00000000 00000008 00 00", nil, 8, scsi.Reads, true, false, false, "9e 16 0000 ffff 00000000 ffffffff 00 00", "", ""},
	{"REPORT PROVISIONING INITIALIZATION PATTERN", "9e 1d 0000000000000000 00000200 00 00", nil, 512, scsi.Always, true, false, false, "9e 1d 00*8 ffffffff 00 00", "", ""},
	{"WRITE SCATTERED (16)", "9f 12 00 00 0001 0000 0001 00000002 00 00", append(scsitest.Hex("00*32 0000000000000000 00000001 00*20"), make([]byte, 960)...), 0, scsi.Writes, true, true, true, "9f 12 18 00 ffff 0000 ffff ffffffff 00 00", "00*14 1f 00", "030c00 052100 072707 0b1a00"},
	{"REPORT LUNS", "a0 00 00 000000 00000010 00 00", nil, 16, scsi.Always, false, false, false, "a0 00 ff 000000 ffffffff 00 00", "", ""},
	{"REPORT IDENTIFYING INFORMATION", "a3 05 00000000 00000004 00 00", nil, 4, scsi.Always, true, false, false, "a3 05 00000000 ffffffff fe 00", "", "044400"},
	{"REPORT TARGET PORT GROUPS", "a3 0a 00000000 00000010 00 00", nil, 16, scsi.Always, true, false, false, "a3 ea 00000000 ffffffff 00 00", "", ""},
	{"REPORT SUPPORTED OPERATION CODES", "a3 0c 00 00 0000 00000004 00 00", nil, 4, scsi.Reads, true, false, false, "a3 0c 87 ff ffff ffffffff 00 00", "", ""},
	{"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "a3 0d 00 000000 00000004 00 00", nil, 4, scsi.Reads, true, false, false, "a3 0d 80 000000 ffffffff 00 00", "", ""},
	{"REPORT TIMESTAMP", "a3 0f 00000000 00000004 00 00", nil, 4, scsi.Always, true, false, false, "a3 0f 00000000 ffffffff 00 00", "", ""},
	{"SET IDENTIFYING INFORMATION", "a4 06 00000000 00000004 00 00", make([]byte, 4), 0, scsi.Writes, true, false, false, "a4 06 00000000 ffffffff fe 00", "", "044400 052600"},
	{"SET TARGET PORT GROUPS", "a4 0a 00000000 00000008 00 00", make([]byte, 8), 0, scsi.Writes, true, false, false, "a4 0a 00000000 ffffffff 00 00", "", "02040a 04670a 052600"},
	{"SET TIMESTAMP", "a4 0f 00000000 0000000c 00 00", make([]byte, 12), 0, scsi.Writes, true, false, false, "a4 0f 00000000 ffffffff 00 00", "", ""},
	{"READ (12)", "a8 00 00000000 00000001 00 00", nil, 512, scsi.Reads, true, true, false, "a8 18 ffffffff ffffffff 00 00", "00*10 1f 00", "052100 031100"},
	{"WRITE (12)", "aa 00 00000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "aa 18 ffffffff ffffffff 00 00", "00*10 1f 00", "052100 030c00 072707"},
	{"WRITE AND VERIFY (12)", "ae 00 00000000 00000001 00 00", make([]byte, 512), 0, scsi.Writes, true, true, true, "ae 16 ffffffff ffffffff 00 00", "00*10 1f 00", "030c00 031100 072707 0e1d00"},
	{"VERIFY (12)", "af 00 00000000 00000001 00 00", nil, 0, scsi.Reads, true, true, false, "af 16 ffffffff ffffffff 00 00", "00*10 1f 00", "031100 0e1d00"},
	{"READ DEFECT DATA (12)", "b7 18 00000000 00000008 00 00", nil, 8, scsi.Reads, true, false, false, "b7 1f 00000000 ffffffff 00 00", "00 00 ffffffff", ""},
}

// actions are the operation codes that have service actions (SPC-4 annex E), for which the modes of READ BUFFER and WRITE
// BUFFER stand too.
var actions = []byte{0x3b, 0x3c, 0x48, 0x5e, 0x5f, 0x7f, 0x83, 0x84, 0x9b, 0x9e, 0x9f, 0xa3, 0xa4, 0xab}

// action is the operation code and the service action of a CDB, or of a usage map.
func action(cdb []byte) (code byte, action uint16, ok bool) {
	switch {
	case cdb[0] == 0x7f:
		return cdb[0], binary.BigEndian.Uint16(cdb[8:]), true
	case slices.Contains(actions, cdb[0]):
		return cdb[0], uint16(cdb[1] & 0x1f), true
	}
	return cdb[0], 0, false
}

// inAction says whether a bit of a CDB belongs to its service action.
func inAction(code byte, at, bit int) bool {
	if code == 0x7f {
		return at == 8 || at == 9
	}
	return slices.Contains(actions, code) && at == 1 && bit < 5
}

// isRow says whether a CDB is of a command in rows.
func isRow(cdb []byte) bool {
	code, sa, _ := action(cdb)
	for _, r := range rows {
		if c, a, _ := action(scsitest.Hex(r.usage)); c == code && a == sa {
			return true
		}
	}
	return false
}

// send sends the command of rows[i].
func send(h *scsitest.Host, i int) *scsitest.Answer {
	if r := rows[i]; r.in > 0 {
		return h.Fetch(r.cdb, r.in)
	}
	return h.Send(rows[i].cdb, rows[i].out)
}

// before is what has to be sent before the command of a row ends in GOOD.
var before = map[string]func(*scsitest.Host){
	"READ BUFFER (10), echo buffer":       writeEcho,
	"READ BUFFER (16), echo buffer":       writeEcho,
	"WRITE STREAM (16)":                   openStream,
	"COPY OPERATION ABORT":                copyNothing,
	"RECEIVE COPY STATUS (LID1)":          copyNothing,
	"RECEIVE COPY FAILURE DETAILS (LID1)": copyNothing,
	"RECEIVE COPY STATUS (LID4)":          copyNothing,
	"RECEIVE ROD TOKEN INFORMATION":       copyNothing,

	"RESERVE (6)":                                              identify,
	"RESERVE (10)":                                             identify,
	"PERSISTENT RESERVE OUT, REGISTER":                         identify,
	"PERSISTENT RESERVE OUT, RESERVE":                          registerOne,
	"PERSISTENT RESERVE OUT, RELEASE":                          registerOne,
	"PERSISTENT RESERVE OUT, CLEAR":                            registerOne,
	"PERSISTENT RESERVE OUT, PREEMPT":                          registerOne,
	"PERSISTENT RESERVE OUT, PREEMPT AND ABORT":                registerOne,
	"PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY": identify,
	"PERSISTENT RESERVE OUT, REGISTER AND MOVE":                reserveOne,
	"PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION":         identify,
}

// writeEcho writes four bytes into the echo buffer.
func writeEcho(h *scsitest.Host) { h.Send("3b 0a 00 000000 000004 00", make([]byte, 4)).Good() }

// openStream opens stream 1.
func openStream(h *scsitest.Host) { h.Fetch("9e 34 0000 0000 00000000 00000008 00 00", 8).Data() }

// copyNothing is a copy operation with list identifier 0.
func copyNothing(h *scsitest.Host) { extendedCopy1(h, make([]byte, 16)).Good() }

// prepare sends what has to come before the command of rows[i].
func prepare(h *scsitest.Host, i int) {
	if f := before[rows[i].name]; f != nil {
		f(h)
	}
}

// eachRow runs f for each row, on a disk of its own.
func eachRow(t *testing.T, f func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int)) {
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			d := rowDisk(t, newRecorder(1<<20), r.name)
			h := host(t, d)
			prepare(h, i)
			f(t, d, h, i)
		})
	}
}

func TestRowsOfThinDisk(t *testing.T) {
	var have, want []string
	for _, op := range newDisk(t, newRecorder(1<<20), removable).Ops() {
		have = append(have, fmt.Sprintf("%02x %s, %d bytes", uint8(op.Code), op.Name, op.Len))
		require.Subset(t, append(op.Fields, scsi.Field{}), []scsi.Field{op.Xfer.Len}, "%s: the length field is none of its fields", op.Name)
	}
	for _, r := range rows {
		cdb := scsitest.Hex(r.cdb)
		want = append(want, fmt.Sprintf("%02x %s, %d bytes", cdb[0], r.name, len(cdb)))
	}
	require.Equal(t, want, have)
}

func TestEachRowSucceeds(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) { send(h, i).Data() })
}

// TestReservedBits sets each bit of each CDB: those that the standard gives no meaning here are refused, with a field
// pointer, and no other is refused for being set.
func TestReservedBits(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		r := rows[i]
		usage := scsitest.Hex(r.usage)
		ignored := append(scsitest.Hex(r.ignored), make([]byte, len(usage))...)
		for at := 1; at < len(usage); at++ {
			for bit := range 8 {
				cdb := scsitest.Hex(r.cdb)
				cdb[at] ^= 1 << bit
				awaitEnd(d) // of what another bit has begun
				switch a := h.Send(fmt.Sprintf("%x", cdb)); {
				case inAction(usage[0], at, bit):
					if !isRow(cdb) {
						a.Sense(map[bool]string{true: "05 20 00", false: "05 24 00 cc 00 01"}[usage[0] == 0x7f])
					}
				case usage[0] == 0x7f && at == 7: // ADDITIONAL CDB LENGTH
					a.Sense("05 24 00 cf 00 07")
				case usage[at]&(1<<bit) != 0:
				case ignored[at]&(1<<bit) != 0:
					require.NotEqual(t, scsi.InvalidFieldInCDB.AtBit(at, bit), a.Result)
				default:
					a.Sense(fmt.Sprintf("05 24 00 %02x %04x", 0xc8|bit, at))
				}
			}
		}
	})
}

// awaitEnd returns when d does not format or sanitize itself any more.
func awaitEnd(d *sbc.Disk) {
	for slices.Contains([]scsi.Code{scsi.FormatInProgress.Code, scsi.SanitizeInProgress.Code}, d.NotReady().Code) {
		time.Sleep(time.Millisecond)
	}
}

// TestIgnoredBits change nothing.
func TestIgnoredBits(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		if rows[i].ignored == "" {
			return
		}
		cdb := scsitest.Hex(rows[i].cdb)
		for at, bits := range scsitest.Hex(rows[i].ignored) {
			cdb[at] |= bits
		}
		if rows[i].in > 0 {
			require.Equal(t, send(h, i).Data(), h.Fetch(fmt.Sprintf("%x", cdb), rows[i].in).Data())
		} else {
			h.Send(fmt.Sprintf("%x", cdb), rows[i].out).Good()
		}
	})
}

func TestTruncatedCDBs(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		cdb := scsitest.Hex(rows[i].cdb)
		for n := 1; n < len(cdb); n++ {
			h.Send(fmt.Sprintf("%x", cdb[:n])).Sense("05 24 00")
		}
	})
}

func TestUnitAttention(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		h.Nexus().Attend(scsi.PowerOnOccurred)
		switch {
		case rows[i].attended:
			send(h, i).Sense("06 29 01")
			send(h, i).Data()
		case rows[i].name == "REQUEST SENSE": // it is what it reports
			send(h, i).Good("70 00 06 00*4 0a 00*4 29 01 00*4")
			send(h, i).Good("70 00*6 0a 00*10")
		default:
			send(h, i).Data()
			h.Send("00 00000000 00").Sense("06 29 01")
		}
	})
}

func TestStopped(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		d.Set(scsi.Stopped, true) // START STOP UNIT does it where the medium stays
		if rows[i].stopped {
			send(h, i).Sense("02 04 02")
		} else {
			send(h, i).Data()
		}
	})
}

// answersStopped need the medium, but not that it is started.
var answersStopped = []string{"READ CAPACITY (10)", "READ CAPACITY (16)", "STREAM CONTROL", "GET STREAM STATUS", "REPORT REFERRALS"}

func TestEmpty(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		d.Set(scsi.Empty, true)
		if rows[i].stopped || slices.Contains(answersStopped, rows[i].name) {
			send(h, i).Sense("02 3a 00")
		} else {
			send(h, i).Data()
		}
	})
}

func TestWriteProtected(t *testing.T) {
	for setting, sense := range map[scsi.Setting]string{scsi.WriteProtect: "07 27 00", scsi.SoftwareWriteProtect: "07 27 02"} {
		eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
			d.Set(setting, true)
			if rows[i].writes {
				send(h, i).Sense(sense)
			} else {
				send(h, i).Data()
			}
		})
	}
}

func TestReserved(t *testing.T) {
	for i, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := newRecorder(1 << 20)
			d := rowDisk(t, m, row.name)
			h := host(t, d)
			at := slices.IndexFunc(d.Ops(), func(op scsi.Op) bool { return op.Name == row.name })
			require.Equal(t, row.access, d.Ops()[at].Access)
			prepare(h, i)
			m.took()
			h.Nexus().Bar(scsi.BarReads|scsi.BarWrites, ^scsi.Bars(0))
			switch row.access {
			case scsi.Always, scsi.Reserves:
				send(h, i).Data()
				return
			case scsi.Starts: // the row's own has START=1
				h.Send("1b 00 0000 00 00").Conflict()
			case scsi.Prevents: // and PREVENT=0
				h.Send("1e 00 0000 01 00").Conflict()
			default:
				send(h, i).Conflict()
			}
			require.Empty(t, m.took())
		})
	}
}

func TestParameterListIsMissing(t *testing.T) {
	eachRow(t, func(t *testing.T, d *sbc.Disk, h *scsitest.Host, i int) {
		at := slices.IndexFunc(d.Ops(), func(op scsi.Op) bool { return op.Name == rows[i].name })
		if d.Ops()[at].Xfer.Rule == scsi.ParameterList {
			h.Send(rows[i].cdb, rows[i].out[1:]).Sense("05 1a 00")
		}
	})
}

// TestReadsLeaveTheMediumAlone, and so does all else that is not said to alter it.
func TestReadsLeaveTheMediumAlone(t *testing.T) {
	for i, r := range rows {
		if r.writes {
			continue
		}
		m := newRecorder(1 << 20)
		copy(m.data, pattern(len(m.data), 1))
		before := bytes.Clone(m.data)
		h := host(t, rowDisk(t, m, r.name))
		prepare(h, i)
		send(h, i).Data()
		require.True(t, bytes.Equal(before, m.data), r.name)
	}
}

// SPC-4 6.33: LUN 0 and no well known logical unit.
func TestReportLUNs(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("a0 00 00 000000 00000010 00 00", 16).Good("00000008 00000000 0000000000000000")
	h.Fetch("a0 00 02 000000 000000ff 00 00", 255).Good("00000008 00000000 0000000000000000")
	h.Fetch("a0 00 01 000000 00000010 00 00", 16).Good("00000000 00000000")
	h.Fetch("a0 00 00 000000 00000008 00 00", 16).Good("00000008 00000000")
	h.Fetch("a0 00 03 000000 00000010 00 00", 16).Sense("05 24 00 cf 00 02")

	// It tells what REPORTED LUNS DATA HAS CHANGED would ask for.
	h.Nexus().Attend(scsi.ReportedLUNsDataChanged)
	h.Fetch("a0 00 01 000000 00000010 00 00", 16).Good("00000000 00000000")
	h.Send("00 00000000 00").Sense("06 3f 0e")
	h.Nexus().Attend(scsi.ReportedLUNsDataChanged)
	h.Fetch("a0 00 00 000000 00000010 00 00", 16).Good("00000008 00000000 0000000000000000")
	h.Send("00 00000000 00").Good()
}

// SPC-4 6.39, with and without a unit attention, in both formats.
func TestRequestSense(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Fetch("03 00 0000 ff 00", 255).Good("70 00*6 0a 00*10")
	h.Fetch("03 01 0000 ff 00", 255).Good("72 00*7")
	h.Nexus().Attend(scsi.PowerOnOccurred)
	h.Nexus().Attend(scsi.CapacityDataChanged)
	h.Fetch("03 01 0000 ff 00", 255).Good("72 06 29 01 00*4")
	h.Fetch("03 00 0000 ff 00", 255).Good("70 00 06 00*4 0a 00*4 2a 09 00*4")
	h.Fetch("03 00 0000 ff 00", 255).Good("70 00*6 0a 00*10")
	h.Fetch("03 00 0000 04 00", 255).Good("70 00*3")
}
