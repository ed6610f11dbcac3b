package lio

import (
	"errors"
	"net/netip"
	"slices"
)

// Export says what a target with one TPG is to be.
type Export struct {
	Fabric string          // one of FabricNames
	WWN    string          // empty: a random one
	LUNs   []StorageObject // what its LUNs are made of, from number 0 on

	// Portals are where it listens, in fabrics with portals; nil: DefaultPortal.
	Portals []netip.AddrPort
	// OpenToAll lets every initiator in, in fabrics with node ACLs.
	OpenToAll bool
}

// Export makes a target and enables it. After an error nothing is left of it.
func (r Root) Export(e Export) (Target, error) {
	fabric, err := r.Fabric(e.Fabric)
	if err != nil {
		return Target{}, err
	}
	t, err := fabric.CreateTarget(e.WWN)
	if err != nil {
		return t, err
	}
	if err := t.build(e); err != nil {
		return Target{}, errors.Join(err, t.Delete())
	}
	return t, nil
}

// build makes what is below a target. It listens last, so that no initiator finds it half made.
func (t Target) build(e Export) error {
	tpg, err := t.CreateTPG(1)
	if err != nil {
		return err
	}
	if e.OpenToAll && t.Fabric.Has(ACLs) {
		if err := tpg.OpenToAll(); err != nil {
			return err
		}
	}
	for _, so := range e.LUNs {
		if _, err := tpg.CreateLUN(so, AnyLUN); err != nil {
			return err
		}
	}
	if t.Fabric.Has(Enabling) {
		if err := tpg.Enable(true); err != nil {
			return err
		}
	}
	portals := slices.Clone(e.Portals)
	if portals == nil && t.Fabric.Has(Portals) {
		portals = []netip.AddrPort{DefaultPortal}
	}
	for _, address := range portals {
		if _, err := tpg.CreatePortal(address); err != nil {
			return err
		}
	}
	return nil
}
