package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/spc"
)

// ports is by which ports the volume is reached, as configfs has it at that moment. What comes or goes meanwhile is left
// out, and so is what cannot be read.
func (v *volume) ports() []spc.PortGroup {
	groups, err := v.so.ALUAGroups()
	if err != nil {
		return nil
	}
	var all []spc.PortGroup
	for _, g := range groups {
		if group, err := portGroup(g); err == nil && len(group.Ports) > 0 {
			all = append(all, group)
		}
	}
	return all
}

// nexusPorts is the same for a unit that has a device for each I_T nexus. The kernel numbers the ports of each device for
// itself; those that all of them have in common, and the groups, are what their configuration strings say. Their names are
// told as soon as they are known. The states of the groups are the unit's own.
func (v *volume) nexusPorts() []spc.PortGroup {
	var all []spc.PortGroup
	seen := map[uint16]bool{}
	for _, m := range v.members() {
		n := m.nexus
		if seen[n.Port] {
			continue // another initiator comes through the same port
		}
		seen[n.Port] = true
		p := spc.Port{Relative: n.Port, Protocol: n.ends.Initiator[0] & 0x0f} // both ends speak the same protocol
		if l := m.lastLUN(); l != nil {
			p = port(*l, n.Port)
		}
		i := slices.IndexFunc(all, func(g spc.PortGroup) bool { return g.ID == n.Group })
		if i < 0 {
			i = len(all)
			all = append(all, spc.PortGroup{AccessGroup: spc.AccessGroup{ID: n.Group}})
		}
		all[i].Ports = append(all[i].Ports, p)
	}
	return all
}

// port is the port that the initiators of a LUN reach it by.
func port(l lio.LUN, relative uint16) spc.Port {
	target := l.TPG.Target
	return spc.Port{
		Relative: relative, Protocol: target.Protocol(),
		Name:   fmt.Sprintf("%s,t,0x%04x", target.WWN, l.TPG.Tag), // the kernel names its own disks' ports so
		Device: target.WWN,
	}
}

func portGroup(g lio.ALUAGroup) (spc.PortGroup, error) {
	luns, err := g.LUNs()
	if err != nil || len(luns) == 0 {
		return spc.PortGroup{}, err
	}
	a, err := g.Access()
	if err != nil {
		return spc.PortGroup{}, err
	}
	group := spc.PortGroup{AccessGroup: spc.AccessGroup{
		ID: a.ID, State: spc.AccessState(a.State), Supported: a.Supported, Preferred: a.Preferred, Status: a.Status,
		Implicit: a.Implicit, TransitionTime: a.TransitionTime,
	}}
	for _, l := range luns {
		relative, err := l.RelativePort()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			continue // it has gone
		}
		if err != nil {
			return spc.PortGroup{}, err
		}
		group.Ports = append(group.Ports, port(l, relative))
	}
	return group, nil
}
