// Command conformance runs outside test suites on our disk, in several configurations and over several fabrics, and on
// those of others. It runs as root in the virtual machine ("make conformance"), and on the host makes a document of what
// came of it:
//
//	conformance --results /results
//	conformance --from results.json --markdown docs/conformance.md
//
// It exits with 1 when anything on our disk ends otherwise than expect.go says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// options are the flags.
type options struct {
	targets  []string
	tests    []string
	dir      string
	results  string
	from     string
	markdown string
	json     bool
}

// Patterns of path.Match; those of tests have no separator.
const (
	everyTarget = "*/*"
	everyTest   = "*"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	var o options
	pflag.StringSliceVar(&o.targets, "targets", []string{everyTarget}, "`patterns` of targets to test, DISK/FABRIC")
	pflag.StringSliceVar(&o.tests, "tests", []string{everyTest}, "`patterns` of tests to run, FAMILY.SUITE.TEST")
	pflag.StringVar(&o.dir, "dir", "", "`folder` for the files that disks are made of; else the virtual machine's scratch disk is formatted for them")
	pflag.StringVar(&o.results, "results", "", "`folder` that gets results.json and the log of each test that did not pass")
	pflag.StringVar(&o.from, "from", "", "judge the results in this `file`, and run nothing")
	pflag.StringVar(&o.markdown, "markdown", "", "write the results into their section of this `file`")
	pflag.BoolVar(&o.json, "json", false, "print the results as JSON, and progress on standard error")
	pflag.Parse()
	ok, err := o.run(ctx, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run does what the flags say, and reports whether all was as expected.
func (o options) run(ctx context.Context, out io.Writer) (ok bool, err error) {
	for _, pattern := range slices.Concat(o.targets, o.tests) {
		if _, err := path.Match(pattern, ""); err != nil {
			return false, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	all, err := o.obtain(ctx)
	if o.results != "" {
		err = errors.Join(err, writeResults(filepath.Join(o.results, "results.json"), all))
	}
	if err != nil {
		return false, err
	}
	verdict := judge(all, reasons)
	if o.markdown != "" {
		if err := writeSection(o.markdown, section(all, verdict)); err != nil {
			return false, err
		}
	}
	if o.json {
		err = json.NewEncoder(out).Encode(all)
	} else {
		report(out, all, verdict)
	}
	return verdict.ok(), err
}

// obtain runs the tests, or takes the results of those that have been run.
func (o options) obtain(ctx context.Context) (run, error) {
	if o.from != "" {
		return readResults(o.from)
	}
	progress := io.Writer(os.Stdout)
	if o.json {
		progress = os.Stderr
	}
	return o.runAll(ctx, progress)
}

func readResults(file string) (run, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return run{}, err
	}
	var all run
	if err := json.Unmarshal(text, &all); err != nil {
		return run{}, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

func writeResults(file string, all run) error {
	text, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
