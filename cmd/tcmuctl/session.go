package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// session is what commands work with. One command runs at a time.
type session struct {
	open    func() (lio.Root, error)
	opened  *lio.Root
	host    lio.Root // where to look without opening: the running system, but in tests
	daemon  control.Client
	top     *node     // "/"
	width   int       // columns that a tree fills
	colours bool      // a tree may have colours
	watched io.Writer // the terminal that progress is shown on; nil: there is none
	console *console  // for commands that do not wait with what they say until they end

	here    string // path that lines are said to unless they begin with one
	before  string // where one was before
	leaving bool   // exit was said
	// atExit are run, in their order, when a shell on a terminal is left.
	atExit []func(context.Context, *console) error

	known map[string]any // see once; nil: nothing is kept
}

func newSession(open func() (lio.Root, error), daemon control.Client) *session {
	s := &session{open: open, daemon: daemon, width: defaultWidth, here: "/", before: "/"}
	s.top = &node{session: s, kind: &rootKind}
	return s
}

// tree is the kernel's configuration. Commands that do not look at it work where there is none.
func (s *session) tree() (lio.Root, error) {
	if s.opened == nil {
		root, err := s.open()
		if err != nil {
			return lio.Root{}, err
		}
		s.opened = &root
	}
	return *s.opened, nil
}

// once is what load returns. While a tree is looked at, it is loaded only the first time: so what many nodes need, as
// the list of all storage objects, is read once and not for each. name tells one such thing from another.
func once[T any](s *session, name string, load func() (T, error)) (T, error) {
	if v, ok := s.known[name]; ok {
		return v.(T), nil
	}
	v, err := load()
	if err == nil && s.known != nil {
		s.known[name] = v
	}
	return v, err
}

// keeping runs look with what once loads kept until it ends.
func (s *session) keeping(look func()) {
	if s.known == nil {
		s.known = map[string]any{}
		defer func() { s.known = nil }()
	}
	look()
}

// execute runs a command line that has been cut into words: a path, if the first word looks like one, a command, and its
// arguments. A path alone goes there; one whose last part is * stands for all nodes below, of which the command is said
// to one after the other.
func (s *session) execute(ctx context.Context, words []string) (result, error) {
	at, err := s.top.lookup(s.here)
	if missing := (*missingError)(nil); errors.As(err, &missing) {
		return result{}, fmt.Errorf("%s, where this was said, has gone: nothing is done: say it again with a path", s.here)
	}
	if err != nil {
		return result{}, err
	}
	return at.execute(ctx, words)
}

func (n *node) execute(ctx context.Context, words []string) (result, error) {
	if !isPath(words[0]) {
		return n.say(ctx, words)
	}
	target, rest := words[0], words[1:]
	if path.Base(target) == "*" {
		if len(rest) == 0 {
			rest = []string{"ls"}
		}
		return n.sayToAll(ctx, strings.TrimSuffix(target, "*"), rest)
	}
	if len(rest) == 0 {
		rest = []string{"cd", "."}
	}
	at, err := n.lookup(target)
	if err != nil {
		return result{}, err
	}
	return at.say(ctx, rest)
}

// say runs a command of n.
func (n *node) say(ctx context.Context, words []string) (result, error) {
	cmd, err := n.kind.command(words[0])
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", n.path(), err)
	}
	a, err := cmd.bind(words[1:])
	if err != nil {
		return result{}, err
	}
	return cmd.run(ctx, n, a)
}

// sayToAll runs a command of each node below the one at a path.
func (n *node) sayToAll(ctx context.Context, path string, words []string) (result, error) {
	at, err := n.lookup(path)
	if err != nil {
		return result{}, err
	}
	children, err := at.children()
	if err != nil {
		return result{}, err
	}
	var text []string
	data := map[string]any{}
	for i, c := range children {
		r, err := c.say(ctx, words)
		if err != nil {
			return result{}, fmt.Errorf("%w (%d of %d were done before)", err, i, len(children))
		}
		text = append(text, strings.TrimSpace("["+c.path()+"]\n"+r.text))
		data[c.path()] = r.data
	}
	return result{strings.Join(text, "\n"), data}, nil
}

// isPath tells a path from a command, as targetcli does.
func isPath(word string) bool {
	return strings.Contains(word, "/") || word == "." || word == ".." || word == "*"
}
