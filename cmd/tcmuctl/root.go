package main

// rootKind is the top of the tree, with the commands that are about all of it.
var rootKind = kind{
	name:     "/",
	commands: []command{saveCommand, restoreCommand, clearCommand, completionCommand, doctorCommand, statusCommand, topCommand, logLevelCommand},
	below:    append([]*kind{&backstoresKind}, fabricKinds...),
	children: func(at *node) ([]*node, error) {
		var list []*node
		for _, k := range at.kind.below {
			list = append(list, at.new(k, k.name, nil))
		}
		return list, nil
	},
}
