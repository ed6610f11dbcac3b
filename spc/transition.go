package spc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

var errTransitionAborted = errors.New("the transition was aborted")

// transit makes all groups what they are to be, or none, and keeps them. As long as the longest delay of those whose state
// changes, these are in transition (SPC-4 5.15.2.5); what ends meanwhile, by aborted or with the process, leaves them as
// they were. The caller holds turn.
func (d *Device) transit(groups []AccessGroup, aborted <-chan struct{}) error {
	var was, moving []AccessGroup
	var delay time.Duration
	for _, g := range groups {
		old := d.access.group(g.ID)
		was = append(was, old)
		if g.State != old.State && g.State != Transitioning {
			delay = max(delay, g.Delay)
			old.State, old.Status = Transitioning, g.Status
			moving = append(moving, old)
		}
	}
	if delay > 0 {
		d.access.become(moving, d.unit.Nexuses)
		select {
		case <-time.After(delay):
		case <-d.access.hurry:
		case <-aborted:
			d.access.become(was, d.unit.Nexuses)
			return errTransitionAborted
		}
	}
	if err := d.keepAccess(groups); err != nil {
		d.access.become(was, d.unit.Nexuses)
		return err
	}
	d.access.become(groups, d.unit.Nexuses)
	return nil
}

// accessRecord is in the State while a group is not as it began: for each of those, sorted by ID,
//
//	0  TARGET PORT GROUP
//	2  PREF in bit 7, ASYMMETRIC ACCESS STATE in bits 3 to 0
//	3  supported states
//	4  TPGS in bits 1 and 0: explicit, implicit
//	5  STATUS CODE
//	6  IMPLICIT TRANSITION TIME
//	7  zero
//	8  delay in milliseconds
const (
	accessRecord = "access"
	accessSize   = 10
)

// keepAccess saves the groups that are set, as they are once groups are what they are to be.
func (d *Device) keepAccess(groups []AccessGroup) error {
	if d.cfg.State == nil {
		return nil
	}
	d.access.mu.Lock()
	set := maps.Clone(d.access.set)
	d.access.mu.Unlock()
	for _, g := range groups {
		set[g.ID] = g
	}
	var record []byte
	for _, id := range slices.Sorted(maps.Keys(set)) {
		if g := set[id]; g != newGroup(id) {
			record = g.record(record)
		}
	}
	if err := d.cfg.State.Save(accessRecord, record); err != nil {
		return fmt.Errorf("%s not saved: %w", accessRecord, err)
	}
	return nil
}

// record appends the group to a record.
func (g AccessGroup) record(p []byte) []byte {
	state := byte(g.State)
	if g.Preferred {
		state |= pref
	}
	p = binary.BigEndian.AppendUint16(p, g.ID)
	p = append(p, state, g.Supported, g.tpgs(), g.Status, g.TransitionTime, 0)
	return binary.BigEndian.AppendUint16(p, uint16(g.Delay/time.Millisecond))
}

// groupOf is the group in accessSize bytes of a record.
func groupOf(p []byte) (AccessGroup, error) {
	g := AccessGroup{
		ID: binary.BigEndian.Uint16(p), State: AccessState(p[2] &^ pref), Supported: p[3], Preferred: p[2]&pref != 0, Status: p[5],
		Implicit: p[4]&tpgsImplicit != 0, Explicit: p[4]&tpgsExplicit != 0, TransitionTime: p[6],
		Delay: time.Duration(binary.BigEndian.Uint16(p[8:])) * time.Millisecond,
	}
	if p[4]&^(tpgsImplicit|tpgsExplicit) != 0 || p[7] != 0 {
		return g, errors.New("bits are set that have no meaning")
	}
	return g, g.check()
}

// restoreAccess brings back the groups of a record, all or none.
func (d *Device) restoreAccess(record []byte) error {
	if len(record)%accessSize != 0 {
		return fmt.Errorf("%d bytes are not groups of %d each", len(record), accessSize)
	}
	var groups []AccessGroup
	for p := record; len(p) > 0; p = p[accessSize:] {
		g, err := groupOf(p)
		if err != nil {
			return fmt.Errorf("target port group %d: %w", g.ID, err)
		}
		if n := len(groups); n > 0 && groups[n-1].ID >= g.ID {
			return fmt.Errorf("target port group %d comes after %d", g.ID, groups[n-1].ID)
		}
		groups = append(groups, g)
	}
	d.access.become(groups, d.unit.Nexuses)
	return nil
}
