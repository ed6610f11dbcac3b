package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcmud/tcmud/bench/report"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/vm/inside"
)

// crowds are how many disks one tcmud serves.
var crowds = []int{1, 10, 100, 1000}

const (
	// crowdSize is the size of each disk, bytes. Only those that are filled take memory.
	crowdSize = 4 << 20
	// crowdLUNs is how many of them get a LUN and are used: a LUN takes the kernel and udev ten times as long to make as
	// the disk, and what is not used costs tcmud the same with and without.
	crowdLUNs = 4

	// A ring's thread that is not needed sleeps for twice as long each time, up to 10 s, which it comes to in 13 s.
	calming = 15 * time.Second
	idling  = 20 * time.Second
)

// growth measures what a disk among many costs.
func (b *bench) growth(ctx context.Context) error {
	for _, n := range crowds {
		if err := b.crowd(ctx, n); err != nil {
			return fmt.Errorf("%d units: %w", n, err)
		}
	}
	return nil
}

// crowd starts a tcmud, has it serve n disks, and measures that. Without other handlers the kernel asks none about them.
func (b *bench) crowd(ctx context.Context, n int) (err error) {
	tcmud, err := inside.Tcmud.Start(ctx, b.logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tcmud.End()) }()
	var objects []lio.StorageObject
	defer func() {
		for _, so := range objects {
			err = errors.Join(err, so.Delete())
		}
	}()
	s := b.crowdSample("", fmt.Sprintf("%d units", n))
	if err := quietly(ctx, func() error {
		began := time.Now()
		objects, err = b.attach(ctx, n, tcmud)
		s.Values = map[string]float64{"attach ms": time.Since(began).Seconds() * 1e3 / float64(n)}
		if err != nil {
			return err
		}
		return idle(ctx, tcmud.PID, s.Values)
	}); err != nil {
		return err
	}
	b.note(s)
	used := objects[:min(n, crowdLUNs)]
	return overLoopback(ctx, b.root, used, func(blocks []string) error {
		return quietly(ctx, func() error { return b.among(ctx, n, blocks) })
	})
}

// attach makes n ramdisks one after another, each when the one before it is served, and returns those that there are.
func (b *bench) attach(ctx context.Context, n int, tcmud *inside.Process) (all []lio.StorageObject, err error) {
	for i := range n {
		so, err := b.root.CreateUser(lio.User{Name: fmt.Sprintf("unit%d", i), Config: "tcmud/ramdisk", Size: crowdSize})
		if err != nil {
			return all, err
		}
		all = append(all, so)
		if _, err := byTcmud(ctx, so, &servers{tcmud: tcmud}); err != nil {
			return all, err
		}
	}
	return all, nil
}

// idle adds what a process to which nothing is sent takes of the processor and of memory.
func idle(ctx context.Context, pid int, values map[string]float64) error {
	if err := pause(ctx, calming); err != nil {
		return err
	}
	before, err := cpu(pid)
	if err != nil {
		return err
	}
	if err := pause(ctx, idling); err != nil {
		return err
	}
	after, err := cpu(pid)
	if err != nil {
		return err
	}
	// Not from status: there each thread holds back what it has counted of up to 64 pages.
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return err
	}
	values["idle CPU ms/s"] = float64((after - before).Milliseconds()) / idling.Seconds()
	values["RSS MiB"], err = parseMemory(string(maps))
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

var memoryLine = regexp.MustCompile(`(?m)^Pss_(Anon|File):\s*(\d+) kB$`)

// parseMemory is the memory of a process in MiB, less what is in tmpfs: that is the data of ramdisks.
func parseMemory(maps string) (mib float64, err error) {
	found := memoryLine.FindAllStringSubmatch(maps, -1)
	if len(found) != 2 {
		return 0, fmt.Errorf("the kernel does not say what memory a process has (before Linux 5.3?): %s", maps)
	}
	for _, m := range found {
		kib, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return 0, err
		}
		mib += kib / 1024
	}
	return mib, nil
}

// among measures one of n disks, and several at once.
func (b *bench) among(ctx context.Context, n int, blocks []string) error {
	for _, block := range blocks {
		if err := b.fill(ctx, disk{block: block}); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		for _, some := range slices.Compact([]int{1, len(blocks)}) {
			if err := b.useSome(ctx, n, round, blocks[:some]); err != nil {
				return err
			}
		}
	}
	return nil
}

// useSome reads from some of n disks at once.
func (b *bench) useSome(ctx context.Context, n, round int, blocks []string) (err error) {
	const reading = "randread 4k depth 32"
	s := b.crowdSample("loopback", fmt.Sprintf("%s on %d of %d units", reading, len(blocks), n))
	s.Round = round
	if s.Values, err = fio(reading).run(ctx, b.options, strings.Join(blocks, ":/dev/")); err != nil {
		return err
	}
	b.note(s)
	return nil
}

func (b *bench) crowdSample(fabric, workload string) report.Sample {
	return report.Sample{Suite: "growth", Fabric: fabric, Target: "tcmud ramdisk", Workload: workload}
}

// note keeps a sample and shows it.
func (b *bench) note(s report.Sample) {
	b.measured.Samples = append(b.measured.Samples, s)
	fmt.Fprintf(b.out, "%-9s %-45s", s.Fabric, s.Workload)
	for _, unit := range []string{"attach ms", "RSS MiB", "idle CPU ms/s", "IOPS", "MB/s"} {
		if value, ok := s.Values[unit]; ok {
			fmt.Fprintf(b.out, " %8.1f %s", value, unit)
		}
	}
	fmt.Fprintln(b.out)
}
