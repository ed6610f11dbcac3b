package main

import (
	"regexp"
	"slices"
	"strings"
)

// parseList takes the tests of our families out of what the client lists: families, suites and tests, of which some are
// in several families.
func parseList(out string) []test {
	var tests []test
	for line := range strings.Lines(out) {
		t := test(strings.TrimSpace(line))
		if strings.Count(string(t), ".") == 2 && slices.Contains(families, t.family()) {
			tests = append(tests, t)
		}
	}
	return tests
}

var (
	// The summary that CUnit ends with, of a run of one test: "tests      1      1      1      0        0".
	summary = regexp.MustCompile(`(?m)^ +tests +(\d+) +(\d+) +(\d+) +(\d+) +\d+\r?$`)
	// Why an assertion does not hold: "    1. test_verify10_dpo.c:52  - ret == 0".
	assertion = regexp.MustCompile(`(?m)^ +\d+\. (\S+:\d+ +- .*)$`)
	// What a command was answered that should have been answered otherwise, and what the client does without.
	complaint = regexp.MustCompile(`\[FAILED\] *(.*)`)
	skip      = regexp.MustCompile(`\[SKIPPED\] *(.*)`)
	// The test itself: before it, the client asks the disk what it can do, and tells of that in the same way.
	itself = regexp.MustCompile(`(?sm)^Suite: .*^Run Summary:`)
)

// untested is what the client says of parts of a test that leave nothing to be tried: nobody has written them, or the disk
// has no such limit.
var untested = []string{
	"Test not implemented yet",
	"No alignment restrictions on this LUN",
	"No granularity restrictions on this LUN",
}

// parseRun reads what the client printed while it ran one test, and what it says of the outcome. A test of which a part
// was skipped has not passed.
func parseRun(out string) (outcome, []string) {
	counts, words := summary.FindStringSubmatch(out), itself.FindString(out)
	switch {
	case counts == nil || counts[2] != "1": // it could not begin
		return failed, []string{"has not run: " + lastLine(out)}
	case counts[3] != "1":
		return failed, slices.Concat(all(complaint, words), all(assertion, words))
	}
	skips := slices.DeleteFunc(all(skip, words), func(s string) bool { return slices.Contains(untested, s) })
	if len(skips) > 0 {
		return skipped, skips
	}
	return passed, nil
}

// all lists what the pattern's group matches, each once.
func all(pattern *regexp.Regexp, out string) []string {
	var found []string
	for _, m := range pattern.FindAllStringSubmatch(out, -1) {
		if words := strings.Join(strings.Fields(m[1]), " "); !slices.Contains(found, words) {
			found = append(found, words)
		}
	}
	return found
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(strings.Fields(lines[len(lines)-1]), " ")
}
