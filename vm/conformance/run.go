package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// run is what has been run, and what came of it.
type run struct {
	Kernel   string   `json:"kernel"` // release
	Client   string   `json:"client"` // program and version
	Complete bool     `json:"complete"`
	Results  []result `json:"results"`
}

// of lists the results on a target.
func (r run) of(target string) []result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(x result) bool { return x.Target != target })
}

// target is a disk as a fabric brings it to the client: a column of the table.
type target struct {
	disk   disk
	fabric fabric
}

func (t target) name() string { return t.disk.name + "/" + t.fabric.name }

// runner runs the tests that the flags name on the targets that they name, one after another.
type runner struct {
	options
	progress io.Writer
	root     lio.Root
	dir      string // for the files of disks
	tests    []test
	results  []result
}

// runAll is the whole of it, on the machine as it is. A target that cannot be had keeps no other from being tested.
func (o options) runAll(ctx context.Context, progress io.Writer) (r run, failure error) {
	r = run{Complete: slices.Contains(o.targets, everyTarget) && slices.Contains(o.tests, everyTest)}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return r, err
	}
	r.Kernel = strings.TrimSpace(string(kernel))
	if r.Client, err = clientVersion(ctx); err != nil {
		return r, err
	}
	runner := runner{options: o, progress: progress}
	if runner.tests, err = listTests(ctx); err != nil {
		return r, err
	}
	if runner.root, err = lio.Open(); err != nil {
		return r, err
	}
	if runner.dir = o.dir; o.dir == "" {
		if runner.dir, err = inside.MountScratch(ctx); err != nil {
			return r, err
		}
	}
	for _, d := range disks {
		for _, f := range fabrics {
			on := target{d, f}
			if d.fabrics != nil && !slices.Contains(d.fabrics, f.name) || !matchesAny(o.targets, on.name()) {
				continue
			}
			if err := runner.makeTarget(ctx, on); err != nil {
				r.Complete = false
				failure = errors.Join(failure, fmt.Errorf("%s: %w", on.name(), err))
			}
		}
	}
	r.Results = runner.results
	return r, failure
}

// makeTarget makes a target, of a disk that is new and all zeros, and runs the tests on it.
func (r *runner) makeTarget(ctx context.Context, on target) error {
	return on.disk.with(ctx, r.root, r.dir, cmp.Or(r.options.results, r.dir), func(so lio.StorageObject) error {
		return on.fabric.with(ctx, r.root, so, on.disk.engine, func(paths []string) error { return r.runTarget(ctx, on, paths) })
	})
}

// marks stand for a test each while a target is being tested.
var marks = map[outcome]string{passed: ".", failed: "F", skipped: "s", crashed: "C"}

// runTarget runs the tests that a target can have, and shows each as a mark.
func (r *runner) runTarget(ctx context.Context, on target, paths []string) error {
	var all count
	start := time.Now()
	fmt.Fprintf(r.progress, "%s ", on.name())
	for _, t := range r.tests {
		if !matchesAny(r.options.tests, string(t)) || !on.disk.suits(on.fabric, t) {
			continue
		}
		x, log := on.run(ctx, t, paths)
		for try := 1; try < tries && byChance(x); try++ {
			x, log = on.run(ctx, t, paths)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.results = append(r.results, x)
		all.add(x.Outcome)
		fmt.Fprint(r.progress, marks[x.Outcome])
		if err := r.keep(x, log); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.progress, "\n  %d passed, %d failed, %d skipped in %v\n", all.passed, all.failed, all.skipped,
		time.Since(start).Round(time.Second))
	return nil
}

// run runs one test.
func (t target) run(ctx context.Context, test test, paths []string) (x result, log []byte) {
	x, log = runTest(ctx, test, matches(t.disk.writes, string(test)), paths)
	x.Target = t.name()
	return x, log
}

// keep keeps the log of a test that has not passed.
func (r *runner) keep(x result, log []byte) error {
	if x.Outcome == passed || r.options.results == "" {
		return nil
	}
	file := filepath.Join(r.options.results, x.Target, string(x.Test)+".log")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, log, 0o644)
}
