//go:build guest

package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// persist runs sg_persist on a disk, and returns what it printed, or how it failed.
func persist(t *testing.T, d disk, args ...string) outcome {
	t.Helper()
	return run(t, "sg_persist", append(append([]string{"--no-inquiry"}, args...), d.generic)...)
}

func mustPersist(t *testing.T, d disk, args ...string) string {
	t.Helper()
	o := persist(t, d, args...)
	require.Zero(t, o.status, "%v\n%s%s", args, o.stdout, o.stderr)
	return o.stdout
}

// sgConflict is the exit status of sg3_utils for RESERVATION CONFLICT.
const sgConflict = 24

// TestSgPersist sends every service action by sg_persist, from three I_T nexuses.
func TestSgPersist(t *testing.T) {
	startDaemon(t)
	disks := newEngineDisk(t, 3)
	a, b, c := disks[0], disks[1], disks[2]
	for _, d := range disks {
		eventually(t, "the disk is ready", func() bool { return ready(t, d) })
	}
	keyA, keyB := "--param-rk=0xa", "--param-rk=0xb"
	mustPersist(t, a, "--out", "--register", "--param-sark=0xa")
	require.Equal(t, sgConflict, persist(t, a, "--out", "--register", "--param-sark=0xaa").status, "it has a key")
	mustPersist(t, b, "--out", "--register-ignore", "--param-sark=0xb")
	require.Contains(t, mustPersist(t, c, "--in", "--read-keys"), "2 registered reservation keys follow:\n    0xa\n    0xb\n")

	require.Equal(t, sgConflict, persist(t, c, "--out", "--reserve", "--param-rk=0xc", "--prout-type=1").status)
	mustPersist(t, a, "--out", "--reserve", keyA, "--prout-type=1")
	require.Equal(t, sgConflict, persist(t, b, "--out", "--reserve", keyB, "--prout-type=1").status)
	require.Contains(t, mustPersist(t, b, "--in", "--read-reservation"), "Key=0xa\n    scope: LU_SCOPE,  type: Write Exclusive\n")
	require.Contains(t, mustPersist(t, c, "--in", "--report-capabilities"), "Compatible Reservation Handling(CRH): 1")
	mustPersist(t, b, "--out", "--release", keyB, "--prout-type=1") // it holds nothing, and releases nothing
	require.NotZero(t, persist(t, a, "--out", "--release", keyA, "--prout-type=3").status, "of another type")
	mustPersist(t, a, "--out", "--release", keyA, "--prout-type=1")
	require.Contains(t, mustPersist(t, b, "--in", "--read-reservation"), "there is NO reservation held")

	mustPersist(t, a, "--out", "--reserve", keyA, "--prout-type=5")
	mustPersist(t, b, "--out", "--preempt", keyB, "--param-sark=0xa", "--prout-type=6")
	require.Contains(t, mustPersist(t, c, "--in", "--read-reservation"), "Key=0xb\n    scope: LU_SCOPE,  type: Exclusive Access, registrants only\n")
	require.Equal(t, 6, run(t, "sg_turs", a.generic).status, "REGISTRATIONS PREEMPTED")
	mustPersist(t, a, "--out", "--register", "--param-sark=0xa")
	mustPersist(t, a, "--out", "--preempt-abort", keyA, "--param-sark=0xb", "--prout-type=7")
	require.Contains(t, mustPersist(t, a, "--in", "--read-reservation"), "type: Write Exclusive, all registrants")
	require.Equal(t, 6, run(t, "sg_turs", b.generic).status)
	mustPersist(t, a, "--out", "--clear", keyA)
	require.Contains(t, mustPersist(t, a, "--in", "--read-keys"), "there are NO registered reservation keys")

	mustPersist(t, a, "--out", "--register", "--param-sark=0xa", "--param-aptpl")
	mustPersist(t, a, "--out", "--reserve", keyA, "--prout-type=3")
	full := mustPersist(t, c, "--in", "--read-full-status")
	require.Contains(t, full, "Key=0xa")
	require.Contains(t, full, "<< Reservation holder >>")
	require.Contains(t, full, "Relative port address: 0x1")
	naa := initiatorOf(t, b)
	mustPersist(t, a, "--out", "--register-move", keyA, "--param-sark=0xb0", "--param-unreg", "--relative-target-port=2", "--transport-id=sas,"+naa)
	require.Contains(t, mustPersist(t, c, "--in", "--read-reservation"), "Key=0xb0\n    scope: LU_SCOPE,  type: Exclusive Access\n")
	require.Equal(t, 5, persist(t, b, "--out", "--replace-lost", "--param-sark=0xb1", "--prout-type=3").status, "nothing is lost")
	mustPersist(t, b, "--out", "--clear", "--param-rk=0xb0")

	mustPersist(t, c, "--out", "--register", "--param-sark=0xc", "--transport-id=sas,"+naa)
	require.Contains(t, mustPersist(t, c, "--in", "--read-keys"), "2 registered reservation keys follow:\n    0xc\n    0xc\n", "SPEC_I_PT")
	mustPersist(t, c, "--out", "--clear", "--param-rk=0xc")
	mustPersist(t, c, "--out", "--register", "--param-sark=0xc", "--param-alltgpt")
	require.Contains(t, mustPersist(t, c, "--in", "--read-keys"), "3 registered reservation keys follow:\n    0xc\n    0xc\n    0xc\n", "through each port")
}

// initiatorOf is the SAS address of the initiator port that a loopback disk is reached by.
func initiatorOf(t *testing.T, d disk) string {
	t.Helper()
	nexus := read(t, filepath.Join(configfs, "loopback", filepath.Base(d.target), "tpgt_1", "nexus"))
	return strings.TrimPrefix(nexus, "naa.")
}

// prCommand is an ioctl of linux/pr.h: its number, and the words of its argument after two keys, or after one.
type prCommand struct {
	number uintptr
	keys   int
	words  int
}

var (
	iocRegister     = prCommand{200, 2, 2}
	iocReserve      = prCommand{201, 1, 2}
	iocRelease      = prCommand{202, 1, 2}
	iocPreempt      = prCommand{203, 2, 2}
	iocPreemptAbort = prCommand{204, 2, 2}
	iocClear        = prCommand{205, 1, 2}
)

// send sends it to a block device. What comes back is 0, a SCSI status or an error.
func (c prCommand) send(t *testing.T, d disk, keys []uint64, words ...uint32) (int, error) {
	t.Helper()
	f, err := os.OpenFile(d.node, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	var p [24]byte
	size := uintptr(8*c.keys + 4*c.words)
	for i, k := range keys {
		*(*uint64)(unsafe.Pointer(&p[8*i])) = k
	}
	for i, w := range words {
		*(*uint32)(unsafe.Pointer(&p[8*c.keys+4*i])) = w
	}
	request := 1<<30 | size<<16 | 'p'<<8 | c.number
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&p)))
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// TestLinuxReservesByIoctl: sd registers with APTPL always.
func TestLinuxReservesByIoctl(t *testing.T) {
	startDaemon(t)
	disks := newEngineDisk(t, 2)
	a, b := disks[0], disks[1]
	ok := func(c prCommand, d disk, keys []uint64, words ...uint32) {
		t.Helper()
		status, err := c.send(t, d, keys, words...)
		require.NoError(t, err)
		require.Zero(t, status)
	}
	const writeExclusiveType, exclusiveRegistrants, ignoreKey = 1, 4, 1 // PR_WRITE_EXCLUSIVE, PR_EXCLUSIVE_ACCESS_REG_ONLY, PR_FL_IGNORE_KEY
	ok(iocRegister, a, []uint64{0, 0xa})
	ok(iocRegister, b, []uint64{0, 0xb}, ignoreKey)
	ok(iocReserve, a, []uint64{0xa}, writeExclusiveType)
	require.Contains(t, mustPersist(t, b, "--in", "--report-capabilities"), "Persist Through Power Loss Active(PTPL_A): 1")
	require.NotZero(t, run(t, "dd", "if=/dev/zero", "of="+b.node, "bs=4096", "count=1", "oflag=direct").status)
	must(t, "dd", "if=/dev/zero", "of="+a.node, "bs=4096", "count=1", "oflag=direct")
	ok(iocPreempt, b, []uint64{0xb, 0xa}, exclusiveRegistrants)
	require.Contains(t, mustPersist(t, b, "--in", "--read-reservation"), "Key=0xb\n    scope: LU_SCOPE,  type: Exclusive Access, registrants only\n")
	run(t, "sg_turs", a.generic)
	ok(iocRegister, a, []uint64{0, 0xa})
	ok(iocPreemptAbort, a, []uint64{0xa, 0xb}, writeExclusiveType)
	ok(iocRelease, a, []uint64{0xa}, writeExclusiveType)
	ok(iocClear, a, []uint64{0xa})
	require.Equal(t, 6, run(t, "sg_turs", b.generic).status, "REGISTRATIONS PREEMPTED")
	require.Contains(t, mustPersist(t, b, "--in", "--read-keys"), "there are NO registered reservation keys")
}

// startMultipathd lets multipath-tools make maps of our disks, with a reservation key for mpathpersist.
func startMultipathd(t *testing.T) {
	t.Helper()
	must(t, "modprobe", "dm-multipath")
	write(t, "/etc/multipath.conf", "defaults {\n\tfind_multipaths no\n\tuser_friendly_names no\n\treservation_key file\n\tpolling_interval 1\n}\n")
	require.NoError(t, os.MkdirAll("/etc/multipath", 0o755))
	daemon := exec.Command("multipathd", "-d")
	log, err := os.Create(filepath.Join(t.TempDir(), "multipathd.log"))
	require.NoError(t, err)
	daemon.Stdout, daemon.Stderr = log, log
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		run(t, "multipath", "-F")
		assert.NoError(t, daemon.Process.Signal(syscall.SIGTERM))
		daemon.Wait()
		if t.Failed() {
			t.Log(read(t, log.Name()))
		}
		assert.NoError(t, os.Remove("/etc/multipath.conf"))
		assert.NoError(t, os.RemoveAll("/etc/multipath"))
	})
	eventually(t, "multipathd answers", func() bool { return run(t, "multipathd", "show", "daemon").status == 0 })
}

// TestMultipathReserves: two paths of a disk become one map, and mpathpersist registers both, reserves, preempts itself to
// take the reservation to its other path, and is fenced by a third initiator.
func TestMultipathReserves(t *testing.T) {
	startDaemon(t)
	startMultipathd(t)
	disks := newEngineDisk(t, 3)
	other := disks[2]
	serial := strings.Fields(must(t, "sg_vpd", "--page=di", "--quiet", disks[0].generic))[0]
	mapped := "/dev/mapper/3" + strings.TrimPrefix(serial, "0x")
	// The third is another host's path.
	eventually(t, "the map has its paths", func() bool {
		return strings.Count(run(t, "multipathd", "show", "paths", "format", "%w %d %t").stdout, "active") >= 3
	})
	must(t, "multipathd", "del", "path", filepath.Base(other.node))
	mpath := func(args ...string) string {
		t.Helper()
		return must(t, "mpathpersist", append(args, mapped)...)
	}
	mpath("--out", "--register", "--param-sark=0xabc")
	require.Contains(t, mpath("--in", "--read-keys"), "2 registered reservation key")
	mpath("--out", "--reserve", "--param-rk=0xabc", "--prout-type=5")
	require.Contains(t, mpath("--in", "--read-reservation"), "Key = 0xabc")
	require.NotZero(t, run(t, "dd", "if=/dev/zero", "of="+other.node, "bs=4096", "count=1", "oflag=direct").status)
	must(t, "dd", "if=/dev/zero", "of="+mapped, "bs=4096", "count=16", "oflag=direct")
	mpath("--out", "--preempt", "--param-rk=0xabc", "--param-sark=0xabc", "--prout-type=6")
	require.Contains(t, mpath("--in", "--read-reservation"), "Key = 0xabc")

	eventually(t, "the disk is ready", func() bool { return ready(t, other) })
	mustPersist(t, other, "--out", "--register-ignore", "--param-sark=0xdef")
	mustPersist(t, other, "--out", "--preempt-abort", "--param-rk=0xdef", "--param-sark=0xabc", "--prout-type=5")
	require.NotZero(t, run(t, "dd", "if=/dev/zero", "of="+mapped, "bs=4096", "count=1", "oflag=direct").status, "fenced")
	must(t, "dd", "if=/dev/zero", "of="+other.node, "bs=4096", "count=1", "oflag=direct")
	mustPersist(t, other, "--out", "--clear", "--param-rk=0xdef")
}
