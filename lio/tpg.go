package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// TPG is a target portal group: LUNs, and those who may use them.
type TPG struct {
	node
	Target Target
	Tag    int // TARGET PORTAL GROUP TAG; in loopback also the SCSI target number
}

// CreateTPG makes a TPG, and where the fabric has one initiator for each TPG, its nexus with a random name. The error is
// an *ExistsError when there is a TPG with that tag.
func (t Target) CreateTPG(tag int) (TPG, error) {
	tpg := t.tpg(tag)
	if err := tpg.mkdirNew(fmt.Sprintf("TPG %d of %s", tag, t.WWN), "choose another tag"); err != nil {
		return tpg, err
	}
	if err := tpg.ensureNexus(); err != nil {
		return TPG{}, errors.Join(err, tpg.rmdir())
	}
	return tpg, nil
}

// Nexus is the name of the one initiator of the TPG; empty when it has none, or the fabric no such thing.
func (p TPG) Nexus() (string, error) {
	name, err := p.read("nexus")
	if errors.Is(err, unix.ENODEV) || errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return name, err
}

// ensureNexus gives the TPG an initiator unless it has one, or needs none.
func (p TPG) ensureNexus() error {
	if !p.Target.Fabric.Has(OneInitiator) {
		return nil
	}
	if name, err := p.Nexus(); err != nil || name != "" {
		return err
	}
	return p.write("nexus", p.Target.Fabric.driver.random())
}

// SetNexus gives the TPG another initiator, as long as there are no LUNs in it.
func (p TPG) SetNexus(name string) error {
	if !p.Target.Fabric.Has(OneInitiator) {
		return fmt.Errorf("a TPG of %s has no initiator of its own", p.Target.Fabric.Name)
	}
	now, err := p.Nexus()
	if err != nil || now == name {
		return err
	}
	if now != "" {
		if err := p.write("nexus", "NULL"); err != nil {
			return err
		}
	}
	return p.write("nexus", name)
}

// LUNs lists the logical units, sorted by number.
func (p TPG) LUNs() ([]LUN, error) {
	numbers, err := p.child("lun").numbered("lun_")
	if err != nil {
		return nil, err
	}
	var all []LUN
	for _, n := range numbers {
		all = append(all, p.LUN(n))
	}
	return all, nil
}

// LUN is logical unit number of the TPG, whether it exists or not.
func (p TPG) LUN(number int) LUN {
	return LUN{p.child("lun", "lun_"+strconv.Itoa(number)), p, number}
}

// Enabled reports whether initiators are served. Without the feature Enabling they always are.
func (p TPG) Enabled() (bool, error) {
	if !p.Target.Fabric.Has(Enabling) {
		return true, nil
	}
	v, err := p.read("enable")
	return v == "1", err
}

// Enable lets initiators in (true) or ends their sessions and lets no more in (false).
func (p TPG) Enable(on bool) error {
	if !p.Target.Fabric.Has(Enabling) {
		return fmt.Errorf("a TPG of %s is always enabled", p.Target.Fabric.Name)
	}
	return p.write("enable", digit(on))
}

// OpenToAll lets every initiator in without CHAP, and to all LUNs, which it may write.
func (p TPG) OpenToAll() error {
	for name, value := range map[string]string{
		"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0",
	} {
		if err := p.SetAttribute(name, value); err != nil {
			return err
		}
	}
	return nil
}

// Deletable says why the TPG cannot be deleted, nil if it can: a virtual machine has the vhost target for a disk. Whoever
// deletes what is in the TPG asks first, since the kernel would let the LUNs go from under it.
func (p TPG) Deletable() error {
	luns, err := p.LUNs()
	if err != nil || len(luns) == 0 {
		return err
	}
	// With LUNs in it the TPG is not removed in any case, but the kernel looks first for who depends on it.
	err = p.rmdir()
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: a virtual machine uses it: shut that down, or take the disk from it", err)
	case errors.Is(err, unix.ENOTEMPTY):
		return nil
	}
	return err
}

// Delete removes the TPG and everything below it. Sessions end; but see Deletable.
func (p TPG) Delete() error {
	if err := p.Deletable(); err != nil {
		return err
	}
	if p.Target.Fabric.Has(Enabling) {
		if err := p.Enable(false); err != nil {
			return err
		}
	}
	acls, err := p.ACLs()
	if err := deleteAll(acls, err); err != nil {
		return err
	}
	portals, err := p.Portals()
	if err := deleteAll(portals, err); err != nil {
		return err
	}
	luns, err := p.LUNs()
	if err := deleteAll(luns, err); err != nil {
		return err
	}
	return p.rmdir()
}

// deleteAll deletes objects, if they could be listed.
func deleteAll[T interface{ Delete() error }](all []T, err error) error {
	for _, object := range all {
		if err := object.Delete(); err != nil {
			return err
		}
	}
	return err
}

// numbered lists the numbers of the directories in n that are called prefix and a number, in ascending order.
func (n node) numbered(prefix string) ([]int, error) {
	names, err := n.dirs()
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, prefix)
		if number, err := strconv.Atoi(digits); ok && err == nil && number >= 0 {
			numbers = append(numbers, number)
		}
	}
	sort.Ints(numbers)
	return numbers, nil
}
