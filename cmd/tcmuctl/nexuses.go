package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/tcmud/tcmud/lio"
)

// A backstore that keeps reservations itself has a device for each I_T nexus, since no ring tells who has sent a command.
// In a TPG with one initiator, a LUN is made of that device. In one with node ACLs there is a LUN of the backstore, which
// nobody sees, and one of the device for each mapped LUN. The tree shows neither: they are the LUN of the backstore, and
// what is mapped is that.

// nexusSort is the sort of storage object that stands for an I_T nexus of a backstore.
const nexusSort = "nexus"

// nexusKind is an I_T nexus of a backstore. It comes and goes with a LUN or mapped LUN.
var nexusKind = kind{name: "NAME.nexusN", status: nexusDeviceStatus}

// engine reports whether tcmud keeps reservations and access states of o, and not the kernel.
func (o object) engine() bool { return o.config.Options.Engine }

// ownPlaces are the objects that are backstores of their own: all but the devices of others' nexuses. Of one whose backstore
// has gone, or leaves reservations to the kernel, nobody else would tell.
func ownPlaces(all []object) []object {
	backstores := map[string]bool{}
	for _, o := range all {
		if o.engine() {
			backstores[o.Name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(o object) bool {
		return o.sort == nexusSort && backstores[o.nexus.Of]
	})
}

// nexusesOf lists the devices of the nexuses of o.
func (s *session) nexusesOf(o object) ([]object, error) {
	if !o.engine() {
		return nil, nil
	}
	all, err := storageObjects(s)
	return slices.DeleteFunc(slices.Clone(all), func(n object) bool {
		return n.sort != nexusSort || n.nexus.Of != o.Name
	}), err
}

func nexuses(at *node) ([]*node, error) {
	all, err := at.session.nexusesOf(at.object.(object))
	var list []*node
	for _, o := range all {
		list = append(list, at.new(&nexusKind, o.Name, o))
	}
	return list, err
}

func nexusWords(n lio.Nexus) string { return fmt.Sprintf("port %d, %s", n.Port, n.Initiator) }

func nexusDeviceStatus(at *node) (status, error) {
	o := at.object.(object)
	activated, err := o.Activated()
	st := status{nexusWords(o.nexus), map[string]any{
		"initiator": o.nexus.Initiator, "port": o.nexus.Port, "group": o.nexus.Group, "hba": o.HBA, "activated": activated,
	}}
	if !activated {
		st.summary += ", no LUN"
	}
	return st, err
}

// exported reports whether a LUN is made of o, or of one of its nexuses.
func (s *session) exported(o object) (bool, error) {
	devices, err := s.nexusesOf(o)
	if err != nil {
		return false, err
	}
	for _, one := range append(devices, o) {
		activated, err := one.Activated()
		if activated || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return activated, err
		}
	}
	return false, nil
}

// backstoreOf is the backstore that a LUN leads to, be it by a nexus of that. The error wraps fs.ErrNotExist when the LUN
// is made of nothing.
func (s *session) backstoreOf(l lio.LUN) (object, error) {
	so, err := l.StorageObject()
	if err != nil {
		return object{}, err
	}
	o, err := classify(so)
	if err != nil || o.sort != nexusSort {
		return o, err
	}
	all, err := storageObjects(s)
	for _, b := range all {
		if b.Plugin == "user" && b.sort != nexusSort && b.Name == o.nexus.Of {
			return b, nil
		}
	}
	return o, err
}

// withNexus names the device of the nexus that a LUN leads by to its backstore.
func (st status) withNexus(l lio.LUN, o object) {
	if so, err := l.StorageObject(); err == nil && so != o.StorageObject {
		st.properties["nexus"] = so.Name
	}
}

// portOf is the target port that a LUN of a backstore with reservations of its own is reached by, once there is a nexus.
func (s *session) portOf(l lio.LUN) ([]setting, error) {
	luns, err := s.behind(l)
	if err != nil {
		return nil, err
	}
	for _, one := range luns {
		so, err := one.StorageObject()
		if err != nil {
			continue // it has gone
		}
		if n, isNexus, err := so.Nexus(); isNexus || err != nil {
			return []setting{{name: "group", value: fmt.Sprint(n.Group)}, {name: "port", value: fmt.Sprint(n.Port)}}, err
		}
	}
	return nil, nil
}

// shown is the LUN that stands in the tree for one: that of the backstore for one of its nexuses in the same TPG.
func (s *session) shown(l lio.LUN) (lio.LUN, error) {
	if !l.TPG.Target.Fabric.Has(lio.ACLs) {
		return l, nil
	}
	so, err := l.StorageObject()
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	n, isNexus, err := so.Nexus()
	if err != nil || !isNexus {
		return l, err
	}
	byName, err := s.lunsByName(l.TPG)
	if of, there := byName[n.Of]; there {
		return of, err
	}
	return l, err
}

// lunsByName are the LUNs of a TPG that are made of TCMU devices, by their names.
func (s *session) lunsByName(tpg lio.TPG) (map[string]lio.LUN, error) {
	return once(s, "LUNs of "+tpg.Path(), func() (map[string]lio.LUN, error) {
		all, err := tpg.LUNs()
		byName := map[string]lio.LUN{}
		for _, l := range all {
			if so, err := l.StorageObject(); err == nil && so.Plugin == "user" {
				byName[so.Name] = l
			}
		}
		return byName, err
	})
}
