package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/bench/report"
)

// native reads what "go test -bench -count N" prints, and shows it as it comes. Each count is a round.
func native(in io.Reader, progress io.Writer, version string) (report.Results, error) {
	r := report.Results{Date: time.Now().UTC().Truncate(time.Second), Version: version, Kernel: kernel()}
	rounds := map[string]int{}
	lines := benchfmt.NewReader(io.TeeReader(in, progress), "go test")
	for lines.Scan() {
		switch line := lines.Result().(type) {
		case *benchfmt.Result:
			if r.Machine == "" {
				r.Machine = fmt.Sprintf("%s, %d CPUs", line.GetConfig("cpu"), runtime.NumCPU())
			}
			s := sampleOf(line)
			at := s.Target + "/" + s.Workload
			s.Round = rounds[at]
			rounds[at]++
			r.Samples = append(r.Samples, s)
		case *benchfmt.SyntaxError:
			return r, line
		}
	}
	if err := lines.Err(); err != nil {
		return r, err
	}
	if len(r.Samples) == 0 {
		return r, fmt.Errorf("no benchmark in the input: it has to come from go test -bench")
	}
	return r, nil
}

// sampleOf is a line "BenchmarkCommand/read_4k-2 ... 100 ns-beyond-copy": of the target "Command", the workload "read 4k" and
// the unit "ns beyond copy".
func sampleOf(line *benchfmt.Result) report.Sample {
	name, _, _ := strings.Cut(string(line.Name.Full()), "-")
	target, workload, _ := strings.Cut(name, "/")
	s := report.Sample{Suite: "native", Target: target, Workload: strings.ReplaceAll(workload, "_", " "), Values: map[string]float64{}}
	for _, v := range line.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" {
			value, unit = v.OrigValue, v.OrigUnit
		}
		if unit == "ns/op" && value == 0 {
			continue // the benchmark has units of its own
		}
		s.Values[strings.ReplaceAll(strings.ReplaceAll(unit, "-", " "), "/op", "/command")] = value
	}
	maps.DeleteFunc(s.Values, func(unit string, _ float64) bool { return unit == "B/command" })
	return s
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return string(bytes.TrimRight(u.Release[:], "\x00"))
}

// keepNative puts what go test prints on standard input beside the other results.
func keepNative(version string) error {
	r, err := native(os.Stdin, os.Stderr, version)
	if err != nil {
		return err
	}
	if err := r.Save(results + "/native.json"); err != nil {
		return err
	}
	fmt.Print(r.Text())
	return publish()
}
