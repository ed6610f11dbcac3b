package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// workload is what an initiator does to a disk.
type workload struct {
	name  string
	large bool // its commands are longer than the 64 KiB that are the kernel's limit for TCMU devices by default
	// run does it to the disk /dev/BLOCK, and says what was seen.
	run func(ctx context.Context, o options, block string) (map[string]float64, error)
}

var workloads = []workload{
	fio("randread 4k depth 1"), fio("randwrite 4k depth 1"), fio("randrw 4k depth 1"),
	fio("randread 4k depth 4"), fio("randwrite 4k depth 4"), fio("randrw 4k depth 4"),
	fio("randread 4k depth 32"), fio("randwrite 4k depth 32"), fio("randrw 4k depth 32"),
	fio("randread 4k 4 jobs x 32"), fio("randwrite 4k 4 jobs x 32"), fio("randrw 4k 4 jobs x 32"),
	fio("randread 64k depth 4"), fio("randwrite 64k depth 4"),
	fio("read 1M depth 4"), fio("write 1M depth 4"),
	{"dd write", true, dd("if=/dev/zero", "of=", "oflag=dsync,direct")},
	{"dd read", true, dd("of=/dev/null", "if=", "iflag=direct")},
}

// fio is the workload that its name tells: PATTERN SIZE and "depth N" or "N jobs x N". 70 % of a mix are reads.
func fio(name string) workload {
	return workload{name, strings.Contains(name, " 1M "), func(ctx context.Context, o options, block string) (map[string]float64, error) {
		return runFio(ctx, o, block, fioArgs(name))
	}}
}

func fioArgs(name string) []string {
	words := strings.Fields(name)
	pattern, size, depth, jobs := words[0], words[1], words[len(words)-1], "1"
	if words[2] != "depth" {
		jobs = words[2]
	}
	return []string{"--name=" + pattern, "--rw=" + pattern, "--rwmixread=70", "--bs=" + size, "--iodepth=" + depth, "--numjobs=" + jobs}
}

// runFio runs fio, the same for all: past the page cache, with the same order of blocks each time.
func runFio(ctx context.Context, o options, block string, args []string) (map[string]float64, error) {
	args = append(o.fio("/dev/"+block), args...)
	out, err := exec.CommandContext(ctx, "fio", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("fio %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return parseFio(out)
}

// fio is the arguments for a run of fio on a disk that are the same for all workloads.
func (o options) fio(node string) []string {
	return []string{"--output-format=json", "--filename=" + node, "--direct=1", "--ioengine=libaio", "--thread",
		"--norandommap", "--randrepeat=1", "--time_based", "--group_reporting", "--unified_rw_reporting=mixed", "--percentile_list=50:99:99.9",
		fmt.Sprintf("--runtime=%dms", o.time.Milliseconds()), fmt.Sprintf("--ramp_time=%dms", o.ramp.Milliseconds())}
}

// fioJob is what fio tells of a group of jobs.
type fioJob struct {
	Error int
	Mixed struct {
		IOPS      float64
		Bandwidth float64 `json:"bw_bytes"` // bytes per second
		Latency   struct {
			Percentile map[string]float64 // nanoseconds, by percentiles such as "99.900000"
		} `json:"clat_ns"`
	}
}

func parseFio(out []byte) (map[string]float64, error) {
	var all struct{ Jobs []fioJob }
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("fio: %w: %s", err, out)
	}
	if len(all.Jobs) != 1 || all.Jobs[0].Error != 0 || all.Jobs[0].Mixed.IOPS == 0 {
		return nil, fmt.Errorf("fio has met an error or done nothing: %s", out)
	}
	seen := all.Jobs[0].Mixed
	values := map[string]float64{"IOPS": seen.IOPS, "MB/s": seen.Bandwidth / 1e6}
	for at, ns := range seen.Latency.Percentile {
		percent, err := strconv.ParseFloat(at, 64)
		if err != nil {
			return nil, fmt.Errorf("fio: percentile %q: %w", at, err)
		}
		values[fmt.Sprintf("p%v µs", percent)] = ns / 1e3
	}
	return values, nil
}

// dd is the way in which people see at once how fast a disk is: ten commands of 1 MiB, one at a time. The disk is named
// after the argument that ends in "=".
func dd(args ...string) func(context.Context, options, string) (map[string]float64, error) {
	return func(ctx context.Context, _ options, block string) (map[string]float64, error) {
		all := []string{"bs=1048576", "count=10"}
		for _, a := range args {
			if strings.HasSuffix(a, "=") {
				a += "/dev/" + block
			}
			all = append(all, a)
		}
		command := exec.CommandContext(ctx, "dd", all...)
		command.Env = []string{"LC_ALL=C"}
		out, err := command.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("dd %s: %w: %s", strings.Join(all, " "), err, out)
		}
		return parseDD(string(out))
	}
}

var ddLine = regexp.MustCompile(`(?m)^(\d+) bytes .* copied, ([0-9.e-]+) s,`)

func parseDD(out string) (map[string]float64, error) {
	m := ddLine.FindStringSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("dd does not say how long it took: %s", out)
	}
	bytes, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseFloat(m[2], 64)
	if err != nil || seconds == 0 {
		return nil, fmt.Errorf("dd says that it took %q seconds", m[2])
	}
	return map[string]float64{"MB/s": bytes / seconds / 1e6}, nil
}
