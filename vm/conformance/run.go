package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
)

// runAll runs the tests that the flags name on the targets that they name, one after another.
func (o options) runAll(ctx context.Context, progress io.Writer) (run, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return run{}, err
	}
	client, err := clientVersion(ctx)
	if err != nil {
		return run{}, err
	}
	r := run{Kernel: strings.TrimSpace(string(kernel)), Client: client, Complete: o.targets == everyTarget && o.tests == everyTest}
	tests, err := listTests(ctx)
	if err != nil {
		return r, err
	}
	root, err := lio.Open()
	if err != nil {
		return r, err
	}
	dir, err := mountScratch(ctx)
	if err != nil {
		return r, err
	}
	for _, d := range disks {
		if !o.wantsDisk(d) {
			continue
		}
		err := d.with(ctx, root, dir, func(so lio.StorageObject) error {
			results, err := o.runDisk(ctx, progress, root, d, so, tests)
			r.Results = append(r.Results, results...)
			return err
		})
		if err != nil {
			return r, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return r, nil
}

// runDisk runs the tests over each fabric that the flags name.
func (o options) runDisk(ctx context.Context, progress io.Writer, root lio.Root, d disk, so lio.StorageObject, tests []test) ([]result, error) {
	var all []result
	for _, f := range fabrics {
		if !o.wants(d, f) {
			continue
		}
		err := f.with(ctx, root, so, func(paths []string) error {
			results, err := o.runTarget(ctx, progress, target{d, f}, tests, paths)
			all = append(all, results...)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return all, nil
}

func (o options) wants(d disk, f fabric) bool {
	match, _ := path.Match(o.targets, target{d, f}.name()) // the pattern has been looked at
	return match
}

func (o options) wantsDisk(d disk) bool {
	for _, f := range fabrics {
		if o.wants(d, f) {
			return true
		}
	}
	return false
}

// mountScratch makes a file system on the disk that the virtual machine has for us.
func mountScratch(ctx context.Context) (dir string, err error) {
	const device, at = "/dev/disk/by-id/virtio-scratch", "/scratch"
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", device).CombinedOutput(); err != nil {
		return "", fmt.Errorf("mkfs.ext4 %s: %w: %s", device, err, out)
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return "", err
	}
	return at, unix.Mount(device, at, "ext4", 0, "")
}

// target is a disk as a fabric brings it to the client: a column of the table.
type target struct {
	disk   disk
	fabric fabric
}

func (t target) name() string { return t.disk.name + "/" + t.fabric.name }

// marks stand for a test each while a target is being tested.
var marks = map[outcome]string{passed: ".", failed: "F", skipped: "s", crashed: "C"}

// runTarget runs tests on a target, as far as it can have them, and shows each as a mark.
func (o options) runTarget(ctx context.Context, progress io.Writer, on target, tests []test, paths []string) ([]result, error) {
	var results []result
	var count [len(outcomeNames)]int
	start := time.Now()
	fmt.Fprintf(progress, "%s ", on.name())
	for _, t := range tests {
		if match, _ := path.Match(o.tests, string(t)); !match || t.family() == "iSCSI" && !on.fabric.wire {
			continue
		}
		r, log := runTest(ctx, t, on.disk.flags, paths)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
		r.Target = on.name()
		results = append(results, r)
		count[r.Outcome]++
		fmt.Fprint(progress, marks[r.Outcome])
		if r.Outcome != passed && o.results != "" {
			if err := writeLog(filepath.Join(o.results, on.name(), string(t)+".log"), log); err != nil {
				return results, err
			}
		}
	}
	fmt.Fprintf(progress, "\n  %d passed, %d failed, %d skipped, %d crashed in %v\n", count[passed], count[failed],
		count[skipped], count[crashed], time.Since(start).Round(time.Second))
	return results, nil
}

func writeLog(file string, log []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, log, 0o644)
}
