//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fabricRounds is how often a device comes and goes on all fabrics where nobody says ("make churn ROUNDS=500", TCMUD_ROUNDS).
const fabricRounds = 3

// TestChurnOfAllFabrics makes devices, exports them by each fabric, uses, resizes and deletes them, while tcmu-runner is there
// to be told of each and to have its say: nothing is left of them, nor does tcmud get larger.
func TestChurnOfAllFabrics(t *testing.T) {
	rounds := fabricRounds
	if n := os.Getenv("TCMUD_ROUNDS"); n != "" {
		rounds = number(t, n)
	}
	must(t, "modprobe", "-a", "tcm_loop", "vhost_scsi", "iscsi_target_mod")
	startBus(t)
	startRunner(t)
	t.Setenv("GOGC", "10") // little garbage to be taken for a leak
	daemon := startDaemon(t)
	log, before := kernelLog(t), footprint(t)
	churnFabrics(t) // the first makes things that stay
	churnFabrics(t)
	warm := daemon.usage()
	for i := range rounds {
		churnFabrics(t)
		if (i+1)%50 == 0 {
			t.Logf("resident: %d KiB after %d rounds", daemon.usage().resident>>10, i+1)
		}
	}
	now := daemon.usage()
	requireFootprint(t, before)
	require.LessOrEqual(t, now.descriptors, warm.descriptors+1) // tcmuctl's last call may still be open
	require.Empty(t, now.mapped)
	require.LessOrEqual(t, now.threads, warm.threads+4) // Go makes one now and then
	const garbage = 4 << 20                             // comes and goes
	require.Less(t, now.resident-warm.resident, garbage+rounds<<13, "8 KiB for each round is a leak")
	requireQuiet(t, log())
	t.Logf("%d rounds: %d to %d KiB resident, %d descriptors, %d threads", rounds, warm.resident>>10, now.resident>>10, now.descriptors, now.threads)
}

// churnFabrics is a round.
func churnFabrics(t *testing.T) {
	t.Helper()
	const (
		loop  = "/loopback/naa.5001405000000a01"
		iscsi = "/iscsi/iqn.2003-01.org.example:churn"
		vhost = "/vhost/naa.5001405000000a02"
	)
	file := filepath.Join(t.TempDir(), "churn.img")
	script := func(format string, args ...any) { t.Helper(); patiently(t, fmt.Sprintf(format, args...)) }
	script("/backstores/ramdisk create churn0 4M\n/backstores/fileio create churn1 %s 4M\n"+
		"/loopback create %s\n%s/luns create /backstores/ramdisk/churn0\n%[3]s/luns create /backstores/fileio/churn1\n"+
		"/iscsi create %s\n%s/tpg1/luns create /backstores/ramdisk/churn0\n%[5]s/tpg1 set attribute generate_node_acls=1 demo_mode_write_protect=0\n"+
		"/vhost create %s\n%s/tpg1/luns create /backstores/fileio/churn1\n",
		file, filepath.Base(loop), loop, filepath.Base(iscsi), iscsi, filepath.Base(vhost), vhost)
	for _, node := range nodesOf(t, filepath.Base(loop)) {
		must(t, "dd", "if=/dev/urandom", "of="+node, "bs=64k", "count=8", "oflag=direct")
	}
	must(t, "iscsi-inq", "iscsi://127.0.0.1/"+filepath.Base(iscsi)+"/0")
	script("/backstores/ramdisk/churn0 set size=6M\n/backstores/fileio/churn1 set size=6M\n" +
		"/vhost delete naa.5001405000000a02\n/iscsi delete iqn.2003-01.org.example:churn\n/loopback delete naa.5001405000000a01\n" +
		"/backstores/ramdisk delete churn0\n/backstores/fileio delete churn1\n")
	require.NoError(t, os.Remove(file))
}

// nodesOf are the disks of a loopback target, which has two.
func nodesOf(t *testing.T, wwn string) (nodes []string) {
	t.Helper()
	host, _, _ := strings.Cut(read(t, configfs+"/loopback/"+wwn+"/tpgt_1/address"), ":")
	eventually(t, "there are two disks", func() bool {
		found, err := filepath.Glob("/sys/class/scsi_host/host" + host + "/device/target*/*/block/sd*")
		require.NoError(t, err)
		nodes = nil
		for _, f := range found {
			nodes = append(nodes, "/dev/"+filepath.Base(f))
		}
		return len(nodes) == 2
	})
	return nodes
}
