package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseList(t *testing.T) {
	out := "ALL\nALL.Read6\nALL.Read6.Simple\nSCSI\nSCSI.Read6\nSCSI.Read6.Simple\nSCSI.ModeSense6.Control-SWP\n" +
		"iSCSI.iSCSITMF.AbortTaskSimpleAsync\nLINUX.Read6.Simple\n"
	tests := parseList(out)
	require.Equal(t, []test{"SCSI.Read6.Simple", "SCSI.ModeSense6.Control-SWP", "iSCSI.iSCSITMF.AbortTaskSimpleAsync"}, tests)
	require.Equal(t, []string{"SCSI", "ModeSense6", "Control-SWP"}, []string{tests[1].family(), tests[1].suite(), tests[1].name()})
}

// What the client prints around a test, as libiscsi-bin 1.19 does.
const (
	before = `    Send PRIN/READ_KEYS
    Send READCAPACITY10 (Expecting SUCCESS) LBA:0 pmi:0
    [OK] READCAPACITY10 returned SUCCESS NO SENSE(0x00) (null)(0x0000)
    Send REPORT_SUPPORTED_OPCODE (Expecting SUCCESS) RCTD:1 OPTIONS:0 OPCODE:0x00 SA:0 ALLOC_LEN:65535
    [SKIPPED] REPORT_SUPPORTED_OPCODES is not implemented.
Bus transfer size is limited to 2048 blocks. Clamping max transfers accordingly.



     CUnit - A unit testing framework for C - Version 2.1-3
     http://cunit.sourceforge.net/


Suite: Any
`
	passes = `
Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests      1      1      1      0        0
             asserts      1      1      1      0      n/a

Elapsed time =    0.001 seconds
Tests completed with return value: 0
`
	fails = `
Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests      1      1      0      1        0
             asserts      5      5      4      1      n/a

Elapsed time =    0.018 seconds
Tests completed with return value: 0
`
)

func TestParseRun(t *testing.T) {
	for _, c := range []struct {
		name, out string
		outcome   outcome
		says      []string
	}{
		{"passed", before + `  Test: Simple ...
    Test TESTUNITREADY
    Send TESTUNITREADY (Expecting SUCCESS)
    [OK] TESTUNITREADY returned SUCCESS NO SENSE(0x00) (null)(0x0000)
passed
` + passes, passed, nil},
		{"passed as far as it is written", before + "  Test: NoMediaSBC ...\n    [SKIPPED] Test not implemented yet\npassed\n" + passes, passed, nil},
		{"skipped on the line of its name", before + "  Test: Eject ...    [SKIPPED] Logical unit is not removable. Skipping test.\npassed\n" + passes,
			skipped, []string{"Logical unit is not removable. Skipping test."}},
		{"skipped after a part", before + `  Test: Simple ...
    Send GET_LBA_STATUS (Expecting SUCCESS) LBA:0 alloc_len:24
    [SKIPPED] GET_LBA_STATUS is not implemented.
    [SKIPPED] GETLBASTATUS is not implemented.
    [SKIPPED] GETLBASTATUS is not implemented.
passed
` + passes, skipped, []string{"GET_LBA_STATUS is not implemented.", "GETLBASTATUS is not implemented."}},
		{"failed", before + `  Test: Logout ...
    Send RESERVE6
    [FAILED] RESERVE6 command: failed with sense. RESERVATION CONFLICT
    [FAILED] RESERVE6 command: failed with sense. RESERVATION CONFLICT
    [SKIPPED] something else
FAILED
    1. test_reserve6_logout.c:70  - CU_ASSERT_EQUAL(_r,0)
    2. test_reserve6_logout.c:74  - CU_ASSERT_EQUAL(_r,0)
` + fails, failed, []string{"RESERVE6 command: failed with sense. RESERVATION CONFLICT",
			"test_reserve6_logout.c:70 - CU_ASSERT_EQUAL(_r,0)", "test_reserve6_logout.c:74 - CU_ASSERT_EQUAL(_r,0)"}},
		{"never run", "Failed to open SG_IO device /dev/sdx. Error:No such file or directory\nFailed to connect to SCSI device 0\n",
			failed, []string{"has not run: Failed to connect to SCSI device 0"}},
		{"silent", "", failed, []string{"has not run: "}},
		{"ended in its midst", before + "  Test: OverwriteReserved ...\n", failed, []string{"has not run: Test: OverwriteReserved ..."}},
		{"no such test", before + `Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      0      0    n/a      0        0
               tests      0      0      0      0        0
             asserts      0      0      0      0      n/a
`, failed, []string{"has not run: asserts 0 0 0 0 n/a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			outcome, says := parseRun(c.out)
			require.Equal(t, c.outcome.String(), outcome.String())
			require.Equal(t, c.says, says)
		})
	}
}
