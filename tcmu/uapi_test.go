package tcmu

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers in this package were typed by hand. Where a C compiler and the kernel's header are installed (gcc,
// linux-libc-dev), the compiler is the judge.
func TestLayoutIsThatOfTheKernelHeader(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	if _, err := os.Stat("/usr/include/linux/target_core_user.h"); err != nil {
		t.Skip("no kernel headers")
	}
	program := "#include <stddef.h>\n#include <linux/target_core_user.h>\n"
	for _, c := range []struct {
		ours int
		c    string
	}{
		{abiVersion, "TCMU_MAILBOX_VERSION"},
		{int(OutOfOrder), "TCMU_MAILBOX_FLAG_CAP_OOOC"},
		{int(ReadLength), "TCMU_MAILBOX_FLAG_CAP_READ_LEN"},
		{mailboxVersion, "offsetof(struct tcmu_mailbox, version)"},
		{mailboxFlags, "offsetof(struct tcmu_mailbox, flags)"},
		{mailboxRing, "offsetof(struct tcmu_mailbox, cmdr_off)"},
		{mailboxRingSize, "offsetof(struct tcmu_mailbox, cmdr_size)"},
		{mailboxHead, "offsetof(struct tcmu_mailbox, cmd_head)"},
		{mailboxTail, "offsetof(struct tcmu_mailbox, cmd_tail)"},
		{mailboxSize, "sizeof(struct tcmu_mailbox)"},
		{opMask, "TCMU_OP_MASK"},
		{int(opPad), "TCMU_OP_PAD"},
		{int(opCommand), "TCMU_OP_CMD"},
		{entryAlign, "TCMU_OP_ALIGN_SIZE"},
		{headerSize, "sizeof(struct tcmu_cmd_entry_hdr)"},
		{minCommand, "sizeof(struct tcmu_cmd_entry)"},
		{entryLenOp, "offsetof(struct tcmu_cmd_entry_hdr, len_op)"},
		{entryID, "offsetof(struct tcmu_cmd_entry_hdr, cmd_id)"},
		{entryUFlags, "offsetof(struct tcmu_cmd_entry_hdr, uflags)"},
		{flagUnknownOp, "TCMU_UFLAG_UNKNOWN_OP"},
		{flagReadLength, "TCMU_UFLAG_READ_LEN"},
		{flagKeepBuffer, "TCMU_UFLAG_KEEP_BUF"},
		{requestIovecs, "offsetof(struct tcmu_cmd_entry, req.iov_cnt)"},
		{requestBidi, "offsetof(struct tcmu_cmd_entry, req.iov_bidi_cnt)"},
		{requestCDB, "offsetof(struct tcmu_cmd_entry, req.cdb_off)"},
		{requestIovec, "offsetof(struct tcmu_cmd_entry, req.iov)"},
		{iovecSize, "sizeof(struct iovec)"},
		{responseStatus, "offsetof(struct tcmu_cmd_entry, rsp.scsi_status)"},
		{responseLength, "offsetof(struct tcmu_cmd_entry, rsp.read_len)"},
		{responseSense, "offsetof(struct tcmu_cmd_entry, rsp.sense_buffer)"},
		{senseSize, "TCMU_SENSE_BUFFERSIZE"},
		{genlAdded, "TCMU_CMD_ADDED_DEVICE"},
		{genlRemoved, "TCMU_CMD_REMOVED_DEVICE"},
		{genlReconfig, "TCMU_CMD_RECONFIG_DEVICE"},
		{attrDevice, "TCMU_ATTR_DEVICE"},
		{attrMinor, "TCMU_ATTR_MINOR"},
		{attrConfig, "TCMU_ATTR_DEV_CFG"},
		{attrSize, "TCMU_ATTR_DEV_SIZE"},
		{attrWriteCache, "TCMU_ATTR_WRITECACHE"},
		{attrDeviceID, "TCMU_ATTR_DEVICE_ID"},
	} {
		program += fmt.Sprintf("_Static_assert(%d == %s, %q);\n", c.ours, c.c, c.c)
	}
	// Since Linux 5.9 and 5.15, so that headers may lack them.
	program += "#ifdef TCMU_MAILBOX_FLAG_CAP_TMR\n"
	for _, c := range []struct {
		ours int
		c    string
	}{
		{int(TaskManagement), "TCMU_MAILBOX_FLAG_CAP_TMR"},
		{int(opTMR), "TCMU_OP_TMR"},
		{minTMR, "sizeof(struct tcmu_tmr_entry)"},
		{tmrType, "offsetof(struct tcmu_tmr_entry, tmr_type)"},
		{tmrCount, "offsetof(struct tcmu_tmr_entry, cmd_cnt)"},
		{tmrIDs, "offsetof(struct tcmu_tmr_entry, cmd_ids)"},
		{int(AbortTask), "TCMU_TMR_ABORT_TASK"},
		{int(LogicalUnitReset), "TCMU_TMR_LUN_RESET"},
		{int(PreemptAndAbort), "TCMU_TMR_LUN_RESET_PRO"},
	} {
		program += fmt.Sprintf("_Static_assert(%d == %s, %q);\n", c.ours, c.c, c.c)
	}
	program += "#endif\n"
	file := filepath.Join(t.TempDir(), "layout.c")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o644))
	out, err := exec.Command(cc, "-fsyntax-only", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
