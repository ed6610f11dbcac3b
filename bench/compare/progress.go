package main

import (
	"fmt"
	"io"
	"time"

	"github.com/tcmud/tcmud/bench/report"
)

// progress shows each measurement as a line, and how long the others will take.
type progress struct {
	out       io.Writer
	spent     time.Duration // measuring, and not preparing to
	done, all int
}

func (p *progress) show(s report.Sample, took time.Duration) {
	p.done++
	p.spent += took
	left := p.spent / time.Duration(p.done) * time.Duration(p.all-p.done)
	fmt.Fprintf(p.out, "%3d%% %6v left  %-9s %-22s %-20s", 100*p.done/p.all, left.Round(time.Second), s.Fabric, s.Workload, s.Target)
	for _, v := range []struct{ unit, format string }{
		{"IOPS", " %7.0f IOPS"}, {"MB/s", " %7.1f MB/s"}, {"p50 µs", "  p50 %6.0f"}, {"p99 µs", "  p99 %6.0f µs"},
		{"CPU µs/command", "  CPU %6.1f µs"}, {"doorbells/command", "  bells %.2f"}, {"wake-ups/command", "  wakes %.2f"},
	} {
		if value, ok := s.Values[v.unit]; ok {
			fmt.Fprintf(p.out, v.format, value)
		}
	}
	fmt.Fprintln(p.out)
}
