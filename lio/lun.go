package lio

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// StorageObject is what the LUN is made of. The error wraps fs.ErrNotExist while the LUN is made of nothing.
func (l LUN) StorageObject() (StorageObject, error) {
	links, err := l.links()
	if err != nil {
		return StorageObject{}, err
	}
	for _, link := range links {
		to, err := os.Readlink(filepath.Join(l.path, link))
		if err != nil {
			return StorageObject{}, err
		}
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
	if err := l.linkAs(so.node, alias); err != nil {
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
