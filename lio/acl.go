package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// ACL is a node ACL of an iSCSI TPG: an initiator that may log in, and the LUNs it sees.
type ACL struct {
	node
	TPG       TPG
	Initiator string // its iSCSI name
}

// ACLs lists the node ACLs, sorted by initiator. Fabrics without any have none.
func (p TPG) ACLs() ([]ACL, error) {
	names, err := p.child("acls").dirs()
	if err != nil {
		return nil, err
	}
	var all []ACL
	for _, name := range names {
		all = append(all, p.ACL(name))
	}
	return all, nil
}

// ACL is the node ACL of an initiator, whether it exists or not.
func (p TPG) ACL(initiator string) ACL {
	return ACL{p.child("acls", initiator), p, initiator}
}

// CreateACL lets an initiator log in; it sees no LUN until some are mapped. The error wraps fs.ErrExist when there is an
// ACL for it.
func (p TPG) CreateACL(initiator string) (ACL, error) {
	if !p.Target.Fabric.Has(ACLs) {
		return ACL{}, fmt.Errorf("%s has no node ACLs", p.Target.Fabric.Name)
	}
	initiator, err := p.Target.Fabric.driver.wwn(initiator)
	if err != nil {
		return ACL{}, err
	}
	acl := p.ACL(initiator)
	if acl.Exists() {
		return ACL{}, fmt.Errorf("node ACL of %s exists (%s): %w", initiator, acl.path, fs.ErrExist)
	}
	return acl, acl.mkdir()
}

// Session tells of the initiator's session in the kernel's words; the error is nil and the text says so when it has none.
func (a ACL) Session() (string, error) { return a.read("info") }

// Delete removes the ACL and its mapped LUNs. The initiator's session ends.
func (a ACL) Delete() error {
	mapped, err := a.MappedLUNs()
	if err != nil {
		return err
	}
	for _, m := range mapped {
		if err := m.Delete(); err != nil {
			return err
		}
	}
	return a.rmdir()
}

// MappedLUN is a LUN of the TPG as an initiator sees it: under a number of its own, and perhaps write protected.
type MappedLUN struct {
	node
	ACL    ACL
	Number int // the initiator's
}

// MappedLUNs lists the mapped LUNs, sorted by number.
func (a ACL) MappedLUNs() ([]MappedLUN, error) {
	numbers, err := a.numbered("lun_")
	if err != nil {
		return nil, err
	}
	var all []MappedLUN
	for _, n := range numbers {
		all = append(all, a.MappedLUN(n))
	}
	return all, nil
}

// MappedLUN is mapped LUN number of the initiator, whether it exists or not.
func (a ACL) MappedLUN(number int) MappedLUN {
	return MappedLUN{a.child("lun_" + strconv.Itoa(number)), a, number}
}

// Map shows a LUN of the TPG to the initiator as number; AnyLUN is the lowest that is free. The error wraps fs.ErrExist
// when the number is taken.
func (a ACL) Map(l LUN, number int, writeProtect bool) (MappedLUN, error) {
	mapped, err := a.MappedLUNs()
	if err != nil {
		return MappedLUN{}, err
	}
	taken := map[int]bool{}
	for _, m := range mapped {
		taken[m.Number] = true
	}
	number, err = freeLUN(number, taken)
	if err != nil {
		return MappedLUN{}, err
	}
	m := a.MappedLUN(number)
	return m, m.Create(l, writeProtect, "")
}

// Create makes this mapped LUN, of a LUN of the TPG, as ACL.Map does, without looking at the other mapped LUNs. Alias is
// the name of the link and means nothing; empty: random.
func (m MappedLUN) Create(l LUN, writeProtect bool, alias string) error {
	if err := m.mkdir(); err != nil {
		return err
	}
	err := m.linkAs(l.node, alias)
	if err == nil && writeProtect {
		err = m.SetWriteProtect(true)
	}
	if err != nil {
		return errors.Join(err, m.Delete())
	}
	return nil
}

// Alias is the name of the mapped LUN's link; empty when there is none.
func (m MappedLUN) Alias() (string, error) { return m.alias() }

// LUN is the LUN of the TPG that is mapped. The error wraps fs.ErrNotExist while there is none.
func (m MappedLUN) LUN() (LUN, error) {
	links, err := m.links()
	if err != nil {
		return LUN{}, err
	}
	for _, link := range links {
		to, err := os.Readlink(filepath.Join(m.path, link))
		if err != nil {
			return LUN{}, err
		}
		var number int
		if _, err := fmt.Sscanf(filepath.Base(to), "lun_%d", &number); err == nil {
			return m.ACL.TPG.LUN(number), nil
		}
	}
	return LUN{}, fmt.Errorf("%s maps no LUN: %w", m.path, fs.ErrNotExist)
}

// WriteProtect reports whether the initiator may only read.
func (m MappedLUN) WriteProtect() (bool, error) {
	v, err := m.read("write_protect")
	return v == "1", err
}

// SetWriteProtect lets the initiator only read, or write again.
func (m MappedLUN) SetWriteProtect(on bool) error { return m.write("write_protect", digit(on)) }

// Delete takes the LUN from the initiator's sight.
func (m MappedLUN) Delete() error {
	if err := m.unlink(); err != nil {
		return err
	}
	return m.rmdir()
}
