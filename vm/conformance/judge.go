package main

import (
	"fmt"
	"slices"
	"strings"
)

// verdict is what is to be thought of the results on our disk.
type verdict struct {
	passed   int
	explains [][]result // by reason: what it is the reason for
	wrong    []string   // what is not as reasons say
}

func (v verdict) ok() bool { return len(v.wrong) == 0 }

// judge holds the results on our disk against reasons. Whether they are still needed, and tests pass where reasons say,
// can only be told of a complete run.
func judge(r run, reasons []reason) verdict {
	v := verdict{explains: make([][]result, len(reasons))}
	for _, x := range r.Results {
		if !isOurs(x.Target) {
			continue
		}
		if x.Outcome == passed {
			v.passed++
			continue
		}
		at := slices.IndexFunc(reasons, func(r reason) bool { return r.explains(x) })
		if at < 0 {
			v.wrong = append(v.wrong, fmt.Sprintf("%s %s %v: %s", x.Target, x.Test, x.Outcome, x.says()))
			continue
		}
		v.explains[at] = append(v.explains[at], x)
	}
	if !r.Complete {
		return v
	}
	hopeless := map[test]bool{} // they cannot pass anywhere, and so not where another reason sends them
	for at, reason := range reasons {
		for _, x := range v.explains[at] {
			hopeless[x.Test] = hopeless[x.Test] || reason.impossible() != ""
		}
	}
	for at, reason := range reasons {
		v.wrong = append(v.wrong, reason.check(r.Results, v.explains[at], hopeless)...)
	}
	return v
}

// check says how a reason is not, or is no longer, what explains results.
func (r reason) check(all, explains []result, hopeless map[test]bool) (wrong []string) {
	if len(explains) == 0 && !r.chance {
		wrong = append(wrong, fmt.Sprintf("the reason %q is needed no longer: nothing is %v for it", r.why, r.outcome))
	}
	for _, x := range all {
		if r.outcome == failed && !r.chance && x.Outcome == passed && isOurs(x.Target) && r.covers(x) {
			wrong = append(wrong, fmt.Sprintf("%s %s passed, in spite of the reason %q", x.Target, x.Test, r.why))
		}
	}
	if r.runsIn == "" {
		return wrong
	}
	var told []test
	for _, x := range explains {
		runs := slices.ContainsFunc(all, func(y result) bool {
			return y.Test == x.Test && y.Outcome == passed && isOurs(y.Target) && matches(r.runsIn, y.Target)
		})
		if !runs && !hopeless[x.Test] && !slices.Contains(told, x.Test) {
			told = append(told, x.Test)
			wrong = append(wrong, fmt.Sprintf("%s passes nowhere in %s", x.Test, r.runsIn))
		}
	}
	return wrong
}

// isOurs reports whether a target, by name, is our disk.
func isOurs(target string) bool {
	name, _, _ := strings.Cut(target, "/")
	return slices.ContainsFunc(disks, func(d disk) bool { return d.ours && d.name == name })
}
