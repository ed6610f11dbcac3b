package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/bench/report"
)

const guestConsole = `SeaBIOS
inner: up
10+0 records in
bench|0|tcmud-ramdisk   |dd write|dd|10485760 bytes (10 MB, 10 MiB) copied, 0.5 s, 20.9 MB/s
bench|2|RAMDISK-MCP     |randread 4k depth 1|fio|{"jobs":[{"error":0,"mixed":{"iops":200,"bw_bytes":819200,"clat_ns":{"percentile":{"50.000000":5000}}}}]}
`

func TestWhatAGuestSays(t *testing.T) {
	var got []report.Sample
	note := func(s report.Sample) { got = append(got, s) }
	require.NoError(t, parseGuest(strings.NewReader(guestConsole+"bench|end\nreboot: machine restart\n"), note))
	require.Equal(t, []report.Sample{
		{Suite: "guest", Fabric: "vhost", Target: "tcmud ramdisk", Workload: "dd write", Values: map[string]float64{"MB/s": 20.97152}},
		{Suite: "guest", Fabric: "vhost", Target: "rd_mcp", Workload: "randread 4k depth 1", Round: 2,
			Values: map[string]float64{"MB/s": 0.8192, "IOPS": 200, "p50 µs": 5}},
	}, got)
}

func TestAGuestThatDoesNotDoItsWork(t *testing.T) {
	for name, test := range map[string]struct{ console, want string }{
		"ends too early":   {guestConsole + "Kernel panic\n", "before it was done; its last words: SeaBIOS; "},
		"says nothing":     {"", "has ended before it was done"},
		"another's disk":   {"bench|0|QEMU HARDDISK|dd read|dd|\n", "nobody gave it such a disk"},
		"dd fails":         {"dd: no such disk\nbench|0|RAMDISK-MCP|failed dd read|dd|\n", "it has failed: the guest's last words: dd: no such disk; "},
		"dd says nothing":  {"bench|0|RAMDISK-MCP|dd read|dd|\n", "how long it took"},
		"fio says nothing": {"bench|0|RAMDISK-MCP|randread 4k depth 1|fio|\n", "fio: unexpected end"},
		"another program":  {"bench|0|RAMDISK-MCP|dd read|cp|\n", "nobody knows"},
		"loses count":      {"bench||RAMDISK-MCP|dd read|dd|\n", "invalid syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, parseGuest(strings.NewReader(test.console), func(report.Sample) {}), test.want)
		})
	}
}

// Each round does all to both disks, and begins with another.
func TestAGuestMeasuresBothDisksInEachRound(t *testing.T) {
	script := options{rounds: 3}.guestScript()
	workloads := len(guestDDs) + len(guestFios)
	require.Equal(t, 2*workloads, strings.Count(script, "for disk in sda sdb; do with_"))
	require.Equal(t, workloads, strings.Count(script, "for disk in sdb sda; do with_"))
	require.True(t, strings.HasSuffix(script, "echo \"bench|end\"\n"))
}
