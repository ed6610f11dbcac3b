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
	below:    []*kind{&fileioKind, &ramdiskKind},
	children: backstores,
}

// backstores lists our own sorts of backstore, and those of others of which there is any.
func backstores(at *node) ([]*node, error) {
	objects, err := storageObjects(at.session)
	if err != nil {
		return nil, err
	}
	list := []*node{at.new(&fileioKind, "fileio", nil), at.new(&ramdiskKind, "ramdisk", nil)}
	seen := map[string]bool{"fileio": true, "ramdisk": true}
	for _, o := range objects {
		if !seen[o.sort] {
			seen[o.sort] = true
			list = append(list, at.new(&foreignKind, o.sort, nil))
		}
	}
	return list, nil
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

var objectKind = kind{name: "NAME", status: objectStatus}

// object is a storage object and where in the tree it belongs.
type object struct {
	lio.StorageObject
	// sort is "ramdisk", "fileio" or "null" for what tcmud serves, "user:HANDLER" for other TCMU devices, as targetcli
	// has it, and "kernel:PLUGIN" for the kernel's own, with targetcli's names of them.
	sort   string
	ours   bool           // tcmud answers for it, were it to say that it cannot
	config backend.Config // of what tcmud serves
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
	ours := strings.HasPrefix(text, backend.Prefix)
	if config, err := backend.ParseConfig(text); err == nil {
		return object{so, config.Kind, ours, config}, nil
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
	for _, o := range all {
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
	list, err := root.StorageObjects()
	if err != nil {
		return nil, err
	}
	for _, so := range list {
		if so.Name != name {
			continue
		}
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

func objectStatus(at *node) (status, error) {
	o := at.object.(object)
	activated, err := o.Activated()
	if err != nil {
		return status{}, err
	}
	state := "deactivated"
	if activated {
		state = "activated"
	}
	st := status{properties: map[string]any{"activated": activated, "plugin": o.Plugin, "hba": o.HBA}}
	if o.Plugin != "user" {
		behind, err := o.UdevPath()
		st.summary = strings.TrimSpace(behind + " " + state)
		return st, err
	}
	return userStatus(o, state, st)
}

// userStatus adds what there is to say of a TCMU device.
func userStatus(o object, state string, st status) (status, error) {
	size, err := o.Size()
	if err != nil {
		return st, err
	}
	config, err := o.Config()
	if err != nil {
		return st, err
	}
	id, err := o.Identity()
	if err != nil {
		return st, err
	}
	cache, err := o.Attribute("emulate_write_cache")
	if err != nil {
		return st, err
	}
	words := []string{"(" + humanSize(size) + ")", state}
	switch o.sort {
	case "ramdisk", "null":
	case "fileio":
		mode := map[bool]string{true: "write-back", false: "write-thru"}[cache == "1"]
		words = []string{o.config.Path, words[0], mode, state}
	default:
		_, rest, _ := strings.Cut(config, "/")
		words = append([]string{rest}, words...)
	}
	st.summary = strings.TrimSpace(strings.Join(words, " "))
	for name, v := range map[string]any{"size": size, "config": config, "write_back": cache == "1", "serial": id.Serial} {
		st.properties[name] = v
	}
	return st, nil
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
