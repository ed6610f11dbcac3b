package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Feature is something that not every fabric has.
type Feature uint

// Features.
const (
	OneInitiator Feature = 1 << iota // a TPG has one initiator, named by us: its nexus
	OneTPG                           // a target has one TPG, which LIO's tools do not show
	Enabling                         // a TPG serves initiators only when it is enabled
	Portals                          // TPGs listen on network portals
	ACLs                             // TPGs have node ACLs with mapped LUNs, and CHAP
	Disks                            // LUNs become disks of this host
)

// driver is what differs between fabrics.
type driver struct {
	fabric string
	module Module
	has    Feature
	wwn    func(wwn string) (string, error)
	random func() string
}

// drivers are the fabrics that this package can make targets of.
var drivers = []driver{
	{fabric: "iscsi", module: Module{"iscsi_target_mod", "CONFIG_ISCSI_TARGET"}, has: Enabling | Portals | ACLs, wwn: normalizeISCSI, random: randomIQN},
	{fabric: "loopback", module: Module{"tcm_loop", "CONFIG_LOOPBACK_TARGET"}, has: OneInitiator | OneTPG | Disks, wwn: normalizeNAA, random: randomNAA},
	{fabric: "vhost", module: Module{"vhost_scsi", "CONFIG_VHOST_SCSI"}, has: OneInitiator, wwn: normalizeNAA, random: randomNAA},
}

// FabricNames are the fabrics that this package can make targets of, sorted.
func FabricNames() []string {
	var names []string
	for _, d := range drivers {
		names = append(names, d.fabric)
	}
	return names
}

// Fabric is a way for initiators to reach targets: a directory below the top of the tree, and a kernel module.
type Fabric struct {
	node
	root   Root
	driver *driver // nil: one we can only look at
	Name   string  // "loopback"
}

// Has reports whether the fabric has all of the features. One that we can only look at has none.
func (f Fabric) Has(features Feature) bool {
	return f.driver != nil && f.driver.has&features == features
}

// Fabric is the fabric of that name: one of FabricNames.
func (r Root) Fabric(name string) (Fabric, error) {
	f := r.fabric(name)
	if f.driver == nil {
		return Fabric{}, fmt.Errorf("no fabric %q: %s are known", name, strings.Join(FabricNames(), ", "))
	}
	return f, nil
}

// Fabrics lists the fabrics that are in use on this host, sorted by name, also those that we can only look at.
func (r Root) Fabrics() ([]Fabric, error) {
	names, err := r.target().dirs()
	if err != nil {
		return nil, err
	}
	var all []Fabric
	for _, name := range names {
		if name != "core" {
			all = append(all, r.fabric(name))
		}
	}
	return all, nil
}

func (r Root) fabric(name string) Fabric {
	f := Fabric{node: r.target().child(name), root: r, Name: name}
	for i := range drivers {
		if drivers[i].fabric == name {
			f.driver = &drivers[i]
		}
	}
	return f
}

// Target is a target of the fabric: a directory named by its world wide name.
type Target struct {
	node
	Fabric Fabric
	WWN    string
}

// Target is the target of that name. The error wraps fs.ErrNotExist when there is none.
func (f Fabric) Target(wwn string) (Target, error) {
	all, err := f.Targets()
	if err != nil {
		return Target{}, err
	}
	for _, t := range all {
		if t.WWN == wwn {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("no target %q in %s: %w", wwn, f.path, fs.ErrNotExist)
}

// Targets lists the targets, sorted by name. A fabric whose module is not loaded has none.
func (f Fabric) Targets() ([]Target, error) {
	names, err := f.dirs()
	if err != nil {
		return nil, err
	}
	var all []Target
	for _, name := range names {
		if name != "discovery_auth" {
			all = append(all, Target{f.child(name), f, name})
		}
	}
	return all, nil
}

// CreateTarget makes a target without TPGs, named at random when wwn is empty; the module is loaded first. The error is
// an *ExistsError when there is a target of that name.
func (f Fabric) CreateTarget(wwn string) (Target, error) {
	if f.driver == nil {
		return Target{}, fmt.Errorf("no targets of fabric %s can be made here: %s are known", f.Name, strings.Join(FabricNames(), ", "))
	}
	if wwn == "" {
		wwn = f.driver.random()
	}
	wwn, err := f.driver.wwn(wwn)
	if err != nil {
		return Target{}, err
	}
	if err := f.prepare(); err != nil {
		return Target{}, err
	}
	t := Target{f.child(wwn), f, wwn}
	return t, t.mkdirNew("target "+wwn, "choose another name, or none to get a random one")
}

// prepare loads the fabric's module and makes its directory, unless they are there.
func (f Fabric) prepare() error {
	if f.Exists() {
		return nil
	}
	if err := f.root.load(f.driver.module); err != nil {
		return err
	}
	if err := f.mkdir(); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// LUNs lists the LUNs of all TPGs.
func (t Target) LUNs() ([]LUN, error) {
	tpgs, err := t.TPGs()
	if err != nil {
		return nil, err
	}
	var all []LUN
	for _, tpg := range tpgs {
		luns, err := tpg.LUNs()
		if err != nil {
			return nil, err
		}
		all = append(all, luns...)
	}
	return all, nil
}

// TPGs lists the target portal groups, sorted by tag.
func (t Target) TPGs() ([]TPG, error) {
	tags, err := t.numbered("tpgt_")
	if err != nil {
		return nil, err
	}
	var all []TPG
	for _, tag := range tags {
		all = append(all, t.tpg(tag))
	}
	return all, nil
}

func (t Target) tpg(tag int) TPG {
	return TPG{t.child("tpgt_" + strconv.Itoa(tag)), t, tag}
}

// Delete removes the target and everything below it. Its disks vanish from their initiators.
func (t Target) Delete() error {
	tpgs, err := t.TPGs()
	if err != nil {
		return err
	}
	for _, tpg := range tpgs {
		if err := tpg.Delete(); err != nil {
			return err
		}
	}
	return t.rmdir()
}
