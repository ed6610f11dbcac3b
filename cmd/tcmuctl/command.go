package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// command is one thing that can be said to nodes of a kind.
type command struct {
	name   string
	help   string // one line
	params []param
	run    func(ctx context.Context, at *node, a args) (result, error)
}

// param is one parameter of a command. Those that are not keywords can be given by position, in the order of the table,
// or as name=value.
type param struct {
	name     string
	help     string
	is       value
	required bool
	keyword  bool
	// many takes all words that are left, and each name=value that names no parameter, as a list.
	many bool
}

// args are the values of a command's parameters by name, as the parser of their type gave them.
type args map[string]any

func (a args) text(name string) string { s, _ := a[name].(string); return s }
func (a args) size(name string) int64  { n, _ := a[name].(int64); return n }
func (a args) list(name string) []any  { l, _ := a[name].([]any); return l }

// number is the value of a parameter that is a number, or otherwise when it was not given.
func (a args) number(name string, otherwise int) int {
	if n, ok := a[name].(int); ok {
		return n
	}
	return otherwise
}

// boolean is the value of a parameter that is a boolean, or otherwise when it was not given.
func (a args) boolean(name string, otherwise bool) bool {
	if b, ok := a[name].(bool); ok {
		return b
	}
	return otherwise
}

var keyValue = regexp.MustCompile(`^([A-Za-z0-9_-]+)=(.*)$`)

// bind gives words to the parameters of c.
func (c *command) bind(words []string) (args, error) {
	a := args{}
	next := 0
	for _, word := range words {
		p, text, err := c.parameter(word, &next)
		if err != nil {
			return nil, c.usageError(err)
		}
		if _, twice := a[p.name]; twice && !p.many {
			return nil, c.usageError(fmt.Errorf("%s is given twice", p.name))
		}
		v, err := p.is.parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", c.name, p.name, err)
		}
		if p.many {
			v = append(a.list(p.name), v)
		}
		a[p.name] = v
	}
	for _, p := range c.params {
		if _, given := a[p.name]; p.required && !given {
			return nil, c.usageError(fmt.Errorf("%s is missing", p.name))
		}
	}
	return a, nil
}

// parameter finds the parameter that word is for, by its name, or else the next one by position. What shells are used to,
// --name and --name=VALUE, is name=true and name=VALUE.
func (c *command) parameter(word string, next *int) (*param, string, error) {
	if option, ok := strings.CutPrefix(word, "--"); ok {
		word = option
		if !strings.Contains(option, "=") {
			word += "=true"
		}
	}
	if m := keyValue.FindStringSubmatch(word); m != nil {
		for i := range c.params {
			if c.params[i].name == m[1] {
				return &c.params[i], m[2], nil
			}
		}
		if last := c.last(); last != nil && last.many {
			return last, word, nil
		}
		return nil, "", fmt.Errorf("there is no parameter %s", m[1])
	}
	for ; *next < len(c.params); *next++ {
		p := &c.params[*next]
		if p.keyword {
			continue
		}
		if !p.many {
			*next++
		}
		return p, word, nil
	}
	return nil, "", fmt.Errorf("%q is one argument too many", word)
}

// last is the last parameter, the only one that can take many words; nil: there is none.
func (c *command) last() *param {
	if len(c.params) == 0 {
		return nil
	}
	return &c.params[len(c.params)-1]
}

func (c *command) usageError(err error) error {
	return fmt.Errorf("%s: %w: %s", c.name, err, c.usage())
}

// usage is the command with its parameters: "create NAME SIZE [wwn=TEXT]".
func (c *command) usage() string {
	words := []string{c.name}
	for _, p := range c.params {
		word := strings.ToUpper(p.name)
		if p.keyword {
			word = p.name + "=" + p.is.name
		}
		if p.many {
			word += "..."
		}
		if !p.required {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
