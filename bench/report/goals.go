package report

import (
	"fmt"
	"math"
)

// Goal is a bound that a ratio, or a value by itself, is to keep to.
type Goal struct {
	Name string
	Of   At
	To   At // zero: the value counts by itself
	Unit string
	// Bound is what it is to be at least, or with AtMost at most.
	Bound  float64
	AtMost bool
}

// Outcome is what was seen of a goal.
type Outcome struct {
	Goal
	Seen        float64 // the median
	Least, Most float64
	Rounds      int // 0: it was not measured
}

// Met says whether the median keeps to the bound.
func (o Outcome) Met() bool {
	if o.AtMost {
		return o.Seen <= o.Bound
	}
	return o.Seen >= o.Bound
}

// String is "1.23 (1.10-1.31)".
func (o Outcome) String() string {
	switch {
	case o.Rounds == 0 || math.IsNaN(o.Seen):
		return "not measured"
	case o.Rounds == 1:
		return figure(o.Seen)
	}
	return fmt.Sprintf("%s (%s-%s)", figure(o.Seen), figure(o.Least), figure(o.Most))
}

// Judge looks at what was measured for each goal.
func (r Results) Judge(goals []Goal) (all []Outcome) {
	for _, g := range goals {
		s := r.Series(g.Of, g.Unit)
		if g.To != (At{}) {
			s = s.Ratio(r.Series(g.To, g.Unit))
		}
		o := Outcome{Goal: g, Seen: s.Median(), Rounds: len(s)}
		o.Least, o.Most = s.Range()
		all = append(all, o)
	}
	return all
}

// Goals is what tcmud wants to reach, over the loopback fabric and natively.
func Goals() (goals []Goal) {
	over := func(target, workload string) At { return At{"compare", "loopback", target, workload} }
	versus := func(of, to, unit string, bound float64, workloads ...string) {
		for _, w := range workloads {
			goals = append(goals, Goal{Name: of + ", " + w + ", vs " + to, Of: over(of, w), To: over(to, w), Unit: unit, Bound: bound})
		}
	}
	one, many := []string{"randread 4k depth 1", "randwrite 4k depth 1"}, []string{"randread 4k depth 32", "randwrite 4k depth 32"}
	large := []string{"read 1M depth 4", "write 1M depth 4"}
	versus("tcmud ramdisk", "ceiling copy spin", "IOPS", 0.95, append(one, many...)...)
	versus("tcmud ramdisk", "ceiling sleep", "IOPS", 1.3, one...)
	versus("tcmud fileio", "tcmu-runner", "IOPS", 2, one...)
	versus("tcmud fileio", "tcmu-runner", "IOPS", 1.3, many[0])
	versus("tcmud fileio", "tcmu-runner", "IOPS", 1.5, many[1])
	versus("tcmud fileio", "tcmu-runner", "IOPS", 1.5, large...)
	versus("tcmud ramdisk", "rd_mcp", "IOPS", 1, large...)
	for _, suite := range []string{"compare", "no spin"} {
		for _, w := range []string{one[0], many[0]} {
			name := "handler CPU: tcmud ramdisk, " + w + ", vs tcmu-runner"
			if suite != "compare" {
				name += " (tcmud --no-spin)"
			}
			goals = append(goals, Goal{Name: name, Of: At{suite, "loopback", "tcmud ramdisk", w}, To: At{suite, "loopback", "tcmu-runner", w},
				Unit: "CPU µs/command", Bound: 0.5, AtMost: true})
		}
	}
	native := func(name, target, workload, unit string, bound float64, atMost bool) {
		goals = append(goals, Goal{Name: "native: " + name, Of: At{Suite: "native", Target: target, Workload: workload}, Unit: unit, Bound: bound, AtMost: atMost})
	}
	native("ring and engine beyond the copy of a READ of 4 KiB, ns", "Command", "read 4k", "ns beyond copy", 120, true)
	native("the same of a WRITE", "Command", "write 4k", "ns beyond copy", 120, true)
	native("allocations for a READ of 4 KiB", "Command", "read 4k", "allocs/command", 0, true)
	native("READ of 1 MiB, vs copy()", "Command", "read 1M", "of copy()", 0.95, false)
	native("WRITE of 1 MiB, vs copy()", "Command", "write 1M", "of copy()", 0.95, false)
	native("2 rings on a disk, vs one", "Rings", "2 rings on a disk", "x one", 1.8, false)
	native("2 disks, vs one", "Rings", "2 disks", "x one", 1.8, false)
	goals = append(goals, Goal{Name: "1,000 idle units, RSS beyond their data, MiB", Of: At{Suite: "growth", Target: "tcmud ramdisk", Workload: "1000 units"},
		Unit: "RSS MiB", Bound: 64, AtMost: true})
	return goals
}
