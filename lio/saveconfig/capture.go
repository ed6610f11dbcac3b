package saveconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// Capture is the configuration as it is now. Something that a file cannot express is an error that names it: whoever wrote
// the rest over an older file would lose it.
func Capture(root lio.Root) (Config, error) {
	c := Config{Fabrics: []Fabric{}, StorageObjects: []StorageObject{}, Targets: []Target{}}
	objects, err := root.StorageObjects()
	if err != nil {
		return c, err
	}
	for _, so := range objects {
		saved, err := captureObject(so)
		if err != nil && !so.Exists() {
			continue // somebody has just deleted it
		}
		if err != nil {
			return c, err
		}
		c.StorageObjects = append(c.StorageObjects, saved)
		if err := c.addIdentity(so, saved.Path()); err != nil {
			return c, err
		}
	}
	fabrics, err := root.Fabrics()
	if err != nil {
		return c, err
	}
	for _, f := range fabrics {
		if err := c.addFabric(f); err != nil {
			return c, err
		}
	}
	return c, nil
}

// defaultVendor is what a device that nobody has given an identity reads.
const defaultVendor = "LIO-ORG"

// addIdentity keeps what somebody has chosen of a TCMU device's identity. The kernel's own devices have theirs built in.
func (c *Config) addIdentity(so lio.StorageObject, path string) error {
	if so.Plugin != "user" {
		return nil
	}
	id, err := so.Identity()
	if err != nil {
		return err
	}
	if id.Vendor == defaultVendor {
		id.Vendor = ""
	}
	saved := Identity{Product: id.Product, Revision: id.Revision, Vendor: id.Vendor}
	if saved == (Identity{}) {
		return nil
	}
	if c.Own == nil {
		c.Own = &Own{Identities: map[string]Identity{}}
	}
	c.Own.Identities[path] = saved
	return nil
}

func (c *Config) addFabric(f lio.Fabric) error {
	targets, err := f.Targets()
	if err != nil {
		return err
	}
	if len(targets) > 0 && !known(f.Name) {
		return fmt.Errorf("%s cannot be saved: only targets of %s can: use targetcli for this configuration",
			targets[0].Path(), strings.Join(lio.FabricNames(), ", "))
	}
	for _, t := range targets {
		saved, err := captureTarget(t)
		if err != nil && !t.Exists() {
			continue
		}
		if err != nil {
			return err
		}
		c.Targets = append(c.Targets, saved)
	}
	d, err := f.Discovery()
	if err != nil {
		return err
	}
	if d != (lio.Discovery{}) {
		c.Fabrics = append(c.Fabrics, Fabric{d.Enforced, d.MutualPassword, d.MutualUserID, d.Password, d.UserID, f.Name})
	}
	return nil
}

func captureTarget(t lio.Target) (Target, error) {
	saved := Target{Fabric: t.Fabric.Name, WWN: t.WWN, TPGs: []TPG{}}
	var err error
	if saved.Attributes, err = settings[Setting](t.Attributes()); err != nil {
		return saved, err
	}
	if saved.Parameters, err = settings[string](t.Parameters()); err != nil {
		return saved, err
	}
	tpgs, err := t.TPGs()
	if err != nil {
		return saved, err
	}
	for _, tpg := range tpgs {
		one, err := captureTPG(tpg)
		if err != nil {
			return saved, err
		}
		saved.TPGs = append(saved.TPGs, one)
	}
	return saved, nil
}

func captureTPG(tpg lio.TPG) (saved TPG, err error) {
	saved = TPG{Tag: tpg.Tag}
	if saved.Attributes, err = settings[Setting](tpg.Attributes()); err != nil {
		return saved, err
	}
	if saved.Parameters, err = settings[string](tpg.Parameters()); err != nil {
		return saved, err
	}
	enabled, err := tpg.Enabled()
	if err != nil {
		return saved, err
	}
	saved.Enable = &enabled
	auth, err := tpg.Auth()
	if err != nil {
		return saved, err
	}
	saved.CHAP = chap(auth)
	if saved.LUNs, err = captureEach(tpg.LUNs, captureLUN); err != nil {
		return saved, err
	}
	if saved.Portals, err = captureEach(tpg.Portals, capturePortal); err != nil {
		return saved, err
	}
	saved.ACLs, err = captureEach(tpg.ACLs, captureACL)
	return saved, err
}

// captureEach captures all of what list lists.
func captureEach[L, S any](list func() ([]L, error), capture func(L) (S, error)) ([]S, error) {
	saved := []S{}
	all, err := list()
	if err != nil {
		return saved, err
	}
	for _, l := range all {
		s, err := capture(l)
		if err != nil {
			return saved, err
		}
		saved = append(saved, s)
	}
	return saved, nil
}

func captureLUN(l lio.LUN) (LUN, error) {
	so, err := l.StorageObject()
	if err != nil {
		return LUN{}, fmt.Errorf("%s cannot be saved: %w: delete it", l, err)
	}
	saved := LUN{Index: l.Number, StorageObject: StorageObject{Plugin: pluginName(so.Plugin), Name: so.Name}.Path()}
	if saved.Alias, err = l.Alias(); err != nil {
		return saved, err
	}
	group, err := l.ALUAGroup()
	if group != "" {
		saved.ALUAGroup = &group
	}
	return saved, err
}

func capturePortal(p lio.Portal) (Portal, error) {
	saved := Portal{IPAddress: p.Address.Addr().String(), Port: int(p.Address.Port())}
	if p.Address.Addr().Is6() {
		saved.IPAddress = "[" + saved.IPAddress + "]"
	}
	for _, flag := range []struct {
		file string
		on   *bool
	}{{"iser", &saved.ISER}, {"cxgbit", &saved.Offload}} {
		v, err := p.File(flag.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return saved, err
		}
		*flag.on = v == "1"
	}
	return saved, nil
}

func captureACL(a lio.ACL) (saved ACL, err error) {
	saved = ACL{Initiator: a.Initiator}
	if saved.Attributes, err = settings[Setting](a.Attributes()); err != nil {
		return saved, err
	}
	if saved.Parameters, err = settings[string](a.Parameters()); err != nil {
		return saved, err
	}
	auth, err := a.Auth()
	if err != nil {
		return saved, err
	}
	saved.CHAP = chap(auth)
	if saved.Tag, err = a.File("tag"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return saved, err
	}
	saved.MappedLUNs, err = captureEach(a.MappedLUNs, captureMapped)
	return saved, err
}

func captureMapped(m lio.MappedLUN) (MappedLUN, error) {
	saved := MappedLUN{Index: m.Number}
	l, err := m.LUN()
	if err != nil {
		return saved, fmt.Errorf("%s cannot be saved: %w: delete it", m.Path(), err)
	}
	saved.TPGLUN = l.Number
	if saved.Alias, err = m.Alias(); err != nil {
		return saved, err
	}
	saved.WriteProtect, err = m.WriteProtect()
	return saved, err
}
