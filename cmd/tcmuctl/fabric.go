package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// fabricKinds are the fabrics that targets can be made of.
var fabricKinds = []*kind{&iscsiKind, &loopbackKind, &vhostKind}

var iscsiKind = kind{
	name: "iscsi",
	commands: []command{
		createTargetCommand("make a target for initiators on the network, with a TPG", "its iSCSI name, iqn.YYYY-MM.DOMAIN:NAME; random if left out"),
		deleteTargetCommand,
	},
	groups:   []group{discoveryGroup},
	below:    []*kind{&iscsiTargetKind},
	children: targets,
	status:   iscsiStatus,
}

var loopbackKind = kind{
	name: "loopback",
	commands: []command{
		createTargetCommand("make a target whose LUNs become disks of this host", naaHelp),
		deleteTargetCommand,
	},
	below:    []*kind{&loopbackTargetKind},
	children: targets,
	status:   fabricStatus,
}

var vhostKind = kind{
	name: "vhost",
	commands: []command{
		createTargetCommand("make a target for a virtual machine, with a TPG", naaHelp),
		deleteTargetCommand,
	},
	below:    []*kind{&vhostTargetKind},
	children: targets,
	status:   fabricStatus,
}

const naaHelp = "its name, naa. and 16 hexadecimal digits; random if left out"

func createTargetCommand(help, wwn string) command {
	return command{name: "create", help: help, params: []param{{name: "wwn", help: wwn, is: text}}, run: createTarget}
}

var deleteTargetCommand = command{
	name: "delete", help: "remove a target with its LUNs; initiators lose their disks, the backstores stay",
	params: []param{{name: "wwn", help: "name of the target", is: child, required: true}},
	run:    deleteTarget,
}

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
		list = append(list, at.new(at.kind.below[0], t.WWN, t))
	}
	return list, err
}

func fabricStatus(at *node) (status, error) {
	list, err := at.children()
	return status{summary: fmt.Sprintf("Targets: %d", len(list))}, err
}

// iscsiStatus also tells what discovery asks of initiators.
func iscsiStatus(at *node) (status, error) {
	st, err := fabricStatus(at)
	if err != nil {
		return st, err
	}
	fabric, err := at.fabric()
	if err != nil {
		return st, err
	}
	d, err := fabric.Discovery()
	st.properties = map[string]any{"discovery_auth": d.Enforced}
	if d.Enforced {
		st.summary = chapWord(d.Auth) + " disc auth, " + st.summary
	}
	return st, err
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
	_, words, err := openTPG(t, 1)
	if err != nil {
		return result{}, errors.Join(err, t.Delete())
	}
	if fabric.Has(lio.OneTPG) {
		words = nil // nobody is told of it
	}
	words = append([]string{"Created target " + t.WWN + "."}, words...)
	return created(at.new(at.kind.below[0], t.WWN, t), strings.Join(words, "\n"))
}

func deleteTarget(ctx context.Context, at *node, a args) (result, error) {
	n, err := at.child(a.text("wwn"))
	if err != nil {
		return result{}, fmt.Errorf("no target %s in %s: \"tcmuctl ls %[2]s\" shows what there is", a.text("wwn"), at.path())
	}
	t := n.object.(lio.Target)
	tpgs, err := t.TPGs()
	if err != nil {
		return result{}, err
	}
	for _, tpg := range tpgs {
		if err := at.session.deleteTPG(ctx, tpg); err != nil {
			return result{}, err
		}
	}
	if err := t.Delete(); err != nil {
		return result{}, err
	}
	return result{"Deleted Target " + n.name + ".", deleted{n.path()}}, nil
}
