package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Our section of the document begins and ends with a comment.
const (
	sectionBegins = "<!-- Outside suites -->\n"
	sectionEnds   = "<!-- end of outside suites -->\n"
)

// writeSection puts the section into the document in place of the one that is there, else at the end.
func writeSection(file, text string) error {
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(withSection(string(have), text)), 0o644)
}

func withSection(document, text string) string {
	before, rest, found := strings.Cut(document, sectionBegins)
	_, after, _ := strings.Cut(rest, sectionEnds)
	if !found {
		before += "\n"
	}
	return before + sectionBegins + text + sectionEnds + after
}

const aboutSuites = `
## Outside suites

What libiscsi's test suite (%s, Linux %s) says of our disk, of the kernel's own and of tcmu-runner's. Each test is a run of
its own, destructive and with SANITIZE allowed. Counted are passed/failed/skipped; the client itself counts a test that it
skips as passed. Made by "make conformance", which fails when a test on our disk ends in any way that is not listed here.

`

// section is what the document says of a run.
func section(r run, v verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, aboutSuites, r.Client, r.Kernel)
	for _, d := range disks {
		fmt.Fprintf(&b, "- **%s**: %s%s\n", d.name, ourDisk[d.ours], d.about)
	}
	for _, f := range fabrics {
		fmt.Fprintf(&b, "- **/%s**: %s\n", f.name, f.about)
	}
	if !r.Complete {
		b.WriteString("\nThese are not all targets and tests that there are: the run was a part.\n")
	}
	fmt.Fprintf(&b, "\n%s\n", suites(r).RenderMarkdown())

	b.WriteString("\n### Why tests do not pass on our disk\n\n| Outcome | Why | Tests | |\n|---|---|---|---|\n")
	for at, reason := range reasons {
		if len(v.explains[at]) > 0 {
			fmt.Fprintf(&b, "| %d %v | %s | %s | %s |\n", len(v.explains[at]), reason.outcome, reason.why,
				tests(v.explains[at]), strings.ReplaceAll(reason.where(), "*", `\*`))
		}
	}
	b.WriteString("\n### What fails elsewhere\n\n| Target | Tests |\n|---|---|\n")
	for _, target := range targetsOf(r) {
		if isOurs(target) {
			continue
		}
		failures := slices.DeleteFunc(r.of(target), func(x result) bool { return x.Outcome != failed })
		fmt.Fprintf(&b, "| %s | %s |\n", target, tests(failures))
	}
	return b.String() + "\n"
}

var ourDisk = map[bool]string{true: "our disk, "}

// targetsOf lists the targets in the order of the results.
func targetsOf(r run) []string {
	var targets []string
	for _, x := range r.Results {
		if !slices.Contains(targets, x.Target) {
			targets = append(targets, x.Target)
		}
	}
	return targets
}

// tests names tests by suite, each once: "Read10.Simple, Write10.{Simple, DpoFua}".
func tests(results []result) string {
	var suites []string
	of := map[string][]string{}
	for _, x := range results {
		suite, name := x.Test.suite(), x.Test.name()
		if !slices.Contains(suites, suite) {
			suites = append(suites, suite)
		}
		if !slices.Contains(of[suite], name) {
			of[suite] = append(of[suite], name)
		}
	}
	for i, suite := range suites {
		if names := of[suite]; len(names) > 1 {
			suites[i] += ".{" + strings.Join(names, ", ") + "}"
		} else {
			suites[i] += "." + names[0]
		}
	}
	return strings.Join(suites, ", ")
}
