package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a run on one target of ours and one of somebody else's.
var sample = run{Kernel: "6.1.0", Client: "iscsi-test-cu 1.19.0", Results: []result{
	{Target: "thin/iscsi", Test: "SCSI.Read6.Simple"},
	{Target: "thin/iscsi", Test: "SCSI.Read6.BeyondEol", Outcome: failed, Says: []string{"returned SUCCESS"}},
	{Target: "thin/iscsi", Test: "SCSI.StartStopUnit.Simple", Outcome: skipped, Says: []string{"LUN is not removable."}},
	{Target: "thin/iscsi", Test: "iSCSI.iSCSIdatasn.iSCSIDataSnInvalid", Outcome: failed, Says: []string{"CU_ASSERT_NOT_EQUAL(ret,0)"}},
	{Target: "fileio/sd", Test: "SCSI.Read6.Simple", Outcome: failed},
	{Target: "fileio/sd", Test: "SCSI.Read6.BeyondEol", Outcome: failed},
	{Target: "fileio/sd", Test: "SCSI.StartStopUnit.Simple", Outcome: crashed},
}}

func TestReport(t *testing.T) {
	var b strings.Builder
	report(&b, sample, judge(sample, reasons))
	require.Equal(t, `
Passed/failed/skipped:
Suite         thin/iscsi fileio/sd
Read6         1/1/0      0/2/0
StartStopUnit 0/0/1      0/0/1
iSCSIdatasn   0/1/0
all           1/2/1      0/2/1

Not passed on our disk:
   1 skipped: wants a medium that can be removed (passes on [re]*/*)
   1 failed: the target drops the connection, and the client logs in again and sends the data as immediate data, without a DataSN (kernel: iscsit_dataout_check_datasn)

Not as expected:
  thin/iscsi SCSI.Read6.BeyondEol failed: returned SUCCESS

1 passed, 1 failed
`, b.String())
}

func TestSection(t *testing.T) {
	text := section(sample, judge(sample, reasons))
	for _, want := range []string{
		"\n## Outside suites\n\nWhat libiscsi's test suite (iscsi-test-cu 1.19.0, Linux 6.1.0) says",
		"\n- **removable**: our disk, thin provisioned, with a medium that can be removed, and",
		"\n- **fileio**: the kernel's own fileio backstore,",
		"\n| Suite | thin/iscsi | fileio/sd |\n| --- | --- | --- |\n| Read6 | 1/1/0 | 0/2/0 |\n",
		"\n| 1 skipped | wants a medium that can be removed | StartStopUnit.Simple | passes on [re]\\*/\\* |\n",
		"\n| fileio/sd | Read6.{Simple, BeyondEol} |\n",
	} {
		require.Contains(t, text, want)
	}
	const part = "the run was a part"
	whole := sample
	whole.Complete = true
	require.Contains(t, text, part)
	require.NotContains(t, section(whole, judge(whole, reasons)), part)
}

func TestSectionIsPutInPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "conformance.md")
	read := func() string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(text)
	}
	require.NoError(t, os.WriteFile(file, []byte("# Conformance\n"), 0o600))
	require.NoError(t, writeSection(file, "first\n"))
	require.Equal(t, "# Conformance\n\n<!-- Outside suites -->\nfirst\n<!-- end of outside suites -->\n", read())
	require.NoError(t, os.WriteFile(file, []byte(read()+"\nanother section\n"), 0o600))
	require.NoError(t, writeSection(file, "second\n"))
	require.Equal(t, "# Conformance\n\n<!-- Outside suites -->\nsecond\n<!-- end of outside suites -->\n\nanother section\n", read())
	require.ErrorIs(t, writeSection(filepath.Join(t.TempDir(), "none.md"), ""), os.ErrNotExist)
}

func TestTestsAreNamedBySuite(t *testing.T) {
	require.Equal(t, "Read6.{Simple, BeyondEol}, Inquiry.EVPD", tests([]result{
		{Target: "thin/sd", Test: "SCSI.Read6.Simple"}, {Target: "thin/sg", Test: "SCSI.Read6.Simple"},
		{Target: "thin/sd", Test: "SCSI.Inquiry.EVPD"}, {Target: "thin/sd", Test: "SCSI.Read6.BeyondEol"},
	}))
}
