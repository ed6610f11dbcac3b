// Command compare measures disks of tcmud's beside those of the kernel, of tcmu-runner, and of the least that a TCMU handler
// can be (bench/ceiling). It runs as root in the virtual machine ("make bench"):
//
//	compare --results /results
//	compare --suites compare --fabrics loopback --workloads 'rand* 4k depth 1' --rounds 1
//
// Each workload is run on all targets one after another, and that as often as there are rounds: what the machine does
// besides meets all of them alike.
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
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/bench/report"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// options are the flags.
type options struct {
	suites, fabrics, targets, workloads []string // patterns of path.Match

	rounds     int
	time, ramp time.Duration // of a run of fio: what counts, and what comes before it
	size       int64         // of each disk, bytes
	results    string
}

// suite is a part of the benchmark.
type suite struct {
	name string
	run  func(*bench, context.Context) error
}

var suites = []suite{{"compare", (*bench).compare}, {"no spin", (*bench).sleeping}, {"growth", (*bench).growth}, {"guest", (*bench).guest}}

// bench is one run of the benchmark.
type bench struct {
	options
	root     lio.Root
	dir      string // for the files that disks are made of
	logs     string
	out      io.Writer
	measured report.Results
	pass     pass // of the suites that compare targets
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := parse().run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	all := []string{"*"}
	pflag.StringSliceVar(&o.suites, "suites", all, "`patterns` of suites to run")
	pflag.StringSliceVar(&o.fabrics, "fabrics", all, "`patterns` of fabrics to measure over")
	pflag.StringSliceVar(&o.targets, "targets", all, "`patterns` of targets to measure: 'tcmud *'")
	pflag.StringSliceVar(&o.workloads, "workloads", all, "`patterns` of workloads: 'rand* 4k depth 1'")
	pflag.IntVar(&o.rounds, "rounds", 3, "how often all is measured")
	pflag.DurationVar(&o.time, "time", 800*time.Millisecond, "how long one run of fio is measured")
	pflag.DurationVar(&o.ramp, "ramp", 200*time.Millisecond, "how long it runs before that")
	pflag.Int64Var(&o.size, "size", 64<<20, "`bytes` of each disk")
	pflag.StringVar(&o.results, "results", "", "`folder` that gets results.json and the logs of the daemons")
	pflag.Parse()
	return o
}

// run runs the suites, also after one that has failed, and leaves what has been measured after each of them.
func (o options) run(ctx context.Context, out io.Writer) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	b := &bench{options: o, out: out, logs: o.results}
	if b.root, err = lio.Open(); err != nil {
		return err
	}
	if b.dir, err = inside.MountScratch(ctx); err != nil {
		return err
	}
	if o.results == "" {
		b.logs = b.dir
	}
	if err := errors.Join(b.describe(ctx), unwatched(ctx)); err != nil {
		return err
	}
	for _, s := range suites {
		if !matches(o.suites, s.name) || ctx.Err() != nil {
			continue
		}
		if failed := s.run(b, ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, failed))
		}
		err = errors.Join(err, b.leave())
	}
	return err
}

// check reports what of the flags would leave nothing to be measured.
func (o options) check() error {
	for _, flag := range []struct {
		name            string
		patterns, known []string
	}{
		{"suites", o.suites, names(suites, func(s suite) string { return s.name })},
		{"fabrics", o.fabrics, names(fabrics, func(f fabric) string { return f.name })},
		{"targets", o.targets, names(targets, func(t target) string { return t.name })},
		{"workloads", o.workloads, names(workloads, func(w workload) string { return w.name })},
	} {
		for _, pattern := range flag.patterns {
			if _, err := path.Match(pattern, ""); err != nil {
				return fmt.Errorf("--%s: %q: %w", flag.name, pattern, err)
			}
			if !slices.ContainsFunc(flag.known, func(name string) bool { return matches([]string{pattern}, name) }) {
				return fmt.Errorf("--%s: %q is none of: %s", flag.name, pattern, strings.Join(flag.known, ", "))
			}
		}
	}
	if o.rounds < 1 || o.time < time.Millisecond || o.ramp < 0 {
		return errors.New("nothing would be measured: give --rounds of 1 or more, a --time of 1ms or more, and no negative --ramp")
	}
	return nil
}

func names[T any](all []T, name func(T) string) (names []string) {
	for _, x := range all {
		names = append(names, name(x))
	}
	return names
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // check has found all patterns good
		return ok
	})
}

// leave writes down what has been measured.
func (b *bench) leave() error {
	if b.results == "" {
		return nil
	}
	text, err := json.MarshalIndent(b.measured, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.results, "results.json"), text, 0o644)
}
