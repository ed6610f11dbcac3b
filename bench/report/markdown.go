package report

import (
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

var titles = map[string]string{
	"compare": "Side by side",
	"no spin": "Where rings sleep at once (tcmud --no-spin)",
	"growth":  "Growth",
	"guest":   "In a guest, over vhost-scsi",
	"native":  "Without a kernel",
}

// isSmall says whether a workload's commands are of 4 KiB.
func isSmall(workload string) bool { return strings.Contains(workload, " 4k ") }

// where is the machine of a run.
func (r Results) where() string {
	return fmt.Sprintf("%s, Linux %s, %s, tcmud %s", r.Machine, r.Kernel, r.Date.Format("2006-01-02"), r.Version)
}

func has(r Results, suite string) bool {
	return len(r.distinct(func(s Sample) bool { return s.Suite == suite }, func(s Sample) string { return s.Suite })) > 0
}

// Summary is the README's section: what matters most to who looks for a target.
func Summary(runs []Results) string {
	var b strings.Builder
	for _, r := range runs {
		if len(r.targets("compare", "loopback")) == 0 {
			continue
		}
		fmt.Fprintf(&b, "Shares of what the kernel's own ramdisk (rd_mcp) does, measured in the same round over the loopback fabric (%s; medians).\n", r.where())
		b.WriteString("\"ceiling\" is the least that a TCMU handler can be, in C: it copies, and looks at the ring before it sleeps, or not.\n\n")
		small := []string{"randread 4k depth 1", "randwrite 4k depth 1", "randread 4k depth 32", "randwrite 4k depth 32", "read 1M depth 4", "write 1M depth 4"}
		b.WriteString(r.shares("compare", "loopback", "rd_mcp", "IOPS", small).RenderMarkdown() + "\n\n")
		b.WriteString("![Throughput, 4 KiB](bench/results/loopback-small.svg)\n\n")
	}
	b.WriteString("What was aimed at, and what was seen:\n\n")
	var all []Outcome
	for _, r := range runs {
		for _, o := range r.Judge(Goals()) {
			if o.Rounds > 0 {
				all = append(all, o)
			}
		}
	}
	return b.String() + outcomes(all).RenderMarkdown() + "\n\nThe whole is in [docs/performance.md](docs/performance.md).\n"
}

// Whole is docs/performance.md, but for what is written by hand before it.
func Whole(runs []Results) string {
	var b strings.Builder
	put := func(title string, t table.Writer) {
		if t.Length() > 0 {
			fmt.Fprintf(&b, "#### %s\n\n%s\n\n", title, t.RenderMarkdown())
		}
	}
	for _, r := range runs {
		for _, fabric := range r.distinct(func(s Sample) bool { return s.Suite == "compare" }, func(s Sample) string { return s.Fabric }) {
			fmt.Fprintf(&b, "### Side by side over %s\n\n%s.\n\n", fabric, r.where())
			for _, g := range groups(r.workloads("compare", fabric)) {
				name := map[string]string{"IOPS": "small", "MB/s": "large"}[g.unit]
				fmt.Fprintf(&b, "![%s over %s](../bench/results/%s-%s.svg)\n\n", g.unit, fabric, fabric, name)
				put(g.unit, r.medians("compare", fabric, g.unit, g.workloads))
				if g.unit != "IOPS" {
					continue
				}
				put("Spread", r.spreads("compare", fabric, g.unit, g.workloads))
				for _, unit := range []string{"p50 µs", "p99 µs", "p99.9 µs", "CPU µs/command", "doorbells/command", "wake-ups/command"} {
					put(unit, r.medians("compare", fabric, unit, g.workloads))
				}
			}
		}
		for _, suite := range []string{"no spin", "growth", "guest", "native"} {
			if has(r, suite) {
				fmt.Fprintf(&b, "### %s\n\n%s.\n\n%s\n\n", titles[suite], r.where(), r.units(suite).RenderMarkdown())
			}
		}
	}
	return b.String()
}

// spreads is the least and the greatest of a value over the rounds.
func (r Results) spreads(suite, fabric, unit string, workloads []string) table.Writer {
	t := grid(append([]string{unit + ", least to most"}, workloads...)...)
	for _, target := range r.targets(suite, fabric) {
		row := table.Row{target}
		for _, w := range workloads {
			least, most := r.Series(At{suite, fabric, target, w}, unit).Range()
			row = append(row, figure(least)+"-"+figure(most))
		}
		t.AppendRow(row)
	}
	return t
}

// The part of a document that is made from results stands between these.
const (
	Begins = "<!-- performance: made by \"make bench\" -->\n"
	Ends   = "<!-- end of performance -->\n"
)

// Replace puts text between the marks of a document.
func Replace(document, text string) (string, error) {
	before, rest, begins := strings.Cut(document, Begins)
	_, after, ends := strings.Cut(rest, Ends)
	if !begins || !ends {
		return "", fmt.Errorf("no section between %q and %q: put the two lines where it is to be", strings.TrimSpace(Begins), strings.TrimSpace(Ends))
	}
	return before + Begins + "\n" + text + "\n" + Ends + after, nil
}

// Rewrite does Replace in a file.
func Rewrite(file, text string) error {
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	want, err := Replace(string(have), text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(want), 0o644)
}
