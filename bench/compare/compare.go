package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcmud/tcmud/bench/report"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// disk is a target as the fabric brings it to the initiator.
type disk struct {
	target  target
	so      lio.StorageObject
	handler *handler // nil: the kernel
	block   string   // "sdb"
}

// pass is targets side by side: those, and what of the rest, that patterns name.
type pass struct {
	suite                       string
	tcmud                       inside.Daemon
	targets, workloads, fabrics []string
}

// compare measures all targets.
func (b *bench) compare(ctx context.Context) error {
	all := []string{"*"}
	return b.sideBySide(ctx, pass{"compare", inside.Tcmud, all, all, all})
}

// sleeping measures what a command takes of a processor where the threads of rings sleep at once.
func (b *bench) sleeping(ctx context.Context) error {
	return b.sideBySide(ctx, pass{"no spin", inside.Tcmud.With("--no-spin"), []string{"tcmu-runner", "ceiling copy sleep", "tcmud ramdisk", "tcmud fileio"},
		[]string{"rand*e* 4k depth 1", "rand*e* 4k depth 32"}, []string{"loopback"}})
}

func (b *bench) sideBySide(ctx context.Context, of pass) (err error) {
	b.pass = of
	servers, err := startServers(ctx, b.logs, of.tcmud)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.end()) }()
	var disks []disk
	defer func() {
		for _, d := range disks {
			err = errors.Join(err, d.end())
		}
	}()
	for _, t := range targets {
		if !matches(b.targets, t.name) || !matches(of.targets, t.name) {
			continue
		}
		d, err := b.make(ctx, t, servers)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		disks = append(disks, d)
	}
	return b.overAll(ctx, disks)
}

// overAll measures the disks over one fabric after another.
func (b *bench) overAll(ctx context.Context, disks []disk) error {
	over := slices.DeleteFunc(slices.Clone(fabrics), func(f fabric) bool { return !matches(b.fabrics, f.name) || !matches(b.pass.fabrics, f.name) })
	p := &progress{out: b.out}
	for _, w := range workloads {
		p.all += len(over) * b.rounds * len(b.chosen(w, disks))
	}
	for _, f := range over {
		if err := b.over(ctx, f, disks, p); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// make makes a target's storage object, and somebody serve it.
func (b *bench) make(ctx context.Context, t target, s *servers) (d disk, err error) {
	d.target = t
	if d.so, err = t.create(t, b); err != nil || t.serve == nil {
		return d, err
	}
	if d.handler, err = t.serve(ctx, d.so, s); err != nil {
		return d, errors.Join(err, d.so.Delete())
	}
	return d, nil
}

// end undoes make.
func (d disk) end() error {
	var err error
	if d.handler != nil && d.handler.end != nil {
		err = d.handler.end()
	}
	return errors.Join(d.so.Delete(), err)
}

// over measures the disks over a fabric.
func (b *bench) over(ctx context.Context, f fabric, disks []disk, p *progress) error {
	var objects []lio.StorageObject
	for _, d := range disks {
		objects = append(objects, d.so)
	}
	return f.with(ctx, b.root, objects, func(blocks []string) error {
		disks := slices.Clone(disks)
		for i := range disks {
			disks[i].block = blocks[i]
		}
		return quietly(ctx, func() error { return b.repeat(ctx, f, disks, p) })
	})
}

// unwatched has udev leave disks alone once it has seen them. Else it reads one anew whenever somebody who may have written
// to it has closed it, beside the next measurement.
func unwatched(ctx context.Context) error {
	const folder = "/run/udev/rules.d"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(folder+"/99-compare.rules", []byte(`SUBSYSTEM=="block", OPTIONS:="nowatch"`+"\n"), 0o644); err != nil {
		return err
	}
	return command(ctx, "udevadm", "control", "--reload")
}

// quietly calls do when udev has seen all there is.
func quietly(ctx context.Context, do func() error) error {
	if err := command(ctx, "udevadm", "settle"); err != nil {
		return err
	}
	return do()
}

// fill writes the whole of a disk once: what has never been written is read quicker.
func (b *bench) fill(ctx context.Context, d disk) error {
	return command(ctx, "fio", "--name=fill", "--filename=/dev/"+d.block, "--rw=write", "--bs=1M", "--direct=1", "--ioengine=libaio", "--iodepth=4")
}

// repeat measures each workload on each disk as often as there are rounds. Each round begins with another disk.
func (b *bench) repeat(ctx context.Context, f fabric, disks []disk, p *progress) error {
	for _, d := range disks {
		if err := b.fill(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.target.name, err)
		}
	}
	for round := range b.rounds {
		for _, w := range workloads {
			for _, d := range rotated(b.chosen(w, disks), round) {
				begin := time.Now()
				s, err := b.measure(ctx, w, d)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", d.target.name, w.name, err)
				}
				s.Suite, s.Fabric, s.Target, s.Workload, s.Round = b.pass.suite, f.name, d.target.name, w.name, round
				b.measured.Samples = append(b.measured.Samples, s)
				p.show(s, time.Since(begin))
			}
		}
	}
	return nil
}

// rotated is what begins with element n, or with what that is in a ring.
func rotated[T any](all []T, n int) []T {
	if len(all) == 0 {
		return nil
	}
	n %= len(all)
	return slices.Concat(all[n:], all[:n])
}

// chosen are the disks on which a workload is run.
func (b *bench) chosen(w workload, disks []disk) (some []disk) {
	for _, d := range disks {
		if matches(b.workloads, w.name) && matches(b.pass.workloads, w.name) && d.target.suits(w) {
			some = append(some, d)
		}
	}
	return some
}

// measure runs a workload on a disk once, and adds what its handler has done for each command.
func (b *bench) measure(ctx context.Context, w workload, d disk) (s report.Sample, err error) {
	before, err := d.work(ctx)
	if err != nil {
		return s, err
	}
	if s.Values, err = w.run(ctx, b.options, d.block); err != nil {
		return s, err
	}
	after, err := d.work(ctx)
	if err != nil {
		return s, err
	}
	maps.Copy(s.Values, after.since(before, d.handler))
	return s, nil
}

// work is what a disk and its handler have done.
type work struct {
	commands float64 // of the block device: as the disk sees them, not as the client has made them
	cpu      time.Duration
	ring     ring
}

// work looks at it while nothing is in flight.
func (d disk) work(ctx context.Context) (w work, err error) {
	if w.commands, err = commands(d.block); err != nil || d.handler == nil {
		return w, err
	}
	if w.cpu, err = cpu(d.handler.pid); err != nil || d.handler.ring == nil {
		return w, err
	}
	w.ring, err = d.handler.ring(ctx)
	return w, err
}

// since is what came after before, for each command. It counts all of the client's run, also what fio does not measure.
func (w work) since(before work, h *handler) map[string]float64 {
	n := w.commands - before.commands
	if h == nil || n == 0 {
		return nil
	}
	per := map[string]float64{"CPU µs/command": float64(w.cpu-before.cpu) / 1e3 / n}
	if h.ring != nil {
		per["doorbells/command"] = (w.ring.doorbells - before.ring.doorbells) / n
		per["wake-ups/command"] = (w.ring.wakeups - before.ring.wakeups) / n
	}
	return per
}

// commands is how many READs, WRITEs and flushes a block device has seen to the end (Documentation/block/stat.rst).
func commands(block string) (float64, error) {
	text, err := os.ReadFile("/sys/block/" + block + "/stat")
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

func parseStat(text string) (all float64, err error) {
	fields := strings.Fields(text)
	for _, i := range []int{0, 4, 15} {
		if i >= len(fields) {
			return 0, fmt.Errorf("statistics of a block device have %d fields, not %d: %q", len(fields), i+1, text)
		}
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}
