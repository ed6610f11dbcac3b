package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/tcmud/tcmud/tcmu"
)

// lookout is what has been said of commands that their store does not let go of.
type lookout struct {
	named map[uint16]bool // by ring id
}

const (
	// late is when a command is named. Initiators abort theirs after 30 s or more, and by then it should be known why.
	late = 15 * time.Second
	// looking is how often that is looked for. Nothing has to be done for it per command.
	looking = 5 * time.Second
)

// lookOut has commands named that take long, until ctx ends.
func (d *Daemon) lookOut(ctx context.Context) {
	tick := time.NewTicker(looking)
	defer tick.Stop()
	seen := map[*volume]*lookout{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		before := seen
		seen = map[*volume]*lookout{}
		for _, v := range d.all() {
			ring := v.ring.Load()
			if ring == nil {
				continue
			}
			overdue := ring.Overdue(late)
			v.overdue.Store(int64(len(overdue)))
			l := before[v]
			if l == nil && len(overdue) == 0 {
				continue
			}
			if l == nil {
				l = new(lookout)
			}
			if l.name(v, overdue, ring.Stacks); len(l.named) > 0 {
				seen[v] = l
			}
		}
	}
}

// name logs what of overdue has not been named, once with where it is, and what has been named and is over.
func (l *lookout) name(v *volume, overdue []tcmu.Overdue, stacks func() string) {
	named := map[uint16]bool{}
	where := ""
	for _, o := range overdue {
		named[o.ID] = true
		if l.named[o.ID] {
			continue
		}
		if where == "" {
			where = stacks()
		}
		v.log.Warn("a command takes long: its store does not answer", "id", o.ID, "cdb", fmt.Sprintf("% x", o.CDB),
			"for", o.For.Round(time.Second), "where", where)
	}
	for id := range l.named {
		if !named[id] {
			v.log.Info("a command that has taken long is over", "id", id)
		}
	}
	l.named = named
}
