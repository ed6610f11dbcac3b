package control

import (
	"fmt"
	"strings"
	"time"
)

// Counters is what a device has done since this daemon began to serve it. They only grow, but for InFlight and Overdue, and begin at
// zero with each daemon.
type Counters struct {
	Read  Traffic `json:"read"`  // READ commands
	Write Traffic `json:"write"` // WRITE and WRITE AND VERIFY commands
	Other Traffic `json:"other"` // all the others: flushes, discards, inquiries ...
	// Errors counts the commands that did not end well, by the sense key of a CHECK CONDITION ("medium_error") or the
	// status ("busy", "reservation_conflict"). What has not occurred is not in it.
	Errors map[string]uint64 `json:"errors,omitempty"`
	// InFlight is how many commands have been taken from the ring and not answered yet.
	InFlight uint64 `json:"in_flight"`
	// Overdue is how many of those have been in flight for 15 s or longer.
	Overdue uint64 `json:"overdue,omitempty"`
	// Abandoned counts the commands that have been ended because their store had them for too long (store_timeout).
	Abandoned uint64 `json:"abandoned,omitempty"`
	// Panics counts the commands that a fault of our own has ended; they are in no other counter.
	Panics uint64 `json:"panics,omitempty"`
	// Doorbells counts the system calls that told the kernel of commands done, WakeUps how often the ring's thread slept and
	// was woken. Both begin anew with each ring.
	Doorbells uint64 `json:"doorbells"`
	WakeUps   uint64 `json:"wake_ups"`
}

// ErrorName is what errors of a sense key (scsi.Key) or a status (scsi.Status) are called in Counters.Errors.
func ErrorName(what fmt.Stringer) string {
	return strings.ReplaceAll(strings.ToLower(what.String()), " ", "_")
}

// Traffic is what commands of one class amount to.
type Traffic struct {
	Commands uint64 `json:"commands"`
	Bytes    uint64 `json:"bytes"` // data of those that ended well
	// Time is how long they took, all added up: from when the command was handed to the disk to when it was done.
	// Divided by the time in which they ran it is the mean number of commands at work (Little's law).
	Time time.Duration `json:"nanoseconds"`
	// Latency counts the commands that took at most LatencyBound(i) and more than the bound before. The last element
	// has no bound. Where memory answers, only one of so many is timed, for this and for Time, and stands for those after it.
	Latency [LatencyBuckets]uint64 `json:"latency"`
}

// LatencyBuckets is how many elements Traffic.Latency has.
const LatencyBuckets = 25

// LatencyBound is the longest time that is counted in element i of Traffic.Latency, but for the last: 2 to the power of
// i in microseconds, so 1 microsecond to 8.4 seconds.
func LatencyBound(i int) time.Duration { return time.Microsecond << i }

// Since is what has come on top of t since it was as before. Where there is less than before, the daemon has been
// started again meanwhile, and all there is has come since.
func (t Traffic) Since(before Traffic) Traffic {
	if t.Commands < before.Commands || t.Bytes < before.Bytes || t.Time < before.Time {
		return t
	}
	t.Commands -= before.Commands
	t.Bytes -= before.Bytes
	t.Time -= before.Time
	for i := range t.Latency {
		t.Latency[i] -= min(t.Latency[i], before.Latency[i])
	}
	return t
}

// Plus adds the traffic of another class.
func (t Traffic) Plus(o Traffic) Traffic {
	t.Commands += o.Commands
	t.Bytes += o.Bytes
	t.Time += o.Time
	for i := range t.Latency {
		t.Latency[i] += o.Latency[i]
	}
	return t
}

// Mean is the mean latency; 0 if there were no commands.
func (t Traffic) Mean() time.Duration {
	if t.Commands == 0 {
		return 0
	}
	return t.Time / time.Duration(t.Commands)
}

// Quantile is a time within which a share q, from 0 to 1, of the commands were done: estimated within the element of
// Latency that it falls in, as if the commands there lay evenly. In the last element it is the last bound.
func (t Traffic) Quantile(q float64) time.Duration {
	var all uint64
	for _, n := range t.Latency {
		all += n
	}
	rank := q * float64(all)
	var below float64
	var lower time.Duration
	for i, n := range t.Latency[:LatencyBuckets-1] {
		upper := LatencyBound(i)
		if n > 0 && below+float64(n) >= rank {
			return lower + time.Duration(float64(upper-lower)*(rank-below)/float64(n))
		}
		below += float64(n)
		lower = upper
	}
	if all == 0 {
		return 0
	}
	return lower
}
