package spc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// AccessState is an ASYMMETRIC ACCESS STATE (SPC-4 5.15.2.4): what the ports of a target port group let through.
type AccessState byte

// Access states.
const (
	ActiveOptimized    AccessState = 0x0
	ActiveNonOptimized AccessState = 0x1
	Standby            AccessState = 0x2
	Unavailable        AccessState = 0x3
	BlockDependent     AccessState = 0x4 // of disks that are in parts; a unit of ours has none
	Offline            AccessState = 0xe
	Transitioning      AccessState = 0xf
)

var accessStates = map[AccessState]struct {
	name      string
	supported byte // its bit in AccessGroup.Supported
	bars      scsi.Bars
}{
	ActiveOptimized:    {"active/optimized", 0x01, 0},
	ActiveNonOptimized: {"active/non-optimized", 0x02, 0},
	Standby:            {"standby", 0x04, scsi.InStandby},
	Unavailable:        {"unavailable", 0x08, scsi.InUnavailable},
	BlockDependent:     {"logical block dependent", 0x10, 0},
	Offline:            {"offline", 0x40, scsi.InOffline},
	Transitioning:      {"transitioning", 0x80, scsi.InTransition},
}

func (s AccessState) String() string {
	if a, ok := accessStates[s]; ok {
		return a.name
	}
	return fmt.Sprintf("access state %xh", byte(s))
}

// ownStates are the bits of the states that a unit of ours may have, and all of them by default.
const ownStates = 0xcf

// AccessGroup is what is said of a target port group: ports by which the unit is reached in one and the same access state
// (SPC-4 5.15).
type AccessGroup struct {
	ID        uint16 // TARGET PORT GROUP
	State     AccessState
	Supported byte // the states there may be: T_SUP, O_SUP, LBD_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP
	Preferred bool // PREF
	Status    byte // STATUS CODE: why it is in this state; see ByCommand and ByTarget
	// Implicit: the target changes the state by itself, so that initiators had better look at it. Explicit: initiators may
	// change it (TPGS).
	Implicit, Explicit bool
	TransitionTime     byte // IMPLICIT TRANSITION TIME in seconds; 0: nobody knows
	// Delay is how long each transition of ours lasts, in whole milliseconds, at most MaxDelay.
	Delay time.Duration
}

// Status codes of AccessGroup (SPC-4 6.37).
const (
	ByCommand byte = 0x01 // by SET TARGET PORT GROUPS
	ByTarget  byte = 0x02 // by the target itself
)

// MaxDelay is the longest transition: the kernel gives a command of TCMU half a minute.
const MaxDelay = 20 * time.Second

// newGroup is a group as it begins.
func newGroup(id uint16) AccessGroup {
	return AccessGroup{ID: id, Supported: ownStates, Implicit: true, Explicit: true}
}

// check says what no group of ours can be.
func (g AccessGroup) check() error {
	switch {
	case g.Supported&^ownStates != 0:
		return fmt.Errorf("supported states %02xh are not among %02xh", g.Supported, byte(ownStates))
	case accessStates[g.State].supported&g.Supported == 0:
		return fmt.Errorf("%v is not supported", g.State)
	case g.Delay < 0 || g.Delay > MaxDelay || g.Delay%time.Millisecond != 0:
		return fmt.Errorf("a transition of %v is not possible: use milliseconds, and at most %v", g.Delay, MaxDelay)
	case g.Delay > 0 && accessStates[Transitioning].supported&g.Supported == 0:
		return fmt.Errorf("a transition of %v needs the state %v, which is not supported", g.Delay, Transitioning)
	case g.Status > ByTarget:
		return fmt.Errorf("status code %02xh is not known", g.Status)
	}
	return nil
}

// access are the access states of a unit that keeps them itself.
type access struct {
	turn    sync.Mutex // held for the length of a transition
	hurry   chan struct{}
	hurried sync.Once // hurry is closed: transitions last no longer

	mu  sync.Mutex
	set map[uint16]AccessGroup // guarded by mu: the groups that are not as they began
}

func newAccess() *access {
	return &access{hurry: make(chan struct{}), set: map[uint16]AccessGroup{}}
}

func (a *access) group(id uint16) AccessGroup {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.get(id)
}

// get is group for a caller that holds mu.
func (a *access) get(id uint16) AccessGroup {
	if g, ok := a.set[id]; ok {
		return g
	}
	return newGroup(id)
}

// bar has the access state of its group bar a nexus. One that comes through no port has no state. The caller holds mu.
func (a *access) bar(n *scsi.Nexus) {
	if n.Port != 0 {
		n.Bar(accessStates[a.get(n.Group).State].bars, scsi.AccessBars)
	}
}

// joined is told of each I_T nexus before its first command.
func (a *access) joined(n *scsi.Nexus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bar(n)
}

// become makes groups what they are now, for commands that begin from now on.
func (a *access) become(groups []AccessGroup, nexuses func() []*scsi.Nexus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range groups {
		if a.set[g.ID] = g; g == newGroup(g.ID) {
			delete(a.set, g.ID)
		}
	}
	for _, n := range nexuses() { // a nexus that is not among them yet has still to be joined
		a.bar(n)
	}
}

// Suspend makes transitions last no longer, so that commands end which wait for one.
func (d *Device) Suspend() {
	if a := d.access; a != nil {
		a.hurried.Do(func() { close(a.hurry) })
	}
}

// AccessGroups are the target port groups of the unit, sorted by ID: those of its ports, those of the I_T nexuses that have
// joined it, and those that somebody has set.
func (d *Device) AccessGroups() []AccessGroup {
	groups := map[uint16]AccessGroup{}
	for _, g := range d.PortGroups() {
		groups[g.ID] = g.AccessGroup
	}
	if a := d.access; a != nil {
		nexuses := d.unit.Nexuses()
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, n := range nexuses {
			if n.Port != 0 {
				groups[n.Group] = a.get(n.Group)
			}
		}
		maps.Copy(groups, a.set)
	}
	return slices.SortedFunc(maps.Values(groups), func(a, b AccessGroup) int { return int(a.ID) - int(b.ID) })
}

// SetAccess changes a target port group from outside, which is an implicit transition when change makes another state of
// it: it lasts as long as the group's Delay, and SetAccess as long. The group is kept, and all initiators hear of it
// (2A/06). ID and Status are not for change to choose. It fails for a unit whose transport keeps the states, for a group
// that cannot be what it is to be, and where it cannot be kept; then the group is what it was.
func (d *Device) SetAccess(group uint16, change func(*AccessGroup)) error {
	a := d.access
	if a == nil {
		return errors.New("the transport keeps the access states of this unit")
	}
	a.turn.Lock()
	defer a.turn.Unlock()
	was := a.group(group)
	g := was
	change(&g)
	g.ID, g.Status = was.ID, was.Status
	moves := g.State != was.State
	if moves {
		g.Status = ByTarget
	}
	err := g.check()
	if moves && !g.Implicit && err == nil {
		err = errors.New("only initiators change its state: it is not implicit")
	}
	if err != nil {
		return fmt.Errorf("target port group %d: %w", group, err)
	}
	if err := d.transit([]AccessGroup{g}, nil); err != nil {
		if moves {
			d.unit.Attend(scsi.ImplicitTransitionFailed, nil)
		}
		return fmt.Errorf("target port group %d is as it was: %w", group, err)
	}
	if was.Implicit != g.Implicit || was.Explicit != g.Explicit {
		d.unit.Attend(scsi.InquiryDataChanged, nil) // TPGS
	}
	if moves || was.Preferred != g.Preferred || was.Supported != g.Supported {
		d.unit.Attend(scsi.AccessStateChanged, nil)
	}
	return nil
}
