package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// testCount counts the tests in the output of a Go test run with -test.v,
// which is written to it. Only top-level tests count; of skips, all are kept.
type testCount struct {
	partial []byte   // of a line that has not ended
	started []string // tests without a verdict as yet
	passed  int
	failed  int
	skipped []string // "NAME: reason"
	last    string   // last line a test logged, where t.Skip leaves its reason
}

var (
	verdictLine = regexp.MustCompile(`^( *)--- (PASS|FAIL|SKIP): (\S+) \(`)
	startLine   = regexp.MustCompile(`^=== RUN +([^/\s]+)$`)
	logLine     = regexp.MustCompile(`^ +\S+\.go:\d+: (.*)$`)
)

// Write takes a piece of output; a line may come in several.
func (c *testCount) Write(p []byte) (int, error) {
	c.partial = append(c.partial, p...)
	for {
		line, rest, ended := bytes.Cut(c.partial, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		c.line(strings.TrimRight(string(line), "\r"))
		c.partial = rest
	}
}

func (c *testCount) line(line string) {
	if m := startLine.FindStringSubmatch(line); m != nil {
		c.started = append(c.started, m[1])
	} else if m := logLine.FindStringSubmatch(line); m != nil {
		c.last = m[1]
	} else if m := verdictLine.FindStringSubmatch(line); m != nil {
		c.verdict(m[2], m[3], m[1] == "")
	}
}

func (c *testCount) verdict(verdict, name string, top bool) {
	if verdict == "SKIP" {
		c.skipped = append(c.skipped, name+": "+c.last)
	}
	if !top {
		return
	}
	if i := slices.Index(c.started, name); i >= 0 {
		c.started = slices.Delete(c.started, i, i+1)
	}
	switch verdict {
	case "PASS":
		c.passed++
	case "FAIL":
		c.failed++
	}
}

// failures counts the tests that failed, and those that never came to a
// verdict because the program ended first.
func (c *testCount) failures() int { return c.failed + len(c.started) }

// print writes the skips and the unfinished, and closes with the count.
func (c *testCount) print(w io.Writer) {
	for _, skip := range c.skipped {
		fmt.Fprintln(w, "skipped", skip)
	}
	for _, name := range c.started {
		fmt.Fprintln(w, "no verdict from", name)
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", c.passed, c.failures())
}

// err is about the count only: tests that failed say so themselves.
func (c *testCount) err() error {
	if c.passed+c.failures() == 0 {
		return errors.New("no test ran")
	}
	if n := c.failures(); n > 0 {
		return fmt.Errorf("%d tests failed", n)
	}
	return nil
}
