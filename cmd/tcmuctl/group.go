package main

import "context"

// group is a set of named settings that nodes of a kind have: "attribute", "parameter", "auth". What is set without the
// name of a group, as in "set size=1G", is in the group whose name is empty.
type group struct {
	name string
	help string // one line
	// list tells the settings of a node as they are, in the order they are shown in.
	list func(at *node) ([]setting, error)
	// set changes one of them, which list has told to be writable; nil: none is.
	set func(ctx context.Context, at *node, name, value string) error
}

// setting is one of a group.
type setting struct {
	name     string
	value    string
	writable bool
	secret   bool // a password: shown only by the group's own get
}
