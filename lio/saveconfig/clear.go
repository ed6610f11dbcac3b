package saveconfig

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tcmud/tcmud/lio"
)

// Clear removes all targets, and then all storage objects, whoever made them. Of o, only DeleteLUN and Cleared matter.
func Clear(root lio.Root, o Options) error {
	o.Target, o.StorageObject = "", ""
	if err := clearableFabrics(root); err != nil {
		return err
	}
	return Config{}.clear(root, o)
}

// clearableFabrics looks for targets that we cannot remove, and that would keep storage objects in use.
func clearableFabrics(root lio.Root) error {
	fabrics, err := root.Fabrics()
	if err != nil {
		return err
	}
	for _, f := range fabrics {
		targets, err := f.Targets()
		if err != nil {
			return err
		}
		if len(targets) > 0 && !known(f.Name) {
			return fmt.Errorf("%s cannot be removed: only targets of %s can: use targetcli for this configuration", targets[0].Path(), list(lio.FabricNames()))
		}
	}
	return nil
}

// clearable reports what stands against clearing what c is to be restored in the place of.
func (c Config) clearable(root lio.Root, o Options, objects map[string]lio.StorageObject) error {
	if o.whole() {
		return clearableFabrics(root)
	}
	for _, so := range c.StorageObjects {
		there, exists := objects[so.Path()]
		if !exists {
			continue
		}
		luns, err := there.LUNs()
		if err != nil {
			return err
		}
		if len(luns) > 0 {
			return &lio.InUseError{Object: so.Name, LUNs: luns}
		}
	}
	return nil
}

// clear removes everything, or the part of it that is to be restored, which is c.
func (c Config) clear(root lio.Root, o Options) error {
	if o.whole() {
		return clearAll(root, o)
	}
	for _, t := range c.Targets {
		fabric, err := root.Fabric(t.Fabric)
		if err != nil {
			return err
		}
		there, err := fabric.Target(t.WWN)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, deleteTarget(there, o)); err != nil {
			return err
		}
	}
	objects, err := listed(root)
	if err != nil {
		return err
	}
	var old []lio.StorageObject
	for _, so := range c.StorageObjects {
		if there, exists := objects[so.Path()]; exists {
			old = append(old, there)
		}
	}
	return deleteObjects(old, o)
}

func clearAll(root lio.Root, o Options) error {
	fabrics, err := root.Fabrics()
	if err != nil {
		return err
	}
	for _, f := range fabrics {
		targets, err := f.Targets()
		if err != nil {
			return err
		}
		for _, t := range targets {
			if err := deleteTarget(t, o); err != nil {
				return err
			}
		}
		if d, err := f.Discovery(); err != nil || d != (lio.Discovery{}) {
			if err := errors.Join(err, f.SetDiscovery(lio.Discovery{})); err != nil {
				return err
			}
		}
	}
	objects, err := root.StorageObjects()
	if err != nil {
		return err
	}
	if err := deleteObjects(objects, o); err != nil {
		return err
	}
	hbas, err := root.EmptyHBAs()
	if err != nil {
		return err
	}
	for _, hba := range hbas {
		if err := root.RemoveHBA(hba); err != nil {
			return err
		}
	}
	return nil
}

func deleteTarget(t lio.Target, o Options) error {
	luns, err := t.LUNs()
	if err != nil {
		return err
	}
	for _, l := range luns {
		if err := o.deleteLUN(l); err != nil {
			return err
		}
	}
	return t.Delete()
}

// deleteObjects deletes storage objects, those first that stand for I_T nexuses of others.
func deleteObjects(objects []lio.StorageObject, o Options) error {
	var nexuses, others []lio.StorageObject
	for _, so := range objects {
		_, isNexus, err := so.Nexus()
		switch {
		case err != nil:
			return err
		case isNexus:
			nexuses = append(nexuses, so)
		default:
			others = append(others, so)
		}
	}
	var born []uint64
	for _, so := range append(nexuses, others...) {
		incarnation, err := so.Incarnation()
		if err := errors.Join(err, so.Delete()); err != nil {
			return err
		}
		born = append(born, incarnation)
	}
	if o.Cleared != nil {
		o.Cleared(born)
	}
	return nil
}
