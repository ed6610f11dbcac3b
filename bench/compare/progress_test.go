package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/bench/report"
)

func TestProgressTellsWhatWasSeenAndHowLongItGoesOn(t *testing.T) {
	var out strings.Builder
	p := progress{out: &out, all: 4}
	s := report.Sample{Fabric: "iscsi", Target: "rd_mcp", Workload: "dd read", Values: map[string]float64{"MB/s": 83.61}}
	p.show(s, 2*time.Second)
	s.Target, s.Values = "tcmud null", map[string]float64{"MB/s": 62.7, "CPU µs/command": 4757.7, "doorbells/command": 1, "wake-ups/command": 0.5}
	p.show(s, time.Second)
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, []string{"25%", "6s", "left", "iscsi", "dd", "read", "rd_mcp", "83.6", "MB/s"}, strings.Fields(lines[0]))
	require.Equal(t, "50% 3s left iscsi dd read tcmud null 62.7 MB/s CPU 4757.7 µs bells 1.00 wakes 0.50", strings.Join(strings.Fields(lines[1]), " "))
}
