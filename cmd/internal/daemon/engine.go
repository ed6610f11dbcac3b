package daemon

import (
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/spc"
)

// Engine implements control.Source.
func (d *Daemon) Engine(hba int, name string) (control.Engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.volumes[key{hba, name}]
	switch {
	case v == nil:
		return nil, fmt.Errorf("tcmud has no device user_%d/%s: %w", hba, name, fs.ErrNotExist)
	case v.nexus != nil:
		return nil, fmt.Errorf("%v stands for an I_T nexus: ask for its backstore, %s", v.uio, v.nexus.Of)
	case v.state != control.Serving:
		return nil, fmt.Errorf("%v is not served: see what is said of it", v.uio)
	case v.unit == nil:
		return nil, fmt.Errorf("the kernel keeps reservations and access states of %v: look into its directory in configfs", v.uio)
	}
	return v.unit, nil
}

// look restores the unit for somebody who wants to look at it, if its serial number is the one to last: somebody has given
// it one.
func (u *unit) look() {
	if id, err := u.v.so.Identity(); err == nil && id.Serial != "" {
		u.restore()
	}
}

// reserving sums up the reservations. The caller does not hold d.mu: they may wait for a file.
func (u *unit) reserving() *control.Reserving {
	now := u.Primary().Reservations()
	return &control.Reserving{Generation: now.Generation, Registrations: len(now.Registrations), Type: typeName(now.Kind)}
}

// typeName is empty where nothing is reserved.
func typeName(k spc.Kind) string {
	if k == 0 {
		return ""
	}
	return k.String()
}

// Reservations implements control.Engine.
func (u *unit) Reservations() control.Reservations {
	u.look()
	now := u.Primary().Reservations()
	r := control.Reservations{
		Generation: now.Generation, APTPL: now.APTPL, Type: typeName(now.Kind), Reserved: now.Reserved,
		Registrations: []control.Registration{}, Nexuses: []control.NexusStatus{},
	}
	if now.Kind != 0 {
		r.Scope = "logical unit" // there is no other
	}
	for _, g := range now.Registrations {
		r.Registrations = append(r.Registrations, control.Registration{
			Initiator: g.Initiator, Port: g.Port, Key: fmt.Sprintf("0x%016x", g.Key), Holder: g.Holder, AllPorts: g.AllPorts,
		})
	}
	for _, m := range u.v.members() {
		n := m.nexus.joined.Load()
		if n == nil {
			continue // it is on its way
		}
		s := control.NexusStatus{
			HBA: m.uio.HBA, Name: m.uio.Name, Nexus: m.nexus.described(),
			Pending: []string{}, Conflicts: n.Conflicts(),
		}
		for _, c := range n.Pending() {
			s.Pending = append(s.Pending, c.String())
		}
		r.Nexuses = append(r.Nexuses, s)
	}
	return r
}

// Access implements control.Engine.
func (u *unit) Access() []control.AccessGroup {
	u.look()
	ports := map[uint16][]control.Port{}
	for _, m := range u.v.members() {
		m.findLUN() // so that its port has a name
	}
	for _, g := range u.v.nexusPorts() {
		for _, p := range g.Ports {
			ports[g.ID] = append(ports[g.ID], control.Port{Relative: p.Relative, Name: p.Name})
		}
	}
	all := []control.AccessGroup{}
	for _, g := range u.Primary().AccessGroups() {
		all = append(all, control.AccessGroup{
			Group: g.ID, State: g.State.String(), Status: g.Status, Supported: g.Supported, Preferred: g.Preferred,
			Implicit: g.Implicit, Explicit: g.Explicit, Transition: g.TransitionTime, Delay: g.Delay.Milliseconds(),
			Ports: append([]control.Port{}, ports[g.ID]...),
		})
	}
	return all
}

// SetAccess implements control.Engine. A change of a group that nobody comes through is one for those who will.
func (u *unit) SetAccess(c control.AccessChange) error {
	u.restore()
	var state spc.AccessState
	if c.State != nil {
		var err error
		if state, err = parseState(*c.State); err != nil {
			return err
		}
	}
	return u.Primary().SetAccess(c.Group, func(g *spc.AccessGroup) {
		if c.State != nil {
			g.State = state
		}
		if c.Delay != nil {
			g.Delay = millis(*c.Delay)
		}
		change(&g.Supported, c.Supported)
		change(&g.Preferred, c.Preferred)
		change(&g.Implicit, c.Implicit)
		change(&g.Explicit, c.Explicit)
		change(&g.TransitionTime, c.Transition)
	})
}

// change sets what is to change.
func change[T any](of, to *T) {
	if to != nil {
		*of = *to
	}
}

// millis is so many milliseconds; of more than there can be, too many.
func millis(n int64) time.Duration {
	return time.Duration(min(max(n, -1), int64(time.Hour/time.Millisecond))) * time.Millisecond
}

// parseState reads an access state by its name or number.
func parseState(text string) (spc.AccessState, error) {
	for s := range spc.AccessState(16) {
		if text == s.String() || text == strconv.Itoa(int(s)) {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%q is no access state: use active/optimized, active/non-optimized, standby, unavailable or offline", text)
}
