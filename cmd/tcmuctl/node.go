package main

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// kind is what all nodes of one sort have in common.
type kind struct {
	name     string // of such nodes, in help: "ramdisk", or in capitals what stands for many names: "WWN"
	commands []command
	groups   []group // what get and set know
	below    []*kind // kinds of the nodes below

	// children lists the nodes below one; nil: there are none.
	children func(at *node) ([]*node, error)
	// find finds the node of a name below one without listing all, and is nil when there is none; where it is not set,
	// they are listed.
	find func(at *node, name string) (*node, error)
	// status tells how a node is; nil: nothing to tell.
	status func(at *node) (status, error)
	// details are properties that only info tells, for they cost more than a glance; nil: there are none.
	details func(at *node) (map[string]any, error)
}

// status is how a node is: for the brackets in the tree, and for programs.
type status struct {
	summary    string
	properties map[string]any
}

// all lists the commands of nodes of kind k.
func (k *kind) all() []command { return append(slices.Clone(k.commands), everywhere()...) }

// command finds a command of nodes of kind k.
func (k *kind) command(name string) (*command, error) {
	for _, c := range k.all() {
		if c.name == name {
			return &c, nil
		}
	}
	return nil, fmt.Errorf("no command %q: %s", name, strings.Join(k.names(), ", "))
}

// names lists the names of those commands.
func (k *kind) names() []string {
	var names []string
	for _, c := range k.all() {
		names = append(names, c.name)
	}
	return names
}

// node is a place in the tree. It lives as long as a command: the next one looks again.
type node struct {
	session *session
	kind    *kind
	parent  *node // nil: the top
	name    string
	object  any // what it stands for: a lio value, where there is one
}

// new returns a node below n.
func (n *node) new(k *kind, name string, object any) *node {
	return &node{n.session, k, n, name, object}
}

func (n *node) path() string {
	if n.parent == nil {
		return "/"
	}
	return strings.TrimSuffix(n.parent.path(), "/") + "/" + n.name
}

// children lists the nodes below n in the order they are shown in.
func (n *node) children() ([]*node, error) {
	if n.kind.children == nil {
		return nil, nil
	}
	list, err := n.kind.children(n)
	sort.Slice(list, func(i, j int) bool { return before(list[i].name, list[j].name) })
	return list, err
}

// before orders names, and numbers at their end by value: lun2 before lun10.
func before(a, b string) bool {
	stemA, stemB := strings.TrimRight(a, digits), strings.TrimRight(b, digits)
	if stemA != stemB {
		return stemA < stemB
	}
	na, _ := strconv.Atoi(a[len(stemA):])
	nb, _ := strconv.Atoi(b[len(stemB):])
	return na < nb || na == nb && a < b
}

const digits = "0123456789"

func (n *node) status() (status, error) {
	if n.kind.status == nil {
		return status{summary: "..."}, nil
	}
	return n.kind.status(n)
}

// lookup finds the node at a path, relative to n unless it begins with a slash.
func (n *node) lookup(path string) (*node, error) {
	at := n
	if strings.HasPrefix(path, "/") {
		at = n.session.top
	}
	for _, name := range strings.Split(path, "/") {
		var err error
		switch {
		case name == "" || name == ".":
		case name == ".." && at.parent != nil:
			at = at.parent
		case name == "..":
		default:
			at, err = at.child(name)
		}
		if err != nil {
			return nil, err
		}
	}
	return at, nil
}

// child finds the node below n of that name. The error is a *missingError when there is none.
func (n *node) child(name string) (*node, error) {
	if n.kind.find != nil {
		c, err := n.kind.find(n, name)
		if c == nil && err == nil {
			err = &missingError{n, name}
		}
		return c, err
	}
	list, err := n.children()
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if c.name == name {
			return c, nil
		}
	}
	return nil, &missingError{n, name}
}

// missingError says that there is no node of that name.
type missingError struct {
	above *node
	name  string
}

func (e *missingError) Error() string {
	return fmt.Sprintf("no such path: %s: \"tcmuctl ls %s\" shows what there is", e.above.new(nil, e.name, nil).path(), e.above.path())
}
