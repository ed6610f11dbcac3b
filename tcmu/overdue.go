package tcmu

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"
)

// Overdue is a command that its handler has had for long.
type Overdue struct {
	ID  uint16        // the ring's; one that is over may be followed by another of the same
	CDB []byte        // a copy
	For time.Duration // at least
}

// lookout is what Overdue saw when it was last called.
type lookout struct {
	mu    sync.Mutex
	seen  *awaited             // guarded by mu: what was in flight; nil: nothing
	at    time.Time            // guarded by mu: when
	since map[uint16]time.Time // guarded by mu: those of seen that had been there before
}

// Overdue returns the commands that the handler has had for limit or longer, the oldest first. It is to be called every now
// and then: a command's age is counted from the first call that sees it, so that commands pay nothing for being watched.
func (d *Device) Overdue(limit time.Duration) []Overdue {
	return d.overdue(limit, func(uint16) bool { return true })
}

// overdue is Overdue, of those commands that are wanted. Who says which are holds the ring's lock.
func (d *Device) overdue(limit time.Duration, wanted func(id uint16) bool) (all []Overdue) {
	l := &d.lookout
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var stayed map[uint16]time.Time
	d.ring.mu.Lock()
	for _, id := range d.ring.forget(l.seen) {
		if stayed == nil {
			stayed = map[uint16]time.Time{}
		}
		since, ok := l.since[id]
		if !ok {
			since = l.at
		}
		stayed[id] = since
		if age := now.Sub(since); age >= limit && wanted(id) {
			all = append(all, Overdue{id, d.cdbOf(id), age})
		}
	}
	l.seen = d.ring.expect(-1)
	d.ring.mu.Unlock()
	l.at, l.since = now, stayed
	slices.SortFunc(all, func(a, b Overdue) int { return int(b.For - a.For) })
	return all
}

// cdbOf is a copy of the CDB of a command in flight. The ring's lock is held, and so its slot is not given to another.
func (d *Device) cdbOf(id uint16) []byte {
	s := d.current.Load()
	if d.ring.live.has(id) {
		s = d.ring.slots[id]
	}
	return bytes.Clone(s.cmd.CDB)
}

// labels makes it known that a goroutine works for the device.
func (d *Device) labels() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("ring", d.port.Name)))
}

// Stacks says where in the handler the goroutines are that carry out commands, as runtime/pprof has it. It stops all goroutines
// for a moment.
func (d *Device) Stacks() string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	mine := fmt.Sprintf("%q:%q", "ring", d.port.Name)
	var found []string
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, mine) && strings.Contains(stack, ".(*Device).answer+") {
			found = append(found, strings.TrimSpace(stack))
		}
	}
	return strings.Join(found, "\n\n")
}
