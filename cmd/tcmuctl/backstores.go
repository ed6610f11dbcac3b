package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

var backstoresKind = kind{
	name:     "backstores",
	below:    ownKinds,
	children: backstores,
	find:     findBackstores,
}

// ownKinds are the sorts of backstore that tcmud serves. Those but null are always shown.
var ownKinds = []*kind{&blockKind, &fileioKind, &pscsiKind, &ramdiskKind, &nullKind}

// backstores lists our own sorts of backstore, and those of others of which there is any.
func backstores(at *node) ([]*node, error) {
	objects, err := storageObjects(at.session)
	if err != nil {
		return nil, err
	}
	var list []*node
	seen := map[string]bool{}
	for _, k := range ownKinds {
		if k != &nullKind {
			seen[k.name] = true
			list = append(list, at.new(k, k.name, nil))
		}
	}
	for _, o := range ownPlaces(objects) {
		if !seen[o.sort] {
			seen[o.sort] = true
			list = append(list, at.new(kindOfSort(o.sort), o.sort, nil))
		}
	}
	return list, nil
}

// kindOfSort is the kind of a sort of backstore.
func kindOfSort(sort string) *kind {
	for _, k := range ownKinds {
		if k.name == sort {
			return k
		}
	}
	return &foreignKind
}

// findBackstores finds a sort of backstore. Ours are there even if there is no object of it: it can be created.
func findBackstores(at *node, name string) (*node, error) {
	if k := kindOfSort(name); k != &foreignKind {
		return at.new(k, name, nil), nil
	}
	objects, err := storageObjects(at.session)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.sort == name {
			return at.new(&foreignKind, name, nil), nil
		}
	}
	return nil, nil
}

// foreignKind is a sort of backstore that others make. It is shown and can be exported.
var foreignKind = kind{
	name:     "SORT",
	commands: []command{deleteObject},
	below:    []*kind{&objectKind},
	children: objectsOfSort,
	find:     findObject,
	status:   countObjects,
}

var objectKind = kind{
	name:     "NAME",
	commands: []command{reservationsCommand, aluaCommand},
	groups:   []group{sizeGroup, optionGroup},
	below:    []*kind{&nexusKind},
	children: nexuses,
	status:   objectStatus,
	details:  objectDetails,
}

// object is a storage object and where in the tree it belongs.
type object struct {
	lio.StorageObject
	// sort is a backend.Config's Kind for what tcmud serves, "user:HANDLER" for other TCMU devices, as targetcli
	// has it, "kernel:PLUGIN" for the kernel's own, with targetcli's names of them, and nexusSort for a device that stands
	// for an I_T nexus.
	sort   string
	ours   bool           // tcmud answers for it, were it to say that it cannot
	config backend.Config // of what tcmud serves
	nexus  lio.Nexus      // of nexusSort
}

// storageObjects lists all there are. One that vanishes meanwhile is left out.
func storageObjects(s *session) ([]object, error) {
	return once(s, "storage objects", func() ([]object, error) { return loadObjects(s) })
}

func loadObjects(s *session) ([]object, error) {
	root, err := s.tree()
	if err != nil {
		return nil, err
	}
	list, err := root.StorageObjects()
	if err != nil {
		return nil, err
	}
	var all []object
	for _, so := range list {
		o, err := classify(so)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

var targetcliNames = map[string]string{"rd_mcp": "ramdisk", "iblock": "block"}

func classify(so lio.StorageObject) (object, error) {
	if so.Plugin != "user" {
		name := so.Plugin
		if known, ok := targetcliNames[name]; ok {
			name = known
		}
		return object{StorageObject: so, sort: "kernel:" + name}, nil
	}
	text, err := so.Config()
	if err != nil {
		return object{}, err
	}
	if n, err := lio.ParseNexus(text); err == nil {
		return object{StorageObject: so, sort: nexusSort, ours: true, nexus: n}, nil
	}
	ours := strings.HasPrefix(text, backend.Prefix)
	if config, err := backend.ParseConfig(text); err == nil {
		return object{StorageObject: so, sort: config.Kind, ours: ours, config: config}, nil
	}
	handler, _, _ := strings.Cut(text, "/")
	if handler == "" {
		return object{StorageObject: so, sort: "user"}, nil // somebody is just making it
	}
	return object{StorageObject: so, sort: "user:" + handler, ours: ours}, nil
}

func objectsOfSort(at *node) ([]*node, error) {
	all, err := storageObjects(at.session)
	if err != nil {
		return nil, err
	}
	var list []*node
	for _, o := range ownPlaces(all) {
		if o.sort == at.name {
			list = append(list, at.new(&objectKind, o.Name, o))
		}
	}
	return list, nil
}

// findObject finds a storage object of a sort by its name: only those of that name are examined.
func findObject(at *node, name string) (*node, error) {
	root, err := at.session.tree()
	if err != nil {
		return nil, err
	}
	list, err := root.Named(name)
	if err != nil {
		return nil, err
	}
	for _, so := range list {
		o, err := classify(so)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case o.sort == at.name:
			return at.new(&objectKind, o.Name, o), nil
		}
	}
	return nil, nil
}

func countObjects(at *node) (status, error) {
	list, err := at.children()
	return status{summary: fmt.Sprintf("Storage Objects: %d", len(list))}, err
}

var deleteObject = command{
	name: "delete", help: "remove a backstore; a ramdisk's data is lost, a file stays",
	params: []param{{name: "name", help: "name of the backstore", is: child, required: true}},
	run: func(ctx context.Context, at *node, a args) (result, error) {
		n, err := at.child(a.text("name"))
		if err != nil {
			return result{}, fmt.Errorf("no storage object %s in %s: \"tcmuctl ls %[2]s\" shows what there is", a.text("name"), at.path())
		}
		o := n.object.(object)
		born, err := o.Incarnation()
		if err != nil {
			return result{}, err
		}
		if err := at.session.deleteNexuses(o); err != nil {
			return result{}, err
		}
		if err := o.Delete(); err != nil {
			return result{}, err
		}
		at.session.waitForgotten(ctx, born)
		return result{fmt.Sprintf("Deleted storage object %s.", o.Name), deleted{n.path()}}, nil
	},
}

// deleted is what programs are told of a deletion.
type deleted struct {
	Path string `json:"deleted"`
}
