package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

var (
	iscsiTargetKind = targetKind(&iscsiTPGKind)
	vhostTargetKind = targetKind(&vhostTPGKind)
)

// targetKind is a target with TPGs of kind tpg.
func targetKind(tpg *kind) kind {
	return kind{
		name: "WWN",
		commands: []command{
			{
				name: "create", help: "make a target portal group (TPG)",
				params: []param{{name: "tag", help: "its number; the lowest free one if left out", is: tpgTag}},
				run:    createTPG,
			},
			{
				name: "delete", help: "remove a TPG with its LUNs; the backstores stay",
				params: []param{{name: "tag", help: "its number", is: tpgTag, required: true}},
				run:    deleteTPG,
			},
		},
		groups: []group{parameterGroup},
		below:  []*kind{tpg},
		children: func(at *node) ([]*node, error) {
			tpgs, err := at.object.(lio.Target).TPGs()
			return at.tpgs(tpg, tpgs), err
		},
		status: func(at *node) (status, error) {
			tpgs, err := at.object.(lio.Target).TPGs()
			return status{summary: fmt.Sprintf("TPGs: %d", len(tpgs))}, err
		},
	}
}

// loopbackTargetKind is a target that has one TPG: targetcli leaves it out of the tree, and so do we.
var loopbackTargetKind = kind{
	name:     "WWN",
	below:    []*kind{&lunsKind},
	children: loopbackChildren,
	status:   loopbackStatus,
}

// loopbackChildren shows TPGs where somebody has given a target several of them all the same.
func loopbackChildren(at *node) ([]*node, error) {
	tpgs, err := at.object.(lio.Target).TPGs()
	if len(tpgs) == 1 {
		return []*node{at.new(&lunsKind, "luns", tpgs[0])}, err
	}
	return at.tpgs(&loopbackTPGKind, tpgs), err
}

func loopbackStatus(at *node) (status, error) {
	tpgs, err := at.object.(lio.Target).TPGs()
	if len(tpgs) == 1 {
		return nexusStatus(tpgs[0])
	}
	return status{summary: fmt.Sprintf("TPGs: %d", len(tpgs))}, err
}

func (n *node) tpgs(k *kind, tpgs []lio.TPG) []*node {
	var list []*node
	for _, tpg := range tpgs {
		list = append(list, n.new(k, tpgName(tpg.Tag), tpg))
	}
	return list
}

func tpgName(tag int) string { return "tpg" + strconv.Itoa(tag) }

var tpgTag = value{"N", parseTag, func(at *node, _ args, _ string) []string {
	list := suggestChildren(at, nil, "")
	for i, name := range list {
		list[i] = strings.TrimPrefix(name, "tpg")
	}
	return list
}}

// maxTag is the highest number that a TPG can have on any fabric: it has 16 bits (SPC-4 7.8.6.9).
const maxTag = 65535

func parseTag(s string) (any, error) {
	tag, err := parseNumber(strings.TrimPrefix(strings.ToLower(s), "tpg"))
	if err == nil && (tag < 1 || tag > maxTag) {
		err = fmt.Errorf("%d cannot be the tag of a TPG: use a number from 1 to %d", tag, maxTag)
	}
	return tag, err
}

func createTPG(_ context.Context, at *node, a args) (result, error) {
	t := at.object.(lio.Target)
	tpgs, err := t.TPGs()
	if err != nil {
		return result{}, err
	}
	taken := func(tag int) bool {
		return slices.ContainsFunc(tpgs, func(p lio.TPG) bool { return p.Tag == tag })
	}
	tag := a.number("tag", 0)
	if tag == 0 {
		for tag = 1; taken(tag); tag++ {
		}
	}
	if taken(tag) {
		return result{}, fmt.Errorf("%s/%s exists: choose another tag, or none to get a free one", at.path(), tpgName(tag))
	}
	tpg, words, err := openTPG(t, tag)
	if err != nil {
		return result{}, err
	}
	return created(at.new(at.kind.below[0], tpgName(tag), tpg), strings.Join(words, "\n"))
}

func deleteTPG(ctx context.Context, at *node, a args) (result, error) {
	tag := a.number("tag", 0)
	n, err := at.child(tpgName(tag))
	if err != nil {
		return result{}, fmt.Errorf("no TPG %d in %s: \"tcmuctl ls %[2]s\" shows what there is", tag, at.path())
	}
	if err := at.session.deleteTPG(ctx, n.object.(lio.TPG)); err != nil {
		return result{}, err
	}
	return result{fmt.Sprintf("Deleted TPGT %d.", tag), deleted{n.path()}}, nil
}
