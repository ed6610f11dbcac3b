package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// program is libiscsi's test suite, of Debian's libiscsi-bin.
const program = "iscsi-test-cu"

// test is one test by the name that the client knows it by: "SCSI.Read10.Simple".
type test string

func (t test) family() string {
	family, _, _ := strings.Cut(string(t), ".")
	return family
}

// suite is the middle of the name: "Read10".
func (t test) suite() string {
	_, rest, _ := strings.Cut(string(t), ".")
	suite, _, _ := strings.Cut(rest, ".")
	return suite
}

// name is the end of the name: "Simple".
func (t test) name() string { return string(t)[strings.LastIndexByte(string(t), '.')+1:] }

// families are the client's lists of tests that have no test in common; together they are all tests there are.
var families = []string{"SCSI", "iSCSI"}

// listTests asks the client which tests it has.
func listTests(ctx context.Context) ([]test, error) {
	out, err := exec.CommandContext(ctx, program, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", program, err)
	}
	tests := parseList(string(out))
	if len(tests) == 0 {
		return nil, fmt.Errorf("%s --list: no tests", program)
	}
	// MultipathIO.CompareAndWrite takes a block for zeros that it has not written: it is for a new disk.
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(later(a), later(b)) })
	return tests, nil
}

func later(t test) int {
	if t.suite() == "MultipathIO" {
		return 0
	}
	return 1
}

// clientVersion is what Debian calls the client.
func clientVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat", program+" ${Version}", "libiscsi-bin").Output()
	if err != nil {
		return "", fmt.Errorf("dpkg-query: %w", err)
	}
	return string(out), nil
}

// patience is how long one test may take: the longest, over a network on an emulated processor, take a minute.
const patience = 5 * time.Minute

// The client's names as an initiator, the second for tests that log in twice.
const (
	initiator       = "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test"
	secondInitiator = initiator + "-2"
)

// runTest runs the client for one test, so that when it crashes it is that test that is lost. Paths are device nodes or
// URLs of one logical unit, of which all but one suite see the first only. The log is all that the client printed.
func runTest(ctx context.Context, t test, mayWrite bool, paths []string) (r result, log []byte) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if t.suite() != "MultipathIO" {
		paths = paths[:1]
	}
	// The client tells of commands on standard error: line by line, the two are in order.
	args := append([]string{"--output=L", program, "--Verbose-scsi", "--initiator-name", initiator, "--initiator-name-2", secondInitiator, "--test", string(t)}, paths...)
	if mayWrite {
		args = append(args, "--dataloss", "--allow-sanitize")
	}
	cmd := exec.CommandContext(limited, "stdbuf", args...)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	r = result{Test: t, Seconds: time.Since(start).Seconds()}
	switch state := cmd.ProcessState; {
	case limited.Err() != nil:
		r.Outcome, r.Says = failed, []string{fmt.Sprintf("has not ended after %v", patience)}
	case state == nil: // it did not start
		r.Outcome, r.Says = failed, []string{err.Error()}
	case state.ExitCode() < 0:
		r.Outcome, r.Says = crashed, []string{state.String()}
	default:
		r.Outcome, r.Says = parseRun(out.String())
	}
	return r, out.Bytes()
}
