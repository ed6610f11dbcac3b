package lio

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// LUN is a logical unit: a directory with one symbolic link in it, to the storage object it is made of.
type LUN struct {
	node
	TPG    TPG
	Number int
}

// String is the path below the top of the tree: "loopback/naa.5001405.../tpgt_1/lun/lun_0".
func (l LUN) String() string {
	t := l.TPG.Target
	return filepath.Join(t.Fabric.Name, t.WWN, filepath.Base(l.TPG.path), "lun", filepath.Base(l.path))
}

// maxLUN is the highest number that LIO's tools give.
const maxLUN = 65535

// AnyLUN asks CreateLUN and Map for the lowest number that is free.
const AnyLUN = -1

// CreateLUN makes a logical unit of a storage object, whoever serves that; it must be enabled. In loopback the kernel
// asks the device who it is before this returns, so whoever serves it must be serving. The error is an *ExistsError when
// the TPG has a LUN of the object, or the number is taken.
func (p TPG) CreateLUN(so StorageObject, number int) (LUN, error) {
	lun, err := p.exported(so, number)
	if err != nil {
		return lun, err
	}
	if err := p.ensureNexus(); err != nil {
		return LUN{}, err
	}
	number, err = p.child("lun").mkdirNumbered("LUN", number)
	lun = p.LUN(number)
	if err != nil {
		return lun, differs(err, func() (string, error) { return lun.isOf(), nil })
	}
	return lun, lun.fill(so, "")
}

// exported looks for a LUN of the object in the TPG. The object tells whether there is any at all, so that for a new one
// the others need not be looked at.
func (p TPG) exported(so StorageObject, number int) (LUN, error) {
	activated, err := so.Activated()
	if errors.Is(err, fs.ErrNotExist) {
		return LUN{}, fmt.Errorf("no storage object %s (%s): %w", so.Name, so.path, fs.ErrNotExist)
	}
	if err != nil || !activated {
		return LUN{}, err
	}
	luns, err := p.LUNs()
	if err != nil {
		return LUN{}, err
	}
	for _, l := range luns {
		if other, err := l.StorageObject(); err != nil || other != so {
			continue
		}
		exists := &ExistsError{What: fmt.Sprintf("LUN of storage object %s", so.Name), Path: l.path, Remedy: "use it, or delete it first"}
		if number != AnyLUN && number != l.Number {
			exists.Differs = fmt.Sprintf("has the number %d", l.Number)
		}
		return l, exists
	}
	return LUN{}, nil
}

// isOf says what a LUN that was not expected is made of.
func (l LUN) isOf() string {
	so, err := l.StorageObject()
	if err != nil {
		return "is made of nothing"
	}
	return "is made of storage object " + so.Name
}

// mkdirNumbered makes the directory "lun_" and a number in n; of AnyLUN it makes the lowest that is free.
func (n node) mkdirNumbered(what string, number int) (int, error) {
	for number == AnyLUN {
		free, err := n.freeLUN(0)
		if err != nil {
			return 0, err
		}
		err = n.child("lun_" + strconv.Itoa(free)).mkdir()
		if !errors.Is(err, fs.ErrExist) { // somebody was quicker
			return free, err
		}
	}
	if number < 0 || number > maxLUN {
		return 0, fmt.Errorf("LUN %d: use a number from 0 to %d", number, maxLUN)
	}
	return number, n.child("lun_"+strconv.Itoa(number)).
		mkdirNew(fmt.Sprintf("%s %d", what, number), "choose another number, or none to get a free one")
}

// freeLUN is the lowest number from a number on that no directory in n has.
func (n node) freeLUN(from int) (int, error) {
	taken, err := n.numbered("lun_")
	if err != nil {
		return 0, err
	}
	free := from
	for _, number := range taken {
		if number == free {
			free++
		}
	}
	return free, nil
}

// StorageObject is what the LUN is made of. The error wraps fs.ErrNotExist while the LUN is made of nothing.
func (l LUN) StorageObject() (StorageObject, error) {
	linked, err := l.linked()
	if err != nil {
		return StorageObject{}, err
	}
	for _, to := range linked {
		// The kernel gives a relative path back, whatever it was given. Its end is core/HBA/NAME.
		plugin, number, ok := parseHBA(filepath.Base(filepath.Dir(to)))
		if ok {
			return l.TPG.Target.Fabric.root.storageObject(plugin, number, filepath.Base(to)), nil
		}
	}
	return StorageObject{}, fmt.Errorf("%s links to no storage object: %w", l, fs.ErrNotExist)
}

// Create makes this LUN, of a storage object, as TPG.CreateLUN does, without looking at the other LUNs of the TPG. Alias
// is the name of the link and means nothing; empty: random.
func (l LUN) Create(so StorageObject, alias string) error {
	if err := l.mkdir(); err != nil {
		return err
	}
	return l.fill(so, alias)
}

// fill links the LUN to what it is made of, or removes it.
func (l LUN) fill(so StorageObject, alias string) error {
	err := l.linkAs(so.node, alias)
	if errors.Is(err, unix.ENODEV) {
		err = fmt.Errorf("storage object %s (%s) is not enabled: delete it and make it again: %w", so.Name, so.path, err)
	}
	if err != nil {
		return errors.Join(err, l.rmdir())
	}
	return nil
}

// Alias is the name of the LUN's link; empty when there is none.
func (l LUN) Alias() (string, error) { return l.alias() }

func (n node) alias() (string, error) {
	links, err := n.links()
	if err != nil || len(links) == 0 {
		return "", err
	}
	return links[0], nil
}

// linkAs makes a link in n to another object, with a name as random as rtslib's when alias is empty.
func (n node) linkAs(to node, alias string) error {
	if alias == "" {
		alias = hex.EncodeToString(random(5))
	}
	return explain(n.kernel.Symlink(to.path, filepath.Join(n.path, alias)))
}

// unlink removes the links in n.
func (n node) unlink() error {
	links, err := n.links()
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := n.kernel.Unlink(filepath.Join(n.path, link)); err != nil {
			return explain(err)
		}
	}
	return nil
}

// Delete removes the logical unit, and with it the mapped LUNs of initiators that saw it. Its disk vanishes. In loopback
// the kernel writes back the disk's cache first and waits for what is in flight: while nobody serves the device that
// takes minutes, see Abandon.
func (l LUN) Delete() error {
	if !l.Exists() {
		return fmt.Errorf("no LUN %d (%s): %w", l.Number, l.path, fs.ErrNotExist)
	}
	if err := l.unmap(); err != nil {
		return err
	}
	if err := l.unlink(); err != nil {
		return err
	}
	return l.rmdir()
}

// unmap takes the LUN from the sight of all initiators with a node ACL.
func (l LUN) unmap() error {
	acls, err := l.TPG.ACLs()
	if err != nil {
		return err
	}
	for _, a := range acls {
		mapped, err := a.MappedLUNs()
		if err != nil {
			return err
		}
		for _, m := range mapped {
			if of, err := m.LUN(); err != nil || of != l {
				continue
			}
			if err := m.Delete(); err != nil {
				return err
			}
		}
	}
	return nil
}
