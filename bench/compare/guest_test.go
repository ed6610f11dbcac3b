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
bench|0|tcmud-ramdisk   |dd write|1795401978.170119|1795401978.670119
400+0 records in
bench|2|RAMDISK-MCP     |dd read 4k|1795401979.0|1795401981.0
`

func TestWhatAGuestSays(t *testing.T) {
	var got []report.Sample
	note := func(s report.Sample) { got = append(got, s) }
	require.NoError(t, parseGuest(strings.NewReader(guestConsole+"bench|end\nreboot: machine restart\n"), note))
	require.Equal(t, []report.Sample{
		{Suite: "guest", Fabric: "vhost", Target: "tcmud ramdisk", Workload: "dd write", Values: map[string]float64{"MB/s": 20.97152}},
		{Suite: "guest", Fabric: "vhost", Target: "rd_mcp", Workload: "dd read 4k", Round: 2, Values: map[string]float64{"MB/s": 0.8192, "IOPS": 200}},
	}, got)
}

func TestAGuestThatDoesNotDoItsWork(t *testing.T) {
	for name, test := range map[string]struct{ console, want string }{
		"ends too early": {guestConsole + "Kernel panic\n", "before it was done; its last words: SeaBIOS; "},
		"says nothing":   {"", "has ended before it was done"},
		"another's disk": {"bench|0|QEMU HARDDISK|dd read|1.0|2.0\n", "nobody gave it such a disk"},
		"dd fails":       {"bench|0|RAMDISK-MCP|failed dd read|1.0|2.0\n", "dd has failed"},
		"takes no time":  {"bench|0|RAMDISK-MCP|dd read|1.5|1.5\n", "stands still"},
		"has no clock":   {"bench|0|RAMDISK-MCP|dd read||\n", "invalid syntax"},
		"loses count":    {"bench||RAMDISK-MCP|dd read|1.0|2.0\n", "invalid syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, parseGuest(strings.NewReader(test.console), func(report.Sample) {}), test.want)
		})
	}
}

// Each round does all to both disks, and begins with another.
func TestAGuestMeasuresBothDisksInEachRound(t *testing.T) {
	script := guestScript(3)
	require.Equal(t, 2*len(guestWorkloads), strings.Count(script, "for disk in sda sdb; do measure"))
	require.Equal(t, len(guestWorkloads), strings.Count(script, "for disk in sdb sda; do measure"))
	require.True(t, strings.HasSuffix(script, "echo \"bench|end\"\n"))
}
