package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/tcmud/tcmud/lio"
)

// makeNexusLUN makes a LUN of the one I_T nexus that there is of a backstore and a TPG with one initiator.
func (s *session) makeNexusLUN(ctx context.Context, tpg lio.TPG, o object, number, group int) (lio.LUN, error) {
	luns, err := tpg.LUNs()
	if err != nil {
		return lio.LUN{}, err
	}
	for _, l := range luns {
		if so, err := l.StorageObject(); err == nil {
			if n, isNexus, _ := so.Nexus(); isNexus && n.Of == o.Name {
				return l, fmt.Errorf("LUN of storage object %s exists (%s): use it, or delete it first", o.Name, l.Path())
			}
		}
	}
	if err := s.waitServed(ctx, o.StorageObject); err != nil {
		return lio.LUN{}, err
	}
	n, err := tpg.CreateNexus(o.StorageObject, group)
	if err != nil {
		return lio.LUN{}, err
	}
	l, err := s.makeServedLUN(ctx, tpg, n.Device, number)
	if err != nil {
		err = errors.Join(err, n.Device.Delete())
	}
	return l, err
}

// mapLUN shows a LUN to an initiator: of a backstore that keeps reservations itself, by a device and a LUN of his own.
func (s *session) mapLUN(ctx context.Context, acl lio.ACL, l lio.LUN, number int, writeProtect bool, group int) (lio.MappedLUN, error) {
	so, err := l.StorageObject()
	if err != nil {
		return lio.MappedLUN{}, err
	}
	o, err := classify(so)
	switch {
	case err != nil:
		return lio.MappedLUN{}, err
	case o.sort == nexusSort:
		return lio.MappedLUN{}, fmt.Errorf("LUN %d is for %s alone: map the LUN of its backstore %s", l.Number, o.nexus.Initiator, o.nexus.Of)
	case !o.engine():
		return acl.Map(l, number, writeProtect)
	}
	if err := closed(acl.TPG, o); err != nil {
		return lio.MappedLUN{}, err
	}
	if err := s.waitServed(ctx, so); err != nil {
		return lio.MappedLUN{}, err
	}
	n, own, err := acl.CreateNexus(so, group)
	if err != nil {
		return lio.MappedLUN{}, err
	}
	err = s.waitServed(ctx, n.Device)
	var m lio.MappedLUN
	if err == nil {
		m, err = acl.Map(own, number, writeProtect)
	}
	if err != nil {
		err = errors.Join(err, s.deleteLUNs(ctx, []lio.LUN{own}))
	}
	return m, err
}

// closed says what stands against LUNs of a backstore with reservations of its own: initiators without a node ACL would
// see all LUNs of the TPG, also those that are for others.
func closed(tpg lio.TPG, o object) error {
	to, err := accessTo(tpg)
	if err == nil && to.generated {
		err = fmt.Errorf("storage object %s keeps reservations itself, and has to know its initiators, but %s lets in those without a node ACL: set attribute generate_node_acls=0 first", o.Name, tpg.Path())
	}
	return err
}

// openable says what stands against letting in initiators without a node ACL.
func (s *session) openable(tpg lio.TPG) error {
	luns, err := tpg.LUNs()
	if err != nil {
		return err
	}
	for _, l := range luns {
		o, err := s.backstoreOf(l)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if o.engine() {
			return fmt.Errorf("storage object %s keeps reservations itself, and has to know its initiators: delete its LUN first, or make a node ACL for each", o.Name)
		}
	}
	return nil
}

// deleteLUNs deletes LUNs, and the devices of those that were made for one I_T nexus.
func (s *session) deleteLUNs(ctx context.Context, luns []lio.LUN) (err error) {
	s.keeping(func() { // the daemon is asked for its devices once
		for _, l := range luns {
			so, none := l.StorageObject()
			isNexus := false
			if none == nil {
				_, isNexus, err = so.Nexus()
			}
			if err == nil {
				err = s.deleteLUN(ctx, l)
			}
			if err == nil && isNexus {
				err = so.Delete()
			}
			if err != nil {
				return
			}
		}
	})
	return err
}

// nexusLUNs are those of the LUNs mapped that are for their initiator alone.
func nexusLUNs(mapped ...lio.MappedLUN) ([]lio.LUN, error) {
	var list []lio.LUN
	for _, m := range mapped {
		l, err := m.LUN()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		so, err := l.StorageObject()
		if err != nil {
			continue // it is made of nothing
		}
		_, isNexus, err := so.Nexus()
		if err != nil {
			return nil, err
		}
		if isNexus {
			list = append(list, l)
		}
	}
	return list, nil
}

// deleteNexuses deletes the devices of the nexuses of o, unless LUNs are made of them: those are its users.
func (s *session) deleteNexuses(o object) error {
	if !o.engine() {
		return nil
	}
	all, err := o.Nexuses()
	if err != nil {
		return err
	}
	users, err := o.LUNs()
	if err != nil {
		return err
	}
	for _, n := range all {
		luns, err := n.Device.LUNs()
		if err != nil {
			return err
		}
		users = append(users, luns...)
	}
	var seen []lio.LUN
	for _, l := range users {
		l, err := s.shown(l)
		if err != nil {
			return err
		}
		if !slices.Contains(seen, l) {
			seen = append(seen, l)
		}
	}
	if len(seen) > 0 {
		return &lio.InUseError{Object: o.Name, LUNs: seen}
	}
	for _, n := range all {
		if err := n.Device.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// deleteWhole deletes a LUN with all that it stands for in the tree.
func (s *session) deleteWhole(ctx context.Context, l lio.LUN) error {
	luns, err := s.behind(l)
	if err != nil {
		return err
	}
	return s.deleteLUNs(ctx, luns)
}

// behind lists a LUN and those of the same TPG that it stands for in the tree.
func (s *session) behind(l lio.LUN) ([]lio.LUN, error) {
	all, err := l.TPG.LUNs()
	if err != nil {
		return nil, err
	}
	var list []lio.LUN
	s.keeping(func() {
		for _, other := range all {
			var of lio.LUN
			if of, err = s.shown(other); err != nil {
				return
			}
			if of == l || other == l {
				list = append(list, other)
			}
		}
	})
	return list, err
}
