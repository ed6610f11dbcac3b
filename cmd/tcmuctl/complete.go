package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// complete lists what the last word of a line that is being typed could become, sorted. What is finished ends with a
// blank. words has at least one word, the last of them as far as it has been typed. What cannot be found out is left
// out: whoever presses the tab key asks for help, not for errors.
func (s *session) complete(words []string) []string {
	at, err := s.top.lookup(s.here)
	if err != nil {
		return nil
	}
	begun := words[len(words)-1]
	var list []string
	s.keeping(func() { list = at.suggest(words) })
	list = slices.DeleteFunc(list, func(c string) bool { return !strings.HasPrefix(c, begun) })
	for i, c := range list {
		if !strings.HasSuffix(c, "/") && !strings.HasSuffix(c, "=") {
			list[i] = c + " "
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// suggest lists what could stand in the place of the last of words.
func (n *node) suggest(words []string) []string {
	if len(words) == 1 {
		return append(n.kind.names(), suggestPaths(n, nil, words[0])...)
	}
	at := n
	if isPath(words[0]) {
		var err error
		if at, err = n.lookup(words[0]); err != nil {
			return nil
		}
		words = words[1:]
	}
	if len(words) == 1 {
		return at.kind.names()
	}
	c, err := at.kind.command(words[0])
	if err != nil {
		return nil
	}
	return c.suggest(at, words[1:])
}

// suggest lists what could stand in the place of the last of the words behind c: a value of the parameter whose turn it
// is, or the name of one that has not been given.
func (c *command) suggest(at *node, words []string) []string {
	begun := words[len(words)-1]
	given := args{}
	next := 0
	for _, word := range words[:len(words)-1] {
		p, text, err := c.parameter(word, &next)
		if err != nil {
			return nil
		}
		v, _ := p.is.parse(text) // what is wrong with it is told when the line is complete
		if p.many {
			v = append(given.list(p.name), v)
		}
		given[p.name] = v
	}
	var list []string
	for _, p := range c.params {
		if _, done := given[p.name]; !done && !p.many && !strings.HasPrefix(begun, p.name+"=") {
			list = append(list, p.name+"=")
		}
	}
	p, text, err := c.parameter(begun, &next)
	if err != nil || p.is.suggest == nil {
		return list
	}
	name := strings.TrimSuffix(begun, text)
	for _, v := range p.is.suggest(at, given, text) {
		list = append(list, name+v)
	}
	return list
}

// values suggests always the same.
func values(v ...string) func(*node, args, string) []string {
	return func(*node, args, string) []string { return slices.Clone(v) }
}

// suggestPaths lists the nodes below the path that has been begun.
func suggestPaths(at *node, _ args, begun string) []string {
	above, _ := filepath.Split(begun)
	n, err := at.lookup(above)
	if err != nil {
		return nil
	}
	children, err := n.children()
	if err != nil {
		return nil
	}
	var list []string
	if begun == "" {
		list = append(list, "/")
	}
	for _, c := range children {
		path := above + c.name
		if c.inner() || above == "" {
			path += "/"
		}
		list = append(list, path)
	}
	return list
}

// inner reports whether there is a node below n, or could be made one.
func (n *node) inner() bool {
	if n.kind.children == nil {
		return false
	}
	if slices.ContainsFunc(n.kind.commands, func(c command) bool { return c.name == "create" }) {
		return true
	}
	list, _ := n.children()
	return len(list) > 0
}

// suggestObjects lists all storage objects.
func suggestObjects(at *node, _ args, _ string) []string {
	objects, _ := storageObjects(at.session)
	var list []string
	for _, o := range ownPlaces(objects) {
		list = append(list, "/backstores/"+o.below())
	}
	return list
}

func suggestChildren(at *node, _ args, _ string) []string {
	children, _ := at.children()
	var list []string
	for _, c := range children {
		list = append(list, c.name)
	}
	return list
}

// suggestFiles lists the files in the directory that has been begun, hidden ones when a dot has been typed.
func suggestFiles(_ *node, _ args, begun string) []string {
	dir, name := filepath.Split(begun)
	entries, _ := os.ReadDir(filepath.Join(".", dir))
	if filepath.IsAbs(dir) {
		entries, _ = os.ReadDir(dir)
	}
	var list []string
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".") && name == "":
		case e.IsDir():
			list = append(list, dir+e.Name()+"/")
		default:
			list = append(list, dir+e.Name())
		}
	}
	return list
}

func suggestCommands(at *node, _ args, _ string) []string { return at.kind.names() }

// suggestGroups lists the groups, and the names in the group without a name.
func suggestGroups(at *node, _ args, _ string) []string {
	return append(groupNames(at), suggestSettings(at, args{}, "")...)
}

// suggestGroupsToChange is suggestGroups for set.
func suggestGroupsToChange(at *node, _ args, _ string) []string {
	return append(groupNames(at), suggestChanges(at, args{}, "")...)
}

func groupNames(at *node) []string {
	var list []string
	for _, g := range at.kind.groups {
		if g.name != "" {
			list = append(list, g.name)
		}
	}
	return list
}

// settingsGiven are the settings of the group that is among the parameters given.
func settingsGiven(at *node, given args) []setting {
	g, err := at.kind.group(given.text("group"))
	if err != nil {
		return nil
	}
	list, _ := g.list(at)
	return list
}

func suggestSettings(at *node, given args, _ string) []string {
	var list []string
	for _, s := range settingsGiven(at, given) {
		list = append(list, s.name)
	}
	return list
}

// suggestChanges lists the settings that can be changed, and behind the equals sign what one is now.
func suggestChanges(at *node, given args, begun string) []string {
	var list []string
	for _, s := range settingsGiven(at, given) {
		switch {
		case !s.writable:
		case strings.HasPrefix(begun, s.name+"=") && !s.secret:
			list = append(list, s.name+"="+s.value)
		default:
			list = append(list, s.name+"=")
		}
	}
	return list
}
