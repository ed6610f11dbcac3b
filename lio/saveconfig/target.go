package saveconfig

import (
	"fmt"
	"slices"

	"github.com/tcmud/tcmud/lio"
)

// target makes a target and all that is below it.
func (r *restoring) target(saved Target) error {
	fabric, err := r.root.Fabric(saved.Fabric)
	if err != nil {
		return err
	}
	t, err := fabric.CreateTarget(saved.WWN)
	if err != nil {
		return err
	}
	r.made = append(r.made, func() error { return deleteTarget(t, r.options) })
	if err := restoreSettings(r, saved.WWN+" attribute", saved.Attributes, t.Attribute, t.SetAttribute); err != nil {
		return err
	}
	if err := restoreSettings(r, saved.WWN+" parameter", saved.Parameters, t.Parameter, t.SetParameter); err != nil {
		return err
	}
	for _, tpg := range saved.TPGs {
		if err := r.tpg(t, tpg); err != nil {
			return err
		}
	}
	return nil
}

// tpg makes a TPG. It serves initiators when all else is done.
func (r *restoring) tpg(t lio.Target, saved TPG) error {
	tpg, err := t.CreateTPG(saved.Tag)
	if err != nil {
		return err
	}
	of := fmt.Sprintf("%s tpg%d", t.WWN, tpg.Tag)
	if err := restoreSettings(r, of+" attribute", saved.Attributes, tpg.Attribute, tpg.SetAttribute); err != nil {
		return err
	}
	if err := restoreSettings(r, of+" parameter", saved.Parameters, tpg.Parameter, tpg.SetParameter); err != nil {
		return err
	}
	if err := r.nexus(tpg, saved); err != nil {
		return err
	}
	// Loopback makes no disk of a LUN while there is no LUN 0 (Linux 6.1), and rtslib saves LUNs in any order.
	luns := slices.SortedFunc(slices.Values(saved.LUNs), func(a, b LUN) int { return a.Index - b.Index })
	for _, l := range luns {
		if err := r.lun(tpg, l); err != nil {
			return fmt.Errorf("lun%d: %w", l.Index, err)
		}
		r.step()
	}
	for _, p := range saved.Portals {
		if err := portal(tpg, p); err != nil {
			return err
		}
	}
	for _, a := range saved.ACLs {
		if err := r.acl(tpg, a); err != nil {
			return err
		}
	}
	if saved.CHAP != (CHAP{}) {
		if err := tpg.SetAuth(saved.auth()); err != nil {
			return err
		}
	}
	return r.enable(tpg, saved, of)
}

// nexus gives a TPG with one initiator that which devices for its I_T nexuses have been made for. The file has no other
// place for its name, and else it stays a random one.
func (r *restoring) nexus(tpg lio.TPG, saved TPG) error {
	if !tpg.Target.Fabric.Has(lio.OneInitiator) {
		return nil
	}
	for _, l := range saved.LUNs {
		n, isNexus, err := r.objects[l.StorageObject].Nexus()
		if err != nil {
			return err
		}
		if isNexus {
			return tpg.SetNexus(n.Initiator)
		}
	}
	return nil
}

func (r *restoring) enable(tpg lio.TPG, saved TPG, of string) error {
	enabled := saved.Enable == nil || *saved.Enable
	switch {
	case tpg.Target.Fabric.Has(lio.Enabling) && enabled:
		return tpg.Enable(true)
	case !tpg.Target.Fabric.Has(lio.Enabling) && !enabled:
		r.skip("%s enable", of)
	}
	return nil
}

func (r *restoring) lun(tpg lio.TPG, saved LUN) error {
	l := tpg.LUN(saved.Index)
	if err := l.Create(r.objects[saved.StorageObject], saved.Alias); err != nil {
		return err
	}
	if saved.ALUAGroup == nil {
		return nil
	}
	group, err := l.ALUAGroup()
	switch {
	case err != nil || group == *saved.ALUAGroup:
		return err
	case group == "":
		r.skip("%s alua_tg_pt_gp_name", l)
		return nil
	}
	return l.SetALUAGroup(*saved.ALUAGroup)
}

func portal(tpg lio.TPG, saved Portal) error {
	address, err := saved.address()
	if err != nil {
		return err
	}
	p, err := tpg.CreatePortal(address)
	if err != nil {
		return err
	}
	if saved.ISER {
		if err := p.SetISER(true); err != nil {
			return err
		}
	}
	if saved.Offload {
		return p.SetFile("cxgbit", "1")
	}
	return nil
}

func (r *restoring) acl(tpg lio.TPG, saved ACL) error {
	a, err := tpg.CreateACL(saved.Initiator)
	if err != nil {
		return err
	}
	if err := restoreSettings(r, saved.Initiator+" attribute", saved.Attributes, a.Attribute, a.SetAttribute); err != nil {
		return err
	}
	if err := restoreSettings(r, saved.Initiator+" parameter", saved.Parameters, a.Parameter, a.SetParameter); err != nil {
		return err
	}
	for _, m := range saved.MappedLUNs {
		if err := a.MappedLUN(m.Index).Create(tpg.LUN(m.TPGLUN), m.WriteProtect, m.Alias); err != nil {
			return err
		}
	}
	if saved.Tag != "" {
		if err := a.SetFile("tag", saved.Tag); err != nil {
			return err
		}
	}
	if saved.CHAP == (CHAP{}) {
		return nil
	}
	return a.SetAuth(saved.auth())
}
