package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// topic is a command, or a group of settings, in help.
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
	topics := append(at.kind.topics(at.path()), topicsEverywhere()...)
	return result{overview(topics), topics}, nil
}

// topics are the commands and settings of k, whose nodes are at path, and of the kinds below.
func (k *kind) topics(path string) []topic {
	var all []topic
	for i := range k.commands {
		all = append(all, k.commands[i].topic(path))
	}
	for _, g := range k.groups {
		usage := strings.Join(strings.Fields("set "+g.name+" NAME=VALUE..."), " ")
		all = append(all, topic{Path: path, Command: "set", Usage: usage, Help: g.help})
	}
	for _, b := range k.below {
		all = append(all, b.topics(strings.TrimSuffix(path, "/")+"/"+b.name)...)
	}
	return all
}

func topicsEverywhere() []topic {
	var all []topic
	for _, c := range everywhere() {
		all = append(all, c.topic("anywhere"))
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

// section is what can be said at some places, which are of one kind.
type section struct {
	paths  []string
	topics []topic
}

// sections puts topics together by the places where they can be said.
func sections(topics []topic) []section {
	var all []section
	for len(topics) > 0 {
		path := topics[0].Path
		n := slices.IndexFunc(topics, func(t topic) bool { return t.Path != path })
		if n < 0 {
			n = len(topics)
		}
		here := topics[:n]
		topics = topics[n:]
		if i := slices.IndexFunc(all, func(s section) bool { return slices.EqualFunc(s.topics, here, sameTopic) }); i >= 0 {
			all[i].paths = append(all[i].paths, path)
			continue
		}
		all = append(all, section{[]string{path}, here})
	}
	return all
}

// sameTopic reports whether two topics differ at most in the place where they can be said.
func sameTopic(a, b topic) bool {
	return a.Usage == b.Usage && a.Help == b.Help && slices.Equal(a.Params, b.Params)
}

func overview(topics []topic) string {
	var b strings.Builder
	b.WriteString("[PATH] COMMAND [ARGS]\n\nArguments are given by position or as name=value. \"help COMMAND\", at its path, tells more.\n")
	for _, s := range sections(topics) {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(s.paths, "\n"))
		for _, t := range s.topics {
			fmt.Fprintf(&b, "  %s\n        %s\n", t.Usage, t.Help)
		}
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
