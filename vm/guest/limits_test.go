//go:build guest

package guest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// newFileWith is newFile, with attributes that are set before there is a LUN.
func newFileWith(t *testing.T, size string, attributes ...string) disk {
	t.Helper()
	object := create(t, "fileio", "disk0", filepath.Join(t.TempDir(), "disk0.img"), size)
	for _, a := range attributes {
		must(t, "tcmuctl", object.Path, "set", "attribute", a)
	}
	return attach(t, object)
}

// spoken are the messages of sd that say nothing is amiss.
var spoken = regexp.MustCompile(`sd [\d:]+: (Attached scsi generic \w+ type 0|Power-on or device reset occurred|\[\w+\] (` + strings.Join([]string{
	`\d+ (512|4096)-byte logical blocks: .*`, `4096-byte physical blocks`, `Write Protect is off`, `Mode Sense: .*`,
	`Write cache: (enabled|disabled), read cache: enabled, supports DPO and FUA`,
	`Preferred minimum I/O size \d+ bytes`, `Optimal transfer size \d+ bytes`, `Attached SCSI disk`, `Synchronizing SCSI cache`,
}, "|") + `))$`)

// The kernel's own driver finds nothing to complain of in a disk that comes, is written and goes, and lsblk prints of
// discards what the Block Limits and Logical Block Provisioning pages say.
func TestDriverIsContent(t *testing.T) {
	startDaemon(t)
	for name, c := range map[string]struct {
		make  func(t *testing.T) disk
		lsblk string // discard alignment, granularity and maximum, physical and logical sector
	}{
		"thin":                {func(t *testing.T) disk { return newFile(t, "16M") }, "0 4096 536870912 512 512"},
		"blocks of 4096":      {func(t *testing.T) disk { return newRamdisk(t, "16M", "block_size=4096") }, "0 4096 4294967296 4096 4096"},
		"blocks of 8 in 4096": {func(t *testing.T) disk { return newFileWith(t, "16M", "physical_exponent=3") }, "0 4096 536870912 4096 512"},
		"thick":               {func(t *testing.T) disk { return newFileWith(t, "16M", "emulate_tpu=0") }, "0 0 0 512 512"},
	} {
		t.Run(name, func(t *testing.T) {
			log := kernelLog(t)
			t.Run("life", func(t *testing.T) {
				d := c.make(t)
				columns := "DISC-ALN,DISC-GRAN,DISC-MAX,PHY-SEC,LOG-SEC"
				assert.Equal(t, c.lsblk, strings.Join(strings.Fields(must(t, "lsblk", "--bytes", "--noheadings", "--output", columns, d.node)), " "))
				must(t, "dd", "if=/dev/zero", "of="+d.node, "bs=64k", "count=4", "oflag=direct,dsync")
				must(t, "blkdiscard", "--zeroout", d.node)
			})
			said := log()
			requireQuiet(t, said)
			require.Contains(t, said, "Attached SCSI disk")
			for line := range strings.Lines(said) {
				if strings.Contains(line, "] sd ") {
					assert.Regexp(t, spoken, strings.TrimSpace(line))
				}
			}
		})
	}
}

// Space that a file system frees or zeroes, by whichever command, goes back to the file below.
func TestFileSystemsFreeSpace(t *testing.T) {
	const size, content = 320 * mib, 24 * mib
	startDaemon(t)
	for _, c := range []struct{ name, mkfs string }{{"ext4", "mkfs.ext4 -q"}, {"xfs", "mkfs.xfs -q -f"}} {
		t.Run(c.name, func(t *testing.T) {
			d := newFile(t, strconv.Itoa(size))
			file := d.file(t)
			shell(t, c.mkfs+" "+d.node)
			empty := allocated(t, file)
			require.Less(t, empty, int64(96*mib), "mkfs zeroes without taking space")

			fill := func(dir string) {
				shell(t, "head -c 24M /dev/zero > "+dir+"/content && sync --file-system "+dir)
				require.Greater(t, allocated(t, file), empty+content-mib)
			}
			falls := func(how string) {
				t.Helper()
				eventually(t, "space is free by "+how, func() bool { return allocated(t, file) < empty+8*mib })
			}
			mounted(t, d.node, c.name, "discard", func(dir string) {
				fill(dir)
				shell(t, "rm "+dir+"/content && sync --file-system "+dir)
				falls("mount -o discard")
			})
			mounted(t, d.node, c.name, "", func(dir string) {
				fill(dir)
				shell(t, "rm "+dir+"/content && sync --file-system "+dir)
				require.Greater(t, allocated(t, file), empty+content-mib, "nobody has said so yet")
				must(t, "fstrim", dir)
				falls("fstrim")
				shell(t, "cp --no-preserve=all /opt/tcmud/bin/tcmud "+dir+"/zeros && sync --file-system "+dir)
				shell(t, "fallocate --zero-range --length 4M "+dir+"/zeros && sync --file-system "+dir)
				shell(t, "echo 3 > /proc/sys/vm/drop_caches; cmp --bytes=4M /dev/zero "+dir+"/zeros")
			})
		})
	}
}

// Zeroes by WRITE SAME keep the space that a range has, for what is to be written there; with UNMAP they free it.
func TestZeroesAndSpace(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "32M")
	must(t, "dd", "if="+randomFile(t, 8*mib), "of="+d.node, "bs=1M", "oflag=direct")
	for _, c := range []struct {
		how  string
		left int
	}{{"--zero-range", 8 * mib}, {"--punch-hole", 2 * mib}} {
		must(t, "fallocate", c.how, "--offset", "1M", "--length", "6M", d.node)
		require.InDelta(t, c.left, allocated(t, d.file(t)), 64<<10, c.how)
		require.True(t, bytes.Equal(make([]byte, 6*mib), d.content(t, 6*mib, mib)), c.how)
	}
	must(t, "blkdiscard", d.node)
	require.Zero(t, allocated(t, d.file(t)))
}

// rwfAtomic is RWF_ATOMIC of <linux/fs.h>: Linux has it since 6.11, and sd makes it WRITE ATOMIC (16).
const rwfAtomic = 0x40

// A write with RWF_ATOMIC is done whole where the kernel knows the flag; one that does not says so, and has no limits.
func TestAtomicWrites(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "16M")
	f, err := os.OpenFile(d.node, os.O_RDWR|unix.O_DIRECT, 0)
	require.NoError(t, err)
	defer f.Close()
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned, for O_DIRECT
	require.NoError(t, err)
	defer unix.Munmap(page)
	n, wrote := unix.Pwritev2(int(f.Fd()), [][]byte{page}, 0, rwfAtomic)

	limit := filepath.Join("/sys/block", filepath.Base(d.node), "queue/atomic_write_unit_max_bytes")
	text, err := os.ReadFile(limit)
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("looked for %s: this kernel has no atomic writes", limit)
		require.ErrorIs(t, wrote, unix.EOPNOTSUPP)
		return
	}
	require.NoError(t, err)
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.GreaterOrEqual(t, most, 4096)
	require.NoError(t, wrote)
	require.Equal(t, 4096, n)
}
