//go:build guest

package guest

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLsscsiShowsARamdiskOfLIO(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "10M")
	require.Regexp(t, `(?m)^\[\d+:0:1:0\]\s+disk\s+LIO-ORG\s+rd0\s+1\.0\s+`+d.node+`\s*$`, must(t, "lsscsi"))
}

// What was asked for is what the block layer finds.
func TestBlockLayerSeesTheGeometryAskedFor(t *testing.T) {
	const sectors = 24 * mib / 512
	cases := []struct {
		name  string
		make  func(t *testing.T, size string, args ...string) disk
		args  []string
		block int
		cache string
	}{
		{"ramdisk of 512", newRamdisk, nil, 512, "write through"},
		{"ramdisk of 4096", newRamdisk, []string{"block_size=4096"}, 4096, "write through"},
		{"file of 512 with write cache", newFile, nil, 512, "write back"},
		{"file of 512 without", newFile, []string{"write_back=false"}, 512, "write through"},
		{"file of 4096 with write cache", newFile, []string{"block_size=4096", "write_back=true"}, 4096, "write back"},
		{"file of 4096 without", newFile, []string{"block_size=4096", "write_back=no"}, 4096, "write through"},
	}
	startDaemon(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := c.make(t, "24MiB", c.args...)
			// One UNMAP may cover 2^20 blocks, a WRITE SAME 2^15, READ and WRITE 1 MiB
			// at best; 4 KiB is the page of memory and the block of the file system.
			for file, want := range map[string]string{
				"size":                                 strconv.Itoa(sectors),
				"ro":                                   "0",
				"queue/logical_block_size":             strconv.Itoa(c.block),
				"queue/write_cache":                    c.cache,
				"queue/rotational":                     "0",
				"queue/discard_granularity":            "4096",
				"queue/discard_max_hw_bytes":           strconv.Itoa(c.block << 20),
				"queue/write_zeroes_max_bytes":         strconv.Itoa(c.block << 15),
				"queue/optimal_io_size":                strconv.Itoa(mib),
				"queue/max_sectors_kb":                 "1024",
				"device/scsi_disk/*/cache_type":        c.cache,
				"device/scsi_disk/*/provisioning_mode": "unmap",
				"device/scsi_disk/*/thin_provisioning": "1",
			} {
				assert.Equal(t, want, d.sys(t, file), file)
			}
		})
	}
}

// hw_max_sectors, where a script sets it, is the most that one command moves.
func TestBlockLayerKeepsToHWMaxSectors(t *testing.T) {
	startDaemon(t)
	d := attach(t, scripted(t, script{name: "narrow", config: "tcmud/ramdisk", control: "hw_max_sectors=512"}))
	require.Equal(t, "256", d.sys(t, "queue/max_sectors_kb"))
}

// The tools that administrators look at disks with find nothing to complain of.
func TestSgToolsRunClean(t *testing.T) {
	startDaemon(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			d := store.make(t, "16M")
			for _, c := range []struct {
				command []string
				shows   string
			}{
				{[]string{"sg_inq"}, `Vendor identification: LIO-ORG`},
				{[]string{"sg_vpd", "-a"}, `Provisioning type: 2 \(thin provisioned\)`},
				{[]string{"sg_modes", "-a"}, `Informational exceptions control`},
				{[]string{"sg_opcodes", "-a"}, `93 +16 +0,0 +Write same\(16\)`},
				{[]string{"sg_readcap"}, `Number of logical blocks=32768`},
				{[]string{"sg_readcap", "--long"}, `lbpme=1, lbprz=1`},
				{[]string{"sg_luns"}, `Lun list length = \d+`},
				{[]string{"sg_turs"}, `^$`},
			} {
				name, args := c.command[0], append(c.command[1:], d.node)
				o := run(t, name, args...)
				assert.Zero(t, o.status, "%s: %s", name, o.stderr)
				assert.Empty(t, o.stderr, name)
				assert.Regexp(t, c.shows, o.stdout, name)
			}
		})
	}
}
