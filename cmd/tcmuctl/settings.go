package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// settingCommands work on the groups of a kind.
func settingCommands() []command {
	return []command{
		{
			name: "get", help: "show settings",
			params: []param{
				{name: "group", help: "a group of settings; all of them if left out", is: groupToGet},
				{name: "name", help: "settings to show; the whole group if left out", is: settingName, many: true},
			},
			run: get,
		},
		{
			name: "set", help: "change settings; all stay as they are when the name of one is wrong",
			params: []param{
				{name: "group", help: "the group they are in; left out where they are in none, as in \"set size=1G\"", is: groupToSet},
				{name: "name=value", help: "what to change; if left out, what there is to change is shown", is: assignment, many: true},
			},
			run: set,
		},
	}
}

// groupView is a group as it was when it was looked at.
type groupView struct {
	Group    string        `json:"group"`
	Settings []settingView `json:"settings"`
}

type settingView struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Writable bool   `json:"writable"`
}

func get(_ context.Context, at *node, a args) (result, error) {
	word, names := a.text("group"), a.list("name")
	if word == "" {
		return showGroups(at)
	}
	g, err := at.kind.group(word)
	if err != nil {
		nameless, none := at.kind.group("")
		if none != nil {
			return result{}, fmt.Errorf("%s: %w", at.path(), err)
		}
		g, names = nameless, append([]any{word}, names...)
	}
	v, err := g.view(at)
	if err != nil {
		return result{}, err
	}
	if len(names) == 0 {
		return result{v.table(), v}, nil
	}
	some := groupView{Group: v.Group}
	for _, name := range names {
		s, err := v.find(at, name.(string))
		if err != nil {
			return result{}, err
		}
		some.Settings = append(some.Settings, s)
	}
	return result{some.lines(), some}, nil
}

// showGroups shows all groups of a node. Passwords are not for everybody who looks around: they are shown as stars.
func showGroups(at *node) (result, error) {
	var tables []string
	views := []groupView{}
	for i := range at.kind.groups {
		g := &at.kind.groups[i]
		settings, err := g.list(at)
		if err != nil {
			return result{}, err
		}
		v := groupView{Group: g.name}
		for _, s := range settings {
			if s.secret && s.value != "" {
				s.value = "********"
			}
			v.Settings = append(v.Settings, settingView{s.name, s.value, s.writable})
		}
		views = append(views, v)
		tables = append(tables, v.table())
	}
	if len(views) == 0 {
		return result{}, fmt.Errorf("%s has no settings", at.path())
	}
	return result{strings.Join(tables, "\n"), views}, nil
}

// set changes settings. What is wrong with the names is found before anything is changed; what the kernel has against a
// value only then, and the error tells how far it came.
func set(ctx context.Context, at *node, a args) (result, error) {
	changes := a.list("name=value")
	if len(changes) == 0 {
		return get(ctx, at, args{"group": a["group"]})
	}
	g, err := at.kind.group(a.text("group"))
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", at.path(), err)
	}
	if err := g.check(at, changes); err != nil {
		return result{}, err
	}
	for i, c := range changes {
		c := c.(change)
		if err := g.set(ctx, at, c.name, c.value); err != nil {
			return result{}, fmt.Errorf("%s %s=%s: %w%s", at.path(), c.name, c.value, err, doneBefore(changes[:i]))
		}
	}
	now, err := g.view(at)
	if err != nil {
		return result{}, err
	}
	var lines []string
	done := groupView{Group: g.name}
	for _, c := range changes {
		s, err := now.find(at, c.(change).name)
		if err != nil {
			return result{}, err
		}
		done.Settings = append(done.Settings, s)
		lines = append(lines, fmt.Sprintf("Parameter %s is now '%s'.", s.Name, s.Value))
	}
	return result{strings.Join(lines, "\n"), done}, nil
}

// check finds what is wrong with changes before any is made.
func (g *group) check(at *node, changes []any) error {
	v, err := g.view(at)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range changes {
		name := c.(change).name
		s, err := v.find(at, name)
		switch {
		case err != nil:
			return err
		case !s.Writable || g.set == nil:
			return fmt.Errorf("%s: %s cannot be changed: %q shows what can", at.path(), name, strings.TrimSpace("get "+g.name))
		case seen[name]:
			return fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
	}
	return nil
}

func doneBefore(changes []any) string {
	if len(changes) == 0 {
		return ""
	}
	var names []string
	for _, c := range changes {
		names = append(names, c.(change).name)
	}
	return " (" + strings.Join(names, ", ") + " had been set before)"
}

// group finds a group of kind k by its name, which may be empty.
func (k *kind) group(name string) (*group, error) {
	var names []string
	for i := range k.groups {
		if k.groups[i].name == name {
			return &k.groups[i], nil
		}
		if k.groups[i].name != "" {
			names = append(names, k.groups[i].name)
		}
	}
	switch {
	case len(k.groups) == 0:
		return nil, errors.New("there are no settings here")
	case name == "":
		return nil, fmt.Errorf("say which group: %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("no group %q of settings: %s", name, strings.Join(names, ", "))
}

// view is the group as it is at a node, with its secrets.
func (g *group) view(at *node) (groupView, error) {
	v := groupView{Group: g.name}
	settings, err := g.list(at)
	for _, s := range settings {
		v.Settings = append(v.Settings, settingView{s.name, s.value, s.writable && g.set != nil})
	}
	return v, err
}

func (v groupView) find(at *node, name string) (settingView, error) {
	i := slices.IndexFunc(v.Settings, func(s settingView) bool { return s.Name == name })
	if i < 0 {
		command := strings.TrimSpace("get " + v.Group)
		return settingView{}, fmt.Errorf("%s has no setting %s: \"tcmuctl %[1]s %[3]s\" shows what there is", at.path(), name, command)
	}
	return v.Settings[i], nil
}

// table is the group for people: names and values below each other, under the name of the group.
func (v groupView) table() string {
	var rows [][2]string
	for _, s := range v.Settings {
		value := s.Value
		if !s.Writable {
			value = strings.TrimSpace(value + " [ro]")
		}
		rows = append(rows, [2]string{s.Name, value})
	}
	if v.Group == "" {
		return align("", rows)
	}
	return strings.TrimSuffix(v.Group+"\n"+align("  ", rows), "\n")
}

// lines are settings as targetcli prints those that it is asked for by name.
func (v groupView) lines() string {
	var lines []string
	for _, s := range v.Settings {
		line := s.Name + "=" + s.Value
		if !s.Writable {
			line += " [ro]"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// align puts the second words of rows below each other.
func align(margin string, rows [][2]string) string {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s%-*s  %s", margin, width, r[0], r[1]), " "))
	}
	return strings.Join(lines, "\n")
}

// change is one name=value.
type change struct{ name, value string }

func parseChange(s string) (any, error) {
	m := keyValue.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q changes nothing: give name=value", s)
	}
	return change{m[1], m[2]}, nil
}
