// Package doctor looks a host over for what keeps TCMU devices from being made, served or removed, and mends what can be
// mended without harm. Looking changes nothing: it loads no module and mounts nothing.
//
//	doctor.go   the checks, one row each
//	host.go     what the host must have: rights, configfs, modules
//	service.go  who serves: tcmud, other programs' daemons, what they left behind in the kernel
//	devices.go  devices that do not work, and what is left of others
//	proc.go     processes
//	kmsg.go     the kernel's log
package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// Host is what is looked over. The zero value, but for the client's socket, is the running system.
type Host struct {
	Root   lio.Root // not prepared: what is missing in it is what is looked for
	Daemon control.Client
	UID    int // of who asks

	// Patience is how long a thing may be half done before it counts as left behind.
	Patience time.Duration

	// Loadable says whether a module could be loaded, and Prepare loads and mounts what every device needs. Mute tells the
	// kernel to wait for no daemon's answer any more.
	Loadable func(module string) error
	Prepare  func() error
	Mute     func() error
}

// State is what came of a check.
type State string

// States.
const (
	Fine    State = "ok"
	Note    State = "note" // nothing is wrong, but somebody may want to know
	Problem State = "problem"
	Mended  State = "mended"
)

// Finding is what a check has found.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Text   string `json:"finding"`
	Remedy string `json:"remedy,omitempty"` // what to do about it; empty where there is nothing to do
	mend   func() error
	// contagious: who looks further is caught by it too.
	contagious bool
}

func (f Finding) wrong() bool { return f.State == Problem }

// Mendable reports whether Mend can do something about it without harm.
func (f Finding) Mendable() bool { return f.mend != nil && f.State != Mended }

// checks are all there are, in the order in which one needs what the one before has found.
var checks = []struct {
	name    string
	look    func(context.Context, Host) ([]Finding, error)
	passing bool // what is just being made, or removed, looks the same for a moment: look twice
}{
	{name: "rights", look: rights},
	{name: "configfs", look: configfs},
	{name: "modules", look: modules},
	{name: "reservations", look: reservations},
	{name: "daemon", look: daemon},
	{name: "other daemons", look: otherDaemons},
	{name: "netlink", look: netlink},
	{name: "rings", look: rings},
	{name: "devices", look: devices, passing: true},
	{name: "identities", look: identities},
	{name: "leftovers", look: leftovers, passing: true},
}

// Examine makes all checks, or those up to one that finds what would make the others hang. A check that cannot be made is
// a finding too.
func (h Host) Examine(ctx context.Context) []Finding {
	var all []Finding
	for _, c := range checks {
		found := h.look(ctx, c.look)
		if c.passing && slices.ContainsFunc(found, Finding.wrong) && wait(ctx, h.Patience) {
			found = still(found, h.look(ctx, c.look))
		}
		if len(found) == 0 {
			found = ok("nothing found")
		}
		for _, f := range found {
			f.Check = c.name
			all = append(all, f)
		}
		if slices.ContainsFunc(found, isContagious) {
			return append(all, Finding{Check: c.name, State: Note, Text: "devices are not looked at: that would wait, too"})
		}
	}
	return all
}

func isContagious(f Finding) bool { return f.contagious }

// Treat makes all checks and mends what can be mended without harm, and returns how things are then.
func (h Host) Treat(ctx context.Context) []Finding {
	found := h.Examine(ctx)
	Mend(found)
	if !slices.ContainsFunc(found, isContagious) {
		return found
	}
	cured := slices.DeleteFunc(found, func(f Finding) bool { return f.State != Mended })
	if len(cured) == 0 || !wait(ctx, h.Patience) {
		return found
	}
	found = h.Examine(ctx)
	Mend(found)
	return append(cured, found...)
}

func (h Host) look(ctx context.Context, look func(context.Context, Host) ([]Finding, error)) []Finding {
	found, err := look(ctx, h)
	if err != nil {
		found = append(found, Finding{State: Problem, Text: "cannot be looked at: " + err.Error()})
	}
	return found
}

// still is what of the earlier findings has been found again.
func still(earlier, now []Finding) []Finding {
	return slices.DeleteFunc(now, func(f Finding) bool {
		return !slices.ContainsFunc(earlier, func(e Finding) bool { return e.Text == f.Text })
	})
}

// wait waits for d; it is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Mend mends what of the findings can be mended, and says so in them. What could not be mended says why.
func Mend(found []Finding) {
	for i := range found {
		f := &found[i]
		if !f.Mendable() {
			continue
		}
		if err := f.mend(); err != nil {
			f.Text += ", and mending it failed: " + err.Error()
			continue
		}
		f.State = Mended
	}
}

// path is a path of the host's.
func (h Host) path(elem ...string) string {
	return filepath.Join(append([]string{"/", h.Root.Dir}, elem...)...)
}

func ok(format string, a ...any) []Finding {
	return []Finding{{State: Fine, Text: fmt.Sprintf(format, a...)}}
}

func problem(remedy, format string, a ...any) Finding {
	return Finding{State: Problem, Text: fmt.Sprintf(format, a...), Remedy: remedy}
}

func note(format string, a ...any) Finding {
	return Finding{State: Note, Text: fmt.Sprintf(format, a...)}
}

// by is f with a way to mend it.
func (f Finding) by(mend func() error) Finding {
	f.mend = mend
	return f
}
