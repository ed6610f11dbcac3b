package saveconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// Options say what is to be restored, and how.
type Options struct {
	Target        string // only the target of this name; empty: all
	StorageObject string // only the storage object of this name, or with this Path; empty: all
	Clear         bool   // what is there is removed before: of a part, only that part

	// Ours reports whether a TCMU device with this configuration string is made as lio.Root.CreateUser does, and the file
	// or device behind it for display. Others are made as LIO's tools do, which ask the daemon that serves them. Nil: none is.
	Ours func(config string) (udevPath string, ours bool)
	// Serve waits until a TCMU device is served: the kernel asks it who it is when a LUN is made of it. All devices have
	// been made before the first is waited for. Nil: they are not waited for.
	Serve func(lio.StorageObject) error
	// DeleteLUN deletes a LUN; nil: as LUN.Delete does.
	DeleteLUN func(lio.LUN) error
	// Cleared is called when storage objects have been cleared, with their incarnations, before others are made in their
	// places. Nil: it is not.
	Cleared func(born []uint64)
	// Progress is called when one of the Steps of the Config has been done. Nil: it is not.
	Progress func()
}

func (o Options) deleteLUN(l lio.LUN) error {
	if o.DeleteLUN == nil {
		return l.Delete()
	}
	return o.DeleteLUN(l)
}

// whole reports whether all is to be restored.
func (o Options) whole() bool { return o.Target == "" && o.StorageObject == "" }

// Restore makes what c has and the target has not. What is there already, and is the same, stays; what differs is an
// error, unless o.Clear. Everything is checked before anything is changed. When something fails all the same, what has been
// made is removed again.
//
// Settings that this kernel does not have cannot be restored: they are returned, and the rest is restored.
func (c Config) Restore(root lio.Root, o Options) (unrestored []string, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	part, err := c.part(o)
	if err != nil {
		return nil, err
	}
	missing, err := part.missing(root, o)
	if err != nil {
		return nil, err
	}
	if o.Clear {
		if err := part.clear(root, o); err != nil {
			return nil, err
		}
	}
	r := &restoring{root: root, options: o, own: c.Own}
	if r.objects, err = listed(root); err != nil {
		return nil, err
	}
	if err := r.all(missing); err != nil {
		return nil, r.undo(err)
	}
	return r.unrestored, nil
}

// part is what of c is to be restored.
func (c Config) part(o Options) (Config, error) {
	if o.whole() {
		return c, nil
	}
	part := Config{Own: c.Own}
	found := 0
	for _, so := range c.StorageObjects {
		switch nexus, isNexus := so.nexus(); {
		case o.StorageObject == so.Name || o.StorageObject == so.Path():
			found++
			part.StorageObjects = append(part.StorageObjects, so)
		case isNexus && (o.StorageObject == nexus.Of || o.StorageObject == StorageObject{Plugin: so.Plugin, Name: nexus.Of}.Path()):
			part.StorageObjects = append(part.StorageObjects, so)
		}
	}
	for _, t := range c.Targets {
		name, err := lio.NormalizeWWN(t.Fabric, o.Target)
		if o.Target == t.WWN || err == nil && name == t.WWN {
			part.Targets = append(part.Targets, t)
		}
	}
	switch {
	case o.StorageObject != "" && found == 0:
		return part, fmt.Errorf("no storage object %q in the file", o.StorageObject)
	case found > 1:
		return part, fmt.Errorf("there are several storage objects %s in the file: name one as %s", o.StorageObject, part.StorageObjects[0].Path())
	case o.Target != "" && len(part.Targets) == 0:
		return part, fmt.Errorf("no target %q in the file", o.Target)
	}
	return part, nil
}

// Steps counts the storage objects and LUNs: restoring all of c is so many steps.
func (c Config) Steps() int {
	n := len(c.StorageObjects)
	for _, t := range c.Targets {
		for _, tpg := range t.TPGs {
			n += len(tpg.LUNs)
		}
	}
	return n
}

// listed are the storage objects that there are, by their Path.
func listed(root lio.Root) (map[string]lio.StorageObject, error) {
	all, err := root.StorageObjects()
	objects := map[string]lio.StorageObject{}
	for _, so := range all {
		objects[pathOf(so)] = so
	}
	return objects, err
}

func pathOf(so lio.StorageObject) string {
	return StorageObject{Plugin: pluginName(so.Plugin), Name: so.Name}.Path()
}

// restoring is a restore that is under way.
type restoring struct {
	root    lio.Root
	options Options
	own     *Own

	objects    map[string]lio.StorageObject // that there are, by their Path
	made       []func() error               // what undoes what has been done
	unrestored []string
}

func (r *restoring) step() {
	if r.options.Progress != nil {
		r.options.Progress()
	}
}

// skip notes something that cannot be restored.
func (r *restoring) skip(format string, a ...any) {
	r.unrestored = append(r.unrestored, fmt.Sprintf(format, a...))
}

// undo removes what has been made, the newest first, and says what has become of it all.
func (r *restoring) undo(err error) error {
	var left []error
	for i := len(r.made) - 1; i >= 0; i-- {
		if err := r.made[i](); err != nil {
			left = append(left, err)
		}
	}
	before := ""
	if r.options.Clear {
		before = ", and what was there before has been cleared"
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: what had been restored could not all be removed again: %w%s", err, errors.Join(left...), before)
	}
	return fmt.Errorf("%w: nothing is restored%s", err, before)
}

// all makes what is missing. All devices are made before the first is waited for: their daemon works on them at once.
func (r *restoring) all(missing Config) error {
	// A device for an I_T nexus cannot be served before its backstore.
	slices.SortStableFunc(missing.StorageObjects, nexusesLast)
	for _, so := range missing.StorageObjects {
		if err := r.object(so); err != nil {
			return fmt.Errorf("%s: %w", so.Path(), err)
		}
		r.step()
	}
	if err := r.serve(missing); err != nil {
		return err
	}
	for _, f := range missing.Fabrics {
		if err := r.fabric(f); err != nil {
			return err
		}
	}
	for _, t := range missing.Targets {
		if err := r.target(t); err != nil {
			return fmt.Errorf("%s/%s: %w", t.Fabric, t.WWN, err)
		}
	}
	return nil
}

// serve waits for the TCMU devices that have been made, and for those that LUNs will be made of.
func (r *restoring) serve(missing Config) error {
	var paths []string
	for _, so := range missing.StorageObjects {
		paths = append(paths, so.Path())
	}
	for _, t := range missing.Targets {
		for _, tpg := range t.TPGs {
			for _, l := range tpg.LUNs {
				paths = append(paths, l.StorageObject)
			}
		}
	}
	waited := map[string]bool{}
	for _, path := range paths {
		so := r.objects[path]
		if r.options.Serve == nil || so.Plugin != "user" || waited[path] {
			continue
		}
		waited[path] = true
		if err := r.options.Serve(so); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoring) fabric(f Fabric) error {
	fabric, err := r.root.Fabric(f.Name)
	if err != nil {
		return err
	}
	r.made = append(r.made, func() error { return fabric.SetDiscovery(lio.Discovery{}) })
	return fabric.SetDiscovery(f.discovery())
}

func (f Fabric) discovery() lio.Discovery {
	return lio.Discovery{Auth: CHAP{f.MutualPassword, f.MutualUserID, f.Password, f.UserID}.auth(), Enforced: f.Enforced}
}

// list joins names for people.
func list(names []string) string { return strings.Join(names, ", ") }
