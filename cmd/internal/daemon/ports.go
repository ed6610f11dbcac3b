package daemon

import (
	"errors"
	"fmt"
	"io/fs"

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
		target := l.TPG.Target
		group.Ports = append(group.Ports, spc.Port{
			Relative: relative, Protocol: target.Protocol(),
			Name:   fmt.Sprintf("%s,t,0x%04x", target.WWN, l.TPG.Tag), // the kernel names its own disks' ports so
			Device: target.WWN,
		})
	}
	return group, nil
}
