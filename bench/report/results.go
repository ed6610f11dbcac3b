// Package report is what a benchmark leaves, and what is made of it.
package report

import "time"

// Results is what one run of a benchmark measured.
type Results struct {
	Date    time.Time
	Version string // of tcmud
	Machine string // processor and how many: "QEMU TCG CPU, 2 CPUs"
	Kernel  string // release
	Samples []Sample
}

// Sample is one measurement: what was seen of a target under a workload, once.
type Sample struct {
	Suite    string // "compare", "guest", "growth", "native"
	Fabric   string // "loopback", "iscsi", "vhost"; "" where there is none
	Target   string // "tcmud ramdisk"
	Workload string // "randread 4k depth 1"
	Round    int    // from 0 on; what is to be compared was measured in the same round
	// Values by unit: "IOPS", "MB/s", "p50 µs", "p99 µs", "p99.9 µs", "CPU µs/command", "doorbells/command",
	// "wake-ups/command", "ns/command", "RSS MiB", "attach ms".
	Values map[string]float64
}
