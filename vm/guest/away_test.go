//go:build guest

package guest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kernelDisk is a disk that the kernel serves itself from its memory: it can be taken away, and put back with what is on it.
type kernelDisk struct {
	t      *testing.T
	target string // its directory
	host   string // "host3"
	link   string // where the disk is, as long as it is
}

func newKernelDisk(t *testing.T) kernelDisk {
	t.Helper()
	d := kernelDisk{t, configfs + "/loopback/naa.5001405000000077", "", filepath.Join(t.TempDir(), "disk")}
	device := configfs + "/core/rd_mcp_77/away"
	must(t, "modprobe", "tcm_loop")
	require.NoError(t, os.MkdirAll(device, 0o755))
	t.Cleanup(func() { must(t, "rmdir", device, filepath.Dir(device)) })
	write(t, device+"/control", "rd_pages=4096")
	write(t, device+"/enable", "1")
	write(t, device+"/wwn/vpd_unit_serial", "6001405aaaaabbbbbcccccdddddeeeee")
	lun := d.target + "/tpgt_1/lun/lun_0"
	require.NoError(t, os.MkdirAll(d.target+"/tpgt_1", 0o755))
	write(t, d.target+"/tpgt_1/nexus", "naa.5001405000000078")
	require.NoError(t, os.MkdirAll(lun, 0o755))
	require.NoError(t, os.Symlink(device, lun+"/away"))
	t.Cleanup(func() {
		require.NoError(t, os.Remove(lun+"/away"))
		must(t, "rmdir", lun, d.target+"/tpgt_1", d.target, configfs+"/loopback")
	})
	d.host = "host" + strings.Split(read(t, d.target+"/tpgt_1/address"), ":")[0]
	d.find()
	return d
}

// find puts the link where the disk is.
func (d kernelDisk) find() {
	d.t.Helper()
	var found []string
	eventually(d.t, "there is a disk", func() bool {
		found, _ = filepath.Glob("/sys/class/scsi_host/" + d.host + "/device/target*/*/block/sd*")
		return len(found) == 1
	})
	must(d.t, "udevadm", "settle")
	require.NoError(d.t, os.Symlink("/dev/"+filepath.Base(found[0]), d.link))
}

func (d kernelDisk) takeAway() {
	d.t.Helper()
	node, err := os.Readlink(d.link)
	require.NoError(d.t, err)
	write(d.t, "/sys/block/"+filepath.Base(node)+"/device/delete", "1")
	require.NoError(d.t, os.Remove(d.link))
}

func (d kernelDisk) putBack() {
	d.t.Helper()
	write(d.t, "/sys/class/scsi_host/"+d.host+"/scan", "- - -")
	d.find()
}

// TestStoreThatGoesAndComesBack takes the block device away that a disk is made of, and puts it back. Initiators are told that
// the disk is becoming ready, and then it is, without a restart of tcmud: the sd driver waits for it.
func TestStoreThatGoesAndComesBack(t *testing.T) {
	startDaemon(t)
	below := newKernelDisk(t)
	d := attach(t, create(t, "block", "disk0", below.link))
	sent := randomFile(t, mib)
	want, err := os.ReadFile(sent)
	require.NoError(t, err)
	must(t, "dd", "if="+sent, "of="+d.node, "bs=1M", "oflag=direct")

	below.takeAway()
	o := run(t, "sg_raw", "--request", "512", d.generic, "28", "0", "0", "0", "0", "0", "0", "0", "1", "0")
	require.NotZero(t, o.status)
	require.Contains(t, o.stdout+o.stderr, "in process of becoming ready")
	reading := exec.Command("dd", "if="+d.node, "of=/dev/null", "bs=4k", "count=1", "iflag=direct")
	require.NoError(t, reading.Start(), "which waits")
	time.Sleep(time.Second)
	below.putBack()
	require.NoError(t, reading.Wait())
	require.True(t, bytes.Equal(want, d.content(t, mib, 0)))
	must(t, "dd", "if="+randomFile(t, mib), "of="+d.node, "bs=1M", "seek=1", "oflag=direct")
}

// TestFailOver is recovery=fail: what has waited for tcmud fails when it comes back, for the initiator may have taken another
// path meanwhile; by default it is done.
func TestFailOver(t *testing.T) {
	daemon := startDaemon(t)
	for _, tt := range []struct {
		policy string
		fails  bool
	}{{"resume", false}, {"fail", true}} {
		t.Run(tt.policy, func(t *testing.T) {
			d := newRamdisk(t, "8M")
			must(t, "tcmuctl", d.object.Path, "set", "attribute", "recovery="+tt.policy)
			run(t, "sg_turs", d.generic) // hears of the change
			zeros := d.content(t, 64<<10, 0)
			daemon.terminate()
			sent := randomFile(t, 64<<10)
			writing := exec.Command("sg_raw", "--send", "65536", "--infile", sent, d.generic, "2a", "0", "0", "0", "0", "0", "0", "0", "80", "0")
			require.NoError(t, writing.Start())
			time.Sleep(time.Second)
			daemon.start()
			err := writing.Wait()
			require.Equal(t, tt.fails, err != nil)
			want, readErr := os.ReadFile(sent)
			require.NoError(t, readErr)
			if tt.fails {
				want = zeros
			}
			require.True(t, bytes.Equal(want, d.content(t, 64<<10, 0)))
		})
	}
}
