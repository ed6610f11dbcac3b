package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// figure is a number with three digits that count.
func figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case math.Abs(v) >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// grid is a table with figures in all columns but the first.
func grid(columns ...string) table.Writer {
	t := table.NewWriter()
	header, configs := table.Row{}, []table.ColumnConfig{}
	for i, c := range columns {
		header = append(header, c)
		if i > 0 {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	return t
}

// shares has a row for each target, and for each workload its share of what another target does in the same round.
func (r Results) shares(suite, fabric, of, unit string, workloads []string) table.Writer {
	t := grid(append([]string{"share of " + of}, workloads...)...)
	for _, target := range r.targets(suite, fabric) {
		row := table.Row{target}
		for _, w := range workloads {
			mine, its := r.Series(At{suite, fabric, target, w}, unit), r.Series(At{suite, fabric, of, w}, unit)
			row = append(row, figure(mine.Ratio(its).Median()))
		}
		t.AppendRow(row)
	}
	return t
}

// medians has a row for each target, and for each workload the median of a value.
func (r Results) medians(suite, fabric, unit string, workloads []string) table.Writer {
	t := grid(append([]string{unit}, workloads...)...)
	for _, target := range r.targets(suite, fabric) {
		row, any := table.Row{target}, false
		for _, w := range workloads {
			s := r.Series(At{suite, fabric, target, w}, unit)
			any = any || len(s) > 0
			row = append(row, figure(s.Median()))
		}
		if any {
			t.AppendRow(row)
		}
	}
	return t
}

// units has a row for each workload, and its values.
func (r Results) units(suite string) table.Writer {
	var names []string
	for _, s := range r.Samples {
		for name := range s.Values {
			if s.Suite == suite && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	t := grid(append([]string{"", ""}, names...)...)
	seen := map[At]bool{}
	for _, s := range r.Samples {
		if s.Suite != suite || seen[s.at()] {
			continue
		}
		seen[s.at()] = true
		row := table.Row{s.Target, s.Workload}
		for _, name := range names {
			row = append(row, figure(r.Series(s.at(), name).Median()))
		}
		t.AppendRow(row)
	}
	return t
}

// goals is what was seen of the goals that this run could tell of.
func outcomes(all []Outcome) table.Writer {
	t := grid("goal", "wanted", "seen", "")
	for _, o := range all {
		if o.Rounds == 0 {
			continue
		}
		bound := "at least "
		if o.AtMost {
			bound = "at most "
		}
		t.AppendRow(table.Row{o.Name, bound + figure(o.Bound), o.String(), map[bool]string{true: "yes", false: "no"}[o.Met()]})
	}
	return t
}

func (r Results) targets(suite, fabric string) []string {
	return r.distinct(r.in(suite, fabric), func(s Sample) string { return s.Target })
}

func (r Results) workloads(suite, fabric string) []string {
	return r.distinct(r.in(suite, fabric), func(s Sample) string { return s.Workload })
}

func (r Results) in(suite, fabric string) func(Sample) bool {
	return func(s Sample) bool { return s.Suite == suite && s.Fabric == fabric }
}

// Text is all that r has, for a terminal.
func (r Results) Text() string {
	var all string
	add := func(title string, t table.Writer) {
		if t.Length() > 0 {
			all += fmt.Sprintf("\n%s\n%s\n", title, t.Render())
		}
	}
	for _, fabric := range r.distinct(func(s Sample) bool { return s.Suite == "compare" }, func(s Sample) string { return s.Fabric }) {
		for _, group := range groups(r.workloads("compare", fabric)) {
			add("Over "+fabric, r.medians("compare", fabric, group.unit, group.workloads))
		}
	}
	for _, suite := range []string{"no spin", "growth", "guest", "native"} {
		add(titles[suite], r.units(suite))
	}
	add("Goals", outcomes(r.Judge(Goals())))
	return all
}

// group is workloads that one unit suits.
type group struct {
	unit      string
	workloads []string
}

// groups divides workloads into those of small commands, that are counted, and of large ones, that are weighed.
func groups(workloads []string) []group {
	small, large := group{unit: "IOPS"}, group{unit: "MB/s"}
	for _, w := range workloads {
		if isSmall(w) {
			small.workloads = append(small.workloads, w)
		} else {
			large.workloads = append(large.workloads, w)
		}
	}
	return slices.DeleteFunc([]group{small, large}, func(g group) bool { return len(g.workloads) == 0 })
}
