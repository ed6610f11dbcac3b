package main

// rootKind is the top of the tree, with the commands that are about all of it.
var rootKind = kind{
	name:     "/",
	commands: []command{completionCommand, statusCommand, topCommand, logLevelCommand},
	below:    []*kind{&backstoresKind, &loopbackKind},
	children: func(at *node) ([]*node, error) {
		return []*node{at.new(&backstoresKind, "backstores", nil), at.new(&loopbackKind, "loopback", nil)}, nil
	},
}
