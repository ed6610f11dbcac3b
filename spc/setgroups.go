package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// setGroups is SET TARGET PORT GROUPS: all groups that the parameter list names come to the states that it says, or none
// does. Groups that it does not name stay as they are. All other I_T nexuses hear of it (2A/06).
func (d *Device) setGroups(c *scsi.Command) scsi.Result {
	all := d.AccessGroups() // before our turn: who knows the ports may be waiting for SetAccess
	if !d.access.turn.TryLock() {
		return scsi.AccessStateTransition // SPC-4 5.15.2.5: it is none of the commands that a transition lets through
	}
	defer d.access.turn.Unlock()
	groups, r := d.namedGroups(c, all)
	if !r.OK() || len(groups) == 0 {
		return r
	}
	switch err := d.transit(groups, c.Aborted); {
	case err == errTransitionAborted:
		return scsi.Aborted
	case err != nil:
		if d.cfg.Report != nil {
			d.cfg.Report(c, err)
		}
		return scsi.SetTargetPortGroupsFailed
	}
	d.unit.Attend(scsi.AccessStateChanged, c.Nexus)
	return scsi.Result{}
}

// namedGroups are those of all groups that the parameter list wants in another state, in that state. A group is named once.
// Whether ports are offline is not for initiators to say: SPC-4 6.45 has it a state of ports, beside that of their group.
func (d *Device) namedGroups(c *scsi.Command, all []AccessGroup) ([]AccessGroup, scsi.Result) {
	n := int64(c.Uint(list32))
	if n%4 != 0 {
		return nil, scsi.InvalidFieldInCDB.At(list32)
	}
	var named []AccessGroup
	for at := int64(4); at < n; at += 4 {
		var p [4]byte
		c.Param(p[:], at)
		state, id := AccessState(p[0]&0x0f), binary.BigEndian.Uint16(p[2:])
		wrongState, wrongGroup := scsi.InvalidFieldInParameterList.AtParamBit(int(at), 3), scsi.InvalidFieldInParameterList.AtParam(int(at)+2)
		if state > Unavailable {
			return nil, wrongState
		}
		i := slices.IndexFunc(all, func(g AccessGroup) bool { return g.ID == id })
		if i < 0 {
			return nil, wrongGroup
		}
		all = slices.Delete(all, i, i+1)
		switch g := d.access.group(id); {
		case g.State == state: // sg_stpg names all groups
		case g.State == Transitioning:
			return nil, scsi.AccessStateTransition
		case accessStates[state].supported&g.Supported == 0:
			return nil, wrongState
		case g.State == Offline, !g.Explicit:
			return nil, wrongGroup
		default:
			g.State, g.Status = state, ByCommand
			named = append(named, g)
		}
	}
	return named, scsi.Result{}
}
