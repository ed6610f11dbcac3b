package main

import "context"

// everywhere are the commands that every node knows.
func everywhere() []command {
	commands := []command{
		{
			name: "cd", help: "go to another place in the tree",
			params: []param{{name: "path", help: "where to; - is where one was before; / if left out", is: nodePath}},
			run:    changePlace,
		},
		{name: "pwd", help: "show the path of this place", run: printPlace},
		{
			name: "ls", help: "show the tree",
			params: []param{
				{name: "path", help: "where to begin; here if left out", is: nodePath},
				{name: "depth", help: "how many levels to show below that; 0 is all of them", is: number},
			},
			run: list,
		},
		{
			name: "help", help: "show what can be said here and below, or all about one command",
			params: []param{{name: "topic", help: "a command", is: value{"COMMAND", parseText, suggestCommands}}},
			run:    help,
		},
		{name: "version", help: "print the version", run: printVersion},
		{name: "exit", help: "leave the shell", run: leave},
	}
	return append(append(commands, infoCommand), settingCommands()...)
}

func changePlace(_ context.Context, at *node, a args) (result, error) {
	s := at.session
	path := a.text("path")
	switch path {
	case "":
		path = "/"
	case "-", "<":
		path = s.before
	}
	to, err := at.lookup(path)
	if err != nil {
		return result{}, err
	}
	if to.path() != s.here {
		s.here, s.before = to.path(), s.here
	}
	return result{data: place{s.here}}, nil
}

// place is what programs are told of where one is.
type place struct {
	Path string `json:"path"`
}

func printPlace(_ context.Context, at *node, _ args) (result, error) {
	return result{at.path(), place{at.path()}}, nil
}

// leave ends the shell, or the lines of a pipe, after this command.
func leave(_ context.Context, at *node, _ args) (result, error) {
	at.session.leaving = true
	return result{}, nil
}

func list(_ context.Context, at *node, a args) (result, error) {
	at, err := at.lookup(a.text("path"))
	if err != nil {
		return result{}, err
	}
	depth := a.number("depth", 0)
	if depth == 0 {
		depth = -1
	}
	v, err := look(at, depth)
	if err != nil {
		return result{}, err
	}
	return result{v.render(at.session.width, at.session.colours), v}, nil
}

func printVersion(context.Context, *node, args) (result, error) {
	return result{"tcmuctl version " + version, map[string]string{"version": version}}, nil
}
