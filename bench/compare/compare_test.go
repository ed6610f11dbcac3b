package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkForEachCommand(t *testing.T) {
	before := work{100, 5 * time.Millisecond, ring{doorbells: 10, wakeups: 20}}
	after := work{1100, 25 * time.Millisecond, ring{doorbells: 510, wakeups: 120}}
	talks := &handler{ring: func(context.Context) (ring, error) { return ring{}, nil }}
	for name, c := range map[string]struct {
		after   work
		handler *handler
		want    map[string]float64
	}{
		"a handler that tells of its ring": {after, talks,
			map[string]float64{"CPU µs/command": 20, "doorbells/command": 0.5, "wake-ups/command": 0.1}},
		"one that does not": {after, &handler{}, map[string]float64{"CPU µs/command": 20}},
		"the kernel":        {after, nil, nil},
		"no commands":       {before, talks, nil},
	} {
		require.Equal(t, c.want, c.after.since(before, c.handler), name)
	}
}

func TestParseStat(t *testing.T) {
	n, err := parseStat("  101  1 2 3   2000 5 6 7  0 9 10  11 12 13 14   30000 16\n")
	require.NoError(t, err)
	require.EqualValues(t, 101+2000+30000, n, "READs, WRITEs, flushes")
	for _, text := range []string{"", "1 2 3", "1 2 3 4 many 6 7 8 9 10 11 12 13 14 15 16 17"} {
		_, err := parseStat(text)
		require.Error(t, err, text)
	}
}

func TestAskCeilingUnderstandsIt(t *testing.T) {
	r, err := parseCeiling("commands 5081 doorbells 4001 wake-ups 37 CPU 1.250000 s\n")
	require.NoError(t, err)
	require.Equal(t, ring{4001, 37}, r)
	_, err = parseCeiling("usage: ceiling\n")
	require.ErrorContains(t, err, "usage")
}

func TestModel(t *testing.T) {
	require.Equal(t, "QEMU TCG CPU version 2.5+", model("processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\nstepping\t: 3\n"))
	require.NotEmpty(t, model("processor: 0\n"))
}

func TestEachRoundBeginsWithAnotherDisk(t *testing.T) {
	disks := []string{"a", "b", "c"}
	require.Equal(t, []string{"a", "b", "c"}, rotated(disks, 0))
	require.Equal(t, []string{"b", "c", "a"}, rotated(disks, 1))
	require.Equal(t, []string{"b", "c", "a"}, rotated(disks, 4))
	require.Empty(t, rotated([]string(nil), 1))
}

func TestOptionsThatMeasureNothing(t *testing.T) {
	good := options{rounds: 1, time: time.Second, targets: []string{"tcmud *"}}
	require.NoError(t, good.check())
	for name, spoil := range map[string]func(*options){
		"rounds":  func(o *options) { o.rounds = 0 },
		"time":    func(o *options) { o.time = 0 },
		"ramp":    func(o *options) { o.ramp = -1 },
		"pattern": func(o *options) { o.targets = []string{"[a"} },
		"none of": func(o *options) { o.workloads = []string{"dd *", "randread 5k"} },
	} {
		bad := good
		spoil(&bad)
		require.Error(t, bad.check(), name)
	}
}
