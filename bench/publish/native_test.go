package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const printed = `goos: linux
pkg: github.com/tcmud/tcmud/tcmu
cpu: A Processor
BenchmarkCommand/read_4k-2    1000    0 ns/op    8.5 GB/s    99.5 ns-beyond-copy    337 B/op    0 allocs/op
BenchmarkCommand/read_4k-2    1000    0 ns/op    8.6 GB/s    101 ns-beyond-copy    337 B/op    0 allocs/op
BenchmarkStage/ring-2    1000    50.5 ns/op
PASS
`

func TestNative(t *testing.T) {
	var progress bytes.Buffer
	r, err := native(strings.NewReader(printed), &progress, "v1")
	require.NoError(t, err)
	require.Equal(t, printed, progress.String())
	require.Regexp(t, `^A Processor, \d+ CPUs$`, r.Machine)
	require.Len(t, r.Samples, 3)
	first, second, ring := r.Samples[0], r.Samples[1], r.Samples[2]
	require.Equal(t, "Command", first.Target)
	require.Equal(t, "read 4k", first.Workload)
	require.Equal(t, map[string]float64{"GB/s": 8.5, "ns beyond copy": 99.5, "allocs/command": 0}, first.Values)
	require.Equal(t, []int{0, 1, 0}, []int{first.Round, second.Round, ring.Round})
	require.Equal(t, map[string]float64{"ns/command": 50.5}, ring.Values)

	_, err = native(strings.NewReader("PASS\n"), &progress, "v1")
	require.ErrorContains(t, err, "no benchmark")
}
