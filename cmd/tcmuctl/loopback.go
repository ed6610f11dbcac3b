package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/tcmud/tcmud/lio"
)

var loopbackKind = kind{
	name: "loopback",
	commands: []command{
		{
			name: "create", help: "make a target whose LUNs become disks of this host",
			params: []param{{name: "wwn", help: "its name, naa. and 16 hexadecimal digits; random if left out", is: text}},
			run:    createTarget,
		},
		{
			name: "delete", help: "remove a target and its LUNs; their disks vanish, the backstores stay",
			params: []param{{name: "wwn", help: "name of the target", is: child, required: true}},
			run:    deleteTarget,
		},
	},
	below:    []*kind{&targetKind},
	children: targets,
	status: func(at *node) (status, error) {
		list, err := at.children()
		return status{summary: fmt.Sprintf("Targets: %d", len(list))}, err
	},
}

// targetKind is a target of a fabric that has one TPG for each: targetcli leaves it out of the tree, and so do we.
var targetKind = kind{
	name:     "WWN",
	below:    []*kind{&lunsKind},
	children: targetChildren,
	status:   targetStatus,
}

// tpgKind is for targets to which somebody has given several TPGs all the same.
var tpgKind = kind{
	name:  "tpgN",
	below: []*kind{&lunsKind},
	children: func(at *node) ([]*node, error) {
		return []*node{at.new(&lunsKind, "luns", at.object)}, nil
	},
	status: func(at *node) (status, error) { return nexusStatus(at.object.(lio.TPG)) },
}

var lunsKind = kind{
	name: "luns",
	commands: []command{
		{
			name: "create", help: "make a LUN of a backstore: on loopback, a disk",
			params: []param{
				{name: "storage_object", help: "path of a backstore: /backstores/ramdisk/NAME", is: objectPath, required: true},
				{name: "lun", help: "its number; the lowest free one if left out", is: lunNumber},
			},
			run: createLUN,
		},
		{
			name: "delete", help: "remove a LUN; its disk vanishes, the backstore stays",
			params: []param{{name: "lun", help: "its number", is: lunNumber, required: true}},
			run:    deleteLUN,
		},
	},
	below:    []*kind{&lunKind},
	children: luns,
	status: func(at *node) (status, error) {
		list, err := at.children()
		return status{summary: fmt.Sprintf("LUNs: %d", len(list))}, err
	},
}

var lunKind = kind{name: "lunN", status: lunStatus}

func (n *node) fabric() (lio.Fabric, error) {
	root, err := n.session.tree()
	if err != nil {
		return lio.Fabric{}, err
	}
	return root.Fabric(n.name)
}

func targets(at *node) ([]*node, error) {
	fabric, err := at.fabric()
	if err != nil {
		return nil, err
	}
	all, err := fabric.Targets()
	var list []*node
	for _, t := range all {
		list = append(list, at.new(&targetKind, t.WWN, t))
	}
	return list, err
}

func targetChildren(at *node) ([]*node, error) {
	tpgs, err := at.object.(lio.Target).TPGs()
	if err != nil {
		return nil, err
	}
	if len(tpgs) == 1 {
		return []*node{at.new(&lunsKind, "luns", tpgs[0])}, nil
	}
	var list []*node
	for _, tpg := range tpgs {
		list = append(list, at.new(&tpgKind, "tpg"+strconv.Itoa(tpg.Tag), tpg))
	}
	return list, nil
}

func targetStatus(at *node) (status, error) {
	tpgs, err := at.object.(lio.Target).TPGs()
	if err != nil {
		return status{}, err
	}
	if len(tpgs) == 1 {
		return nexusStatus(tpgs[0])
	}
	return status{summary: fmt.Sprintf("TPGs: %d", len(tpgs))}, nil
}

func nexusStatus(tpg lio.TPG) (status, error) {
	nexus, err := tpg.Nexus()
	if nexus == "" {
		return status{summary: "no nexus"}, err
	}
	return status{nexus, map[string]any{"nexus": nexus}}, err
}

func luns(at *node) ([]*node, error) {
	all, err := at.object.(lio.TPG).LUNs()
	var list []*node
	for _, l := range all {
		list = append(list, at.new(&lunKind, "lun"+strconv.Itoa(l.Number), l))
	}
	return list, err
}

func lunStatus(at *node) (status, error) {
	l := at.object.(lio.LUN)
	so, err := l.StorageObject()
	if errors.Is(err, fs.ErrNotExist) && l.Exists() {
		return status{summary: "no storage object"}, nil
	}
	if err != nil {
		return status{}, err
	}
	o, err := classify(so)
	if err != nil {
		return status{}, err
	}
	path := o.sort + "/" + o.Name
	st := status{path, map[string]any{"lun": l.Number, "storage_object": "/backstores/" + path}}
	disk, err := l.Disk()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	if disk.Block != "" {
		st.summary += " (/dev/" + disk.Block + ")"
		st.properties["disk"] = "/dev/" + disk.Block
	}
	if disk.Generic != "" {
		st.properties["generic"] = "/dev/" + disk.Generic
	}
	return st, nil
}

func createTarget(_ context.Context, at *node, a args) (result, error) {
	fabric, err := at.fabric()
	if err != nil {
		return result{}, err
	}
	t, err := fabric.CreateTarget(a.text("wwn"))
	if err != nil {
		return result{}, err
	}
	if _, err := t.CreateTPG(1); err != nil {
		return result{}, errors.Join(err, t.Delete())
	}
	return created(at.new(&targetKind, t.WWN, t), "Created target "+t.WWN+".")
}

func deleteTarget(ctx context.Context, at *node, a args) (result, error) {
	n, err := at.child(a.text("wwn"))
	if err != nil {
		return result{}, fmt.Errorf("no target %s in %s: \"tcmuctl ls %[2]s\" shows what there is", a.text("wwn"), at.path())
	}
	t := n.object.(lio.Target)
	all, err := t.LUNs()
	if err != nil {
		return result{}, err
	}
	for _, l := range all {
		if err := at.session.deleteLUN(ctx, l); err != nil {
			return result{}, err
		}
	}
	if err := t.Delete(); err != nil {
		return result{}, err
	}
	return result{"Deleted Target " + n.name + ".", deleted{n.path()}}, nil
}

// diskTime is how long the host may take to make a disk of a LUN: sd reads its capacity and pages first.
const diskTime = 10 * time.Second

func createLUN(ctx context.Context, at *node, a args) (result, error) {
	from, err := at.lookup(a.text("storage_object"))
	if err != nil {
		return result{}, err
	}
	o, ok := from.object.(object)
	if !ok {
		return result{}, fmt.Errorf("%s is no storage object: name one as /backstores/ramdisk/NAME", from.path())
	}
	if o.ours {
		// The kernel asks the device who it is: without a daemon to answer, that hangs.
		if err := at.session.waitServed(ctx, o.StorageObject); err != nil {
			return result{}, err
		}
	}
	l, err := at.object.(lio.TPG).CreateLUN(o.StorageObject, a.number("lun", lio.AnyLUN))
	if err != nil {
		return result{}, err
	}
	wait, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	if _, err := l.WaitDisk(wait); err != nil {
		err = fmt.Errorf("LUN %d has not become a disk within %v, see dmesg (%w): it is removed again", l.Number, diskTime, err)
		return result{}, errors.Join(err, at.session.deleteLUN(ctx, l))
	}
	return created(at.new(&lunKind, "lun"+strconv.Itoa(l.Number), l), fmt.Sprintf("Created LUN %d.", l.Number))
}

func deleteLUN(ctx context.Context, at *node, a args) (result, error) {
	number := a.number("lun", 0)
	l := at.object.(lio.TPG).LUN(number)
	if !l.Exists() {
		return result{}, fmt.Errorf("no LUN %d in %s: \"tcmuctl ls %[2]s\" shows what there is", number, at.path())
	}
	if err := at.session.deleteLUN(ctx, l); err != nil {
		return result{}, err
	}
	return result{fmt.Sprintf("Deleted LUN %d.", number), deleted{fmt.Sprintf("%s/lun%d", at.path(), number)}}, nil
}
