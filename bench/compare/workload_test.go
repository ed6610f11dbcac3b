package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFioArgs(t *testing.T) {
	for name, want := range map[string]string{
		"randread 4k depth 1":     "--name=randread --rw=randread --rwmixread=70 --bs=4k --iodepth=1 --numjobs=1",
		"randrw 4k 4 jobs x 32":   "--name=randrw --rw=randrw --rwmixread=70 --bs=4k --iodepth=32 --numjobs=4",
		"write 1M depth 4":        "--name=write --rw=write --rwmixread=70 --bs=1M --iodepth=4 --numjobs=1",
		"randwrite 64k depth 128": "--name=randwrite --rw=randwrite --rwmixread=70 --bs=64k --iodepth=128 --numjobs=1",
	} {
		require.Equal(t, want, strings.Join(fioArgs(name), " "), name)
	}
}

// fioOutput is what fio 3.33 prints, without what is not looked at.
const fioOutput = `{
  "fio version" : "fio-3.33",
  "jobs" : [ { "jobname" : "randread", "error" : 0, "job options" : { "rw" : "randread" },
    "mixed" : { "io_bytes" : 5853184, "bw_bytes" : 7108608, "bw" : 6942, "iops" : 1735.5, "total_ios" : 1388,
      "slat_ns" : { "min" : 20030, "max" : 980000, "mean" : 31000.5, "stddev" : 1.0, "N" : 1388 },
      "clat_ns" : { "min" : 100, "max" : 9900000, "mean" : 250000.1, "stddev" : 1.0, "N" : 1388,
        "percentile" : { "50.000000" : 211968, "99.000000" : 4227072, "99.900000" : 9895936 } } } } ]
}`

func TestParseFio(t *testing.T) {
	values, err := parseFio([]byte(fioOutput))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{
		"IOPS": 1735.5, "MB/s": 7.108608, "p50 µs": 211.968, "p99 µs": 4227.072, "p99.9 µs": 9895.936,
	}, values)
}

func TestParseFioRefuses(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"an error":        {`"error" : 0`, `"error" : 5`, "met an error or done nothing"},
		"nothing done":    {`"iops" : 1735.5`, `"iops" : 0`, "met an error or done nothing"},
		"other words":     {"{", "fio: no such file", "invalid character"},
		"two groups":      {`"jobs" : [`, `"jobs" : [ {},`, "met an error or done nothing"},
		"odd percentiles": {`"50.000000"`, `"median"`, `percentile "median"`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, fioOutput, c.from)
			_, err := parseFio([]byte(strings.Replace(fioOutput, c.from, c.to, 1)))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParseDD(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      float64 // MB/s
	}{
		{"GNU", "10+0 records in\n10+0 records out\n10485760 bytes (10 MB, 10 MiB) copied, 0.0524288 s, 200 MB/s\n", 200},
		{"very quick", "10+0 records in\n10+0 records out\n1048576 bytes (1.0 MB, 1.0 MiB) copied, 5e-4 s, 2.1 GB/s\n", 2097.152},
	} {
		values, err := parseDD(c.out)
		require.NoError(t, err, c.name)
		require.InDelta(t, c.want, values["MB/s"], 1e-6, c.name)
	}
	for _, out := range []string{"", "dd: error writing '/dev/sda': Input/output error\n", "10 bytes copied, 0 s, Infinity B/s"} {
		_, err := parseDD(out)
		require.Error(t, err, out)
	}
}

// The names are what results are compared by.
func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workloads {
		require.False(t, seen[w.name], w.name)
		seen[w.name] = true
	}
	for _, d := range targets {
		require.False(t, seen[d.object()], d.name)
		seen[d.object()] = true
	}
}

func TestOnlyLargeCommandsTellLimitsApart(t *testing.T) {
	limited, whole := target{large: true}, target{}
	for _, w := range workloads {
		require.True(t, whole.suits(w), w.name)
		require.Equal(t, strings.Contains(w.name, "1M") || strings.HasPrefix(w.name, "dd"), limited.suits(w), w.name)
	}
}
