package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

// lookout is what has been said of commands that their store does not let go of.
type lookout struct {
	named map[uint16]bool // by ring id
}

const (
	// late is when a command is named. Initiators abort theirs after 30 s or more, and by then it should be known why.
	late = 15 * time.Second
	// looking is how often that is looked for, in seconds. Nothing has to be done for it per command.
	looking = 5
)

// lookOut has commands named that take long, and ended that take too long, until ctx ends.
func (d *Daemon) lookOut(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	seen, away := map[*volume]*lookout{}, map[*sbc.Disk]*volume{}
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		away = d.endOverdue(away)
		if n%looking == 0 {
			seen = d.nameOverdue(seen)
			d.reopen()
		}
	}
}

// nameOverdue goes on from what has been seen, and returns that.
func (d *Daemon) nameOverdue(before map[*volume]*lookout) (seen map[*volume]*lookout) {
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
	return seen
}

// endOverdue ends the commands that their stores have had for longer than they may (store_timeout), and has a disk say that its
// store is away for as long as that has one of them: what such a write may still write, nothing newer is there to be lost by.
func (d *Daemon) endOverdue(before map[*sbc.Disk]*volume) (away map[*sbc.Disk]*volume) {
	away = map[*sbc.Disk]*volume{}
	refusing := maps.Clone(before)
	for _, v := range d.all() {
		disk, ring := v.served(), v.ring.Load()
		if disk == nil || ring == nil {
			continue
		}
		if v.endOverdue(disk, ring) {
			refusing[disk] = v
		}
		if ring.Abandoned() > 0 {
			away[disk] = v
		}
	}
	for disk, v := range refusing {
		if away[disk] != nil {
			continue
		}
		disk.SetAway(false)
		if before[disk] != nil { // else the kernel could let go of none
			v.log.Info("the store answers again")
		}
	}
	return away
}

// endOverdue ends those of a ring, whose disk refuses commands from then on, if there are any.
func (v *volume) endOverdue(disk *sbc.Disk, ring *tcmu.Device) (refuses bool) {
	limit := disk.StoreTimeout()
	lengthy := func(cdb []byte) bool {
		op := disk.Row(cdb)
		return op != nil && op.Flags&scsi.Lengthy != 0
	}
	if limit == 0 || !slices.ContainsFunc(ring.Overdue(limit), func(o tcmu.Overdue) bool { return !lengthy(o.CDB) }) {
		return false
	}
	disk.SetAway(true) // before an initiator hears that a write has failed, and writes something else
	sense := disk.Unavailable()
	ended, err := ring.Abandon(limit, sense, lengthy)
	if err != nil {
		v.log.Error("commands that take too long cannot be ended", "err", err)
	}
	if len(ended) > 0 {
		v.abandoned.Add(int64(len(ended)))
		v.log.Warn("the store does not answer: its commands are ended", "commands", len(ended), "after", limit, "sense", sense,
			"cdb", fmt.Sprintf("% x", ended[0].CDB), "where", ring.Stacks())
	}
	return true
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
