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

// CreateTPG makes a TPG, and where the fabric has one initiator for each TPG, its nexus with a random name.
func (t Target) CreateTPG(tag int) (TPG, error) {
	tpg := t.tpg(tag)
	if err := tpg.mkdir(); err != nil {
		return TPG{}, err
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

// maxLUN is the highest number that LIO's tools give.
const maxLUN = 65535

// AnyLUN asks CreateLUN for the lowest number that is free.
const AnyLUN = -1

// CreateLUN makes a logical unit of a storage object. In loopback the kernel asks the device who it is before this
// returns, so whoever serves it must be serving.
func (p TPG) CreateLUN(so StorageObject, number int) (LUN, error) {
	luns, err := p.LUNs()
	if err != nil {
		return LUN{}, err
	}
	taken := map[int]bool{}
	for _, l := range luns {
		taken[l.Number] = true
		if other, err := l.StorageObject(); err == nil && other == so {
			return LUN{}, fmt.Errorf("storage object %s is %s already: %w", so.Name, l, fs.ErrExist)
		}
	}
	number, err = freeLUN(number, taken)
	if err != nil {
		return LUN{}, err
	}
	if err := p.ensureNexus(); err != nil {
		return LUN{}, err
	}
	lun := p.LUN(number)
	return lun, lun.Create(so, "")
}

// freeLUN is number, or the lowest that is not taken if that is AnyLUN.
func freeLUN(number int, taken map[int]bool) (int, error) {
	if number == AnyLUN {
		for number = 0; taken[number]; number++ {
		}
	}
	switch {
	case number < 0 || number > maxLUN:
		return 0, fmt.Errorf("LUN %d: use a number from 0 to %d", number, maxLUN)
	case taken[number]:
		return 0, fmt.Errorf("LUN %d is taken: choose another number, or none to get a free one: %w", number, fs.ErrExist)
	}
	return number, nil
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

// Delete removes the TPG and everything below it. Sessions end.
func (p TPG) Delete() error {
	acls, err := p.ACLs()
	if err != nil {
		return err
	}
	for _, a := range acls {
		if err := a.Delete(); err != nil {
			return err
		}
	}
	portals, err := p.Portals()
	if err != nil {
		return err
	}
	for _, portal := range portals {
		if err := portal.Delete(); err != nil {
			return err
		}
	}
	luns, err := p.LUNs()
	if err != nil {
		return err
	}
	for _, l := range luns {
		if err := l.Delete(); err != nil {
			return err
		}
	}
	return p.rmdir()
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
