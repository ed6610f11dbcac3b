package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// rates is what a device did in an interval.
type rates struct {
	HBA      int           `json:"hba"`
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	State    control.State `json:"state"`
	Read     rate          `json:"read"`
	Write    rate          `json:"write"`
	Other    rate          `json:"other"`
	All      rate          `json:"all"`
	Errors   float64       `json:"errors_per_second"`
	Queue    float64       `json:"queue_depth"` // commands at work, on average
	InFlight uint64        `json:"in_flight"`   // commands taken and not answered at the end of the interval
}

// rate is what commands of one class amounted to.
type rate struct {
	Commands float64 `json:"iops"`
	Bytes    float64 `json:"bytes_per_second"`
	Mean     float64 `json:"mean_seconds"` // of their latency
	P99      float64 `json:"p99_seconds"`  // 99 % of them took no longer
}

// ratesBetween tells what the devices did between two looks at them, the busiest first. A device that was not there
// before has done all it did since.
func ratesBetween(before, after []control.Device, interval time.Duration) []rates {
	was := map[uint64]control.Counters{}
	for _, d := range before {
		was[d.Incarnation] = d.Counters
	}
	list := make([]rates, 0, len(after))
	for _, d := range after {
		list = append(list, ratesOf(d, was[d.Incarnation], interval))
	}
	slices.SortStableFunc(list, func(a, b rates) int { return cmp.Compare(b.All.Commands, a.All.Commands) })
	return list
}

func ratesOf(d control.Device, before control.Counters, interval time.Duration) rates {
	now := d.Counters
	read, write, other := now.Read.Since(before.Read), now.Write.Since(before.Write), now.Other.Since(before.Other)
	all := read.Plus(write).Plus(other)
	return rates{
		HBA: d.HBA, Name: d.Name, Kind: d.Kind(), State: d.State,
		Read: rateOf(read, interval), Write: rateOf(write, interval), Other: rateOf(other, interval), All: rateOf(all, interval),
		Errors:   float64(grown(sum(before.Errors), sum(now.Errors))) / interval.Seconds(),
		Queue:    all.Time.Seconds() / interval.Seconds(), // Little's law
		InFlight: now.InFlight,
	}
}

func rateOf(t control.Traffic, interval time.Duration) rate {
	return rate{
		Commands: float64(t.Commands) / interval.Seconds(),
		Bytes:    float64(t.Bytes) / interval.Seconds(),
		Mean:     t.Mean().Seconds(),
		P99:      t.Quantile(0.99).Seconds(),
	}
}

func sum(counts map[string]uint64) (all uint64) {
	for _, n := range counts {
		all += n
	}
	return all
}

// grown is by how much a counter has grown; one that has shrunk began again at zero.
func grown(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}
