package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestComplaints(t *testing.T) {
	tests := []struct{ name, line string }{
		{"warning", "[   12.345678] WARNING: CPU: 1 PID: 812 at drivers/target/target_core_user.c:1379 tcmu_handle_completion+0x1/0x2"},
		{"bug", "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008"},
		{"bug", "[   12.345678] kernel BUG at mm/slub.c:4023!"},
		{"bug", "[   12.345678] BUG: workqueue lockup - pool cpus=0 node=0"},
		{"oops", "[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI"},
		{"oops", "[   12.345678] general protection fault, probably for non-canonical address 0xdead000000000100"},
		{"panic", "[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"},
		{"hung task", "[  242.000000] INFO: task dd:1234 blocked for more than 120 seconds."},
		{"lockup", "[   48.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [tcmud:371]"},
		{"lockup", "[   48.000000] rcu: INFO: rcu_preempt self-detected stall on CPU"},
		{"lockup", "[   48.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"},
		{"broken ring", "[   20.000000] cmd_id 2 not found, ring is broken"},
		{"leak", "[   20.000000] refcount_t: underflow; use-after-free."},
		{"leak", "[   20.000000] list_del corruption. prev->next should be ffff, but was dead"},
		{"out of memory", "[   20.000000] Out of memory: Killed process 371 (tcmud) total-vm:1024kB"},
		{"file system", "[   20.000000] EXT4-fs error (device sda): ext4_lookup:1855: inode #2: comm ls: deleted inode"},
		{"file system", "[   20.000000] XFS (sda): Metadata corruption detected at xfs_agf_verify"},
	}
	tested := make(map[string]bool)
	for _, test := range tests {
		tested[test.name] = true
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.name, kind(test.line))
			require.Equal(t, []string{test.line}, Complaints("[    0.000000] Linux version 6.1\n"+test.line+"\r\n"))
		})
	}
	for _, c := range complaints {
		require.True(t, tested[c.name], "no line tests %q", c.name)
	}
}

func TestNoComplaintAboutUsualLines(t *testing.T) {
	log := strings.Join([]string{
		"[    0.000000] Command line: console=ttyS0 panic=-1 oops=panic mitigations=off tsc=reliable",
		"[    0.126133] ACPI BIOS Warning (bug): Optional FADT field Pm2ControlBlock has valid Length",
		"[    5.000000] tcmu daemon: command reply support 1.",
		"[    5.100000] sd 2:0:1:0: [sda] Attached SCSI disk",
		"[    5.200000] sd 2:0:1:0: Power-on or device reset occurred",
		"[    5.300000] debug: rcu tasks",
		"[    6.000000] sysrq: Show Blocked State",
	}, "\n")
	require.Empty(t, Complaints(log))
	require.Empty(t, Complaints(""))
}
