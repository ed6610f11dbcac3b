package main

import (
	"context"
	"fmt"
	"strings"
)

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

// topic is a command in help.
type topic struct {
	Path    string      `json:"path"` // where it can be said
	Command string      `json:"command"`
	Usage   string      `json:"usage"`
	Help    string      `json:"help"`
	Params  []paramHelp `json:"parameters,omitempty"`
}

type paramHelp struct {
	Name string `json:"name"`
	Help string `json:"help"`
}

func help(_ context.Context, at *node, a args) (result, error) {
	if name := a.text("topic"); name != "" {
		c, err := at.kind.command(name)
		if err != nil {
			return result{}, err
		}
		t := c.topic(at.path())
		return result{t.long(), t}, nil
	}
	topics := at.kind.topics(at.path())
	for _, c := range everywhere() {
		topics = append(topics, c.topic("anywhere"))
	}
	return result{overview(topics), topics}, nil
}

// topics are the commands of k, whose nodes are at path, and of the kinds below.
func (k *kind) topics(path string) []topic {
	var all []topic
	for i := range k.commands {
		all = append(all, k.commands[i].topic(path))
	}
	for _, b := range k.below {
		all = append(all, b.topics(strings.TrimSuffix(path, "/")+"/"+b.name)...)
	}
	return all
}

func (c *command) topic(path string) topic {
	t := topic{Path: path, Command: c.name, Usage: c.usage(), Help: c.help}
	for _, p := range c.params {
		t.Params = append(t.Params, paramHelp{p.name, p.help})
	}
	return t
}

func overview(topics []topic) string {
	var b strings.Builder
	fmt.Fprint(&b, "tcmuctl [--json] [PATH] COMMAND [ARGS]\n\nArguments are given by position or as name=value. \"tcmuctl PATH help COMMAND\" tells more.\n")
	path := ""
	for _, t := range topics {
		if t.Path != path {
			path = t.Path
			fmt.Fprintf(&b, "\n%s\n", path)
		}
		fmt.Fprintf(&b, "  %s\n        %s\n", t.Usage, t.Help)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t topic) long() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n%s\n", t.Path, t.Usage, t.Help)
	for _, p := range t.Params {
		fmt.Fprintf(&b, "  %-12s %s\n", p.Name, p.Help)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
