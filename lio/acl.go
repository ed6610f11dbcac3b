package lio

import (
	"errors"
	"fmt"
	"io/fs"
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

// CreateACL lets an initiator log in; it sees no LUN until some are mapped. The error is an *ExistsError when there is an
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
	return acl, acl.mkdirNew("node ACL of "+initiator, "use it, or delete it first")
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

// Map shows a LUN of the TPG to the initiator as number; AnyLUN is the lowest that is free, unless the initiator sees the
// LUN already. The error is an *ExistsError when it does, or when the number is taken.
func (a ACL) Map(l LUN, number int, writeProtect bool) (MappedLUN, error) {
	if l.TPG != a.TPG {
		return MappedLUN{}, fmt.Errorf("%s is not of the TPG of %s: map LUNs of its own", l, a.path)
	}
	m, err := a.newMapped(l, number)
	if err != nil {
		return m, differs(err, func() (string, error) { return m.differs(l, writeProtect) })
	}
	return m, m.fill(l, writeProtect, "")
}

// Create makes this mapped LUN, of a LUN of the TPG, as ACL.Map does, without looking at the other mapped LUNs. Alias is
// the name of the link and means nothing; empty: random.
func (m MappedLUN) Create(l LUN, writeProtect bool, alias string) error {
	if err := m.mkdir(); err != nil {
		return err
	}
	return m.fill(l, writeProtect, alias)
}

// fill links the mapped LUN to a LUN of the TPG, or removes it.
func (m MappedLUN) fill(l LUN, writeProtect bool, alias string) error {
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

// newMapped makes the directory of a mapped LUN.
func (a ACL) newMapped(l LUN, number int) (MappedLUN, error) {
	if number == AnyLUN {
		mapped, err := a.MappedLUNs()
		if err != nil {
			return MappedLUN{}, err
		}
		for _, m := range mapped {
			if of, err := m.LUN(); err == nil && of == l {
				return m, &ExistsError{What: fmt.Sprintf("mapped LUN %d of %s", m.Number, l), Path: m.path, Remedy: "ask for another number to see it twice"}
			}
		}
	}
	number, err := a.mkdirNumbered("mapped LUN", number)
	return a.MappedLUN(number), err
}

// differs says how a mapped LUN is not the one asked for.
func (m MappedLUN) differs(l LUN, writeProtect bool) (string, error) {
	of, err := m.LUN()
	if errors.Is(err, fs.ErrNotExist) {
		return "maps no LUN", nil
	}
	if err == nil && of != l {
		return fmt.Sprintf("maps LUN %d", of.Number), nil
	}
	now, err := m.WriteProtect()
	if err == nil && now != writeProtect {
		return "has write_protect=" + digit(now), nil
	}
	return "", err
}

// LUN is the LUN of the TPG that is mapped. The error wraps fs.ErrNotExist while there is none.
func (m MappedLUN) LUN() (LUN, error) {
	linked, err := m.linked()
	if err != nil {
		return LUN{}, err
	}
	for _, to := range linked {
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
