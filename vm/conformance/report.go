package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// count is how many tests have ended how. A test that the client crashed in counts as skipped: it says nothing of the disk.
type count struct{ passed, failed, skipped int }

func (c *count) add(o outcome) {
	switch o {
	case passed:
		c.passed++
	case failed:
		c.failed++
	default:
		c.skipped++
	}
}

// String is "passed/failed/skipped", and empty where nothing was run.
func (c count) String() string {
	if c == (count{}) {
		return ""
	}
	return fmt.Sprintf("%d/%d/%d", c.passed, c.failed, c.skipped)
}

// suites makes the table of suites and targets.
func suites(r run) table.Writer {
	t := table.NewWriter()
	var targets, names []string
	counts := map[[2]string]*count{}
	for _, x := range r.Results {
		if !slices.Contains(targets, x.Target) {
			targets = append(targets, x.Target)
		}
		if !slices.Contains(names, x.Test.suite()) {
			names = append(names, x.Test.suite())
		}
		for _, row := range []string{x.Test.suite(), total} {
			key := [2]string{row, x.Target}
			if counts[key] == nil {
				counts[key] = new(count)
			}
			counts[key].add(x.Outcome)
		}
	}
	header := table.Row{"Suite"}
	for _, target := range targets {
		header = append(header, target)
	}
	t.AppendHeader(header)
	for _, name := range append(names, total) {
		row := table.Row{name}
		for _, target := range targets {
			var c count
			if counted := counts[[2]string{name, target}]; counted != nil {
				c = *counted
			}
			row = append(row, c.String())
		}
		t.AppendRow(row)
	}
	return t
}

const total = "all"

// report prints the table, why tests on our disk did not pass, and what is wrong with that. The last line counts.
func report(w io.Writer, r run, v verdict) {
	t := suites(r)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", " "
	style.Format.Header = pretty.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	fmt.Fprintf(w, "\nPassed/failed/skipped:\n%s\n\nNot passed on our disk:\n", strings.ReplaceAll(t.Render(), "\t", " "))
	for at, reason := range reasons {
		if n := len(v.explains[at]); n > 0 {
			fmt.Fprintf(w, "%4d %v: %s (%s)\n", n, reason.outcome, reason.why, reason.where())
		}
	}
	if len(v.wrong) > 0 {
		fmt.Fprintf(w, "\nNot as expected:\n")
		for _, line := range v.wrong {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed\n", v.passed, len(v.wrong))
}

// where is where the tests run instead, or why nowhere.
func (r reason) where() string {
	if r.runsIn != "" {
		return "passes on " + r.runsIn
	}
	return r.impossible()
}
