package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

var aluaCommand = command{
	name: "alua", help: "show the target port groups of a backstore with reservations=engine, or change one and wait for the end of the transition",
	params: []param{
		{name: "group", help: "its number; all groups are shown if left out", is: portGroup},
		{name: "state", help: "the access state of its ports", is: accessState},
		{name: "preferred", help: "true: initiators are told to prefer it", is: boolean, keyword: true},
		{name: "implicit", help: "true: initiators are told that the target changes its state", is: boolean, keyword: true},
		{name: "explicit", help: "true: initiators may change its state", is: boolean, keyword: true},
		{name: "transition_time", help: "how many seconds initiators are told that a transition takes at most; 0: they are not told", is: transitionTime, keyword: true},
		{name: "transition_millis", help: "how many milliseconds each transition takes", is: transitionMillis, keyword: true},
	},
	run: accessGroups,
}

// portGroup is the number of a target port group.
var portGroup = limited("a target port group", 0xffff, func(n int) any { return n })

// transitionTime is a number of seconds, transitionMillis one of milliseconds.
var transitionTime = limited("a time that initiators can be told", 0xff, func(n int) any { return byte(n) })

var transitionMillis = limited("the time of a transition", 3600_000, func(n int) any { return int64(n) })

// limited is a number of at most limit.
func limited(what string, limit int, as func(int) any) value {
	return value{"N", func(s string) (any, error) {
		n, err := parseNumber(s)
		if err == nil && n > limit {
			err = fmt.Errorf("%d cannot be %s: give at most %d", n, what, limit)
		}
		return as(n), err
	}, nil}
}

// accessStates are the states that a group can be set to, by the shortest of their names.
var accessStates = map[string]string{
	"optimized": "active/optimized", "nonoptimized": "active/non-optimized",
	"standby": "standby", "unavailable": "unavailable", "offline": "offline",
}

var accessState = value{strings.Join(slices.Sorted(maps.Keys(accessStates)), "|"), func(s string) (any, error) {
	for short, state := range accessStates {
		if s == short || s == state {
			return state, nil
		}
	}
	return nil, fmt.Errorf("%q is no access state: give %s", s, strings.Join(slices.Sorted(maps.Keys(accessStates)), ", "))
}, values(slices.Sorted(maps.Keys(accessStates))...)}

func accessGroups(ctx context.Context, at *node, a args) (result, error) {
	o := at.object.(object)
	if !o.engine() {
		return result{}, fmt.Errorf("the kernel keeps the access states of %s: the setting alua of its LUNs says which group they are in", at.path())
	}
	change, changes, err := accessChange(a)
	if err != nil {
		return result{}, err
	}
	if changes {
		// A transition may take as long as somebody has set: it is waited for.
		if err := at.session.daemon.SetAccess(ctx, o.HBA, o.Name, change); err != nil {
			return result{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	groups, err := at.session.daemon.Access(ctx, o.HBA, o.Name)
	if err != nil {
		return result{}, err
	}
	if id, given := a["group"].(int); given {
		groups = slices.DeleteFunc(groups, func(g control.AccessGroup) bool { return int(g.Group) != id })
		if len(groups) == 0 {
			return result{}, fmt.Errorf("%s has no target port group %d: \"tcmuctl %[1]s alua\" shows what there is", at.path(), id)
		}
	}
	return result{accessText(groups), groups}, nil
}

// accessChange is the change that the arguments of the command ask for, if they do.
func accessChange(a args) (c control.AccessChange, changes bool, err error) {
	group := given[int](a, "group")
	changes = len(a) > 1 || len(a) == 1 && group == nil
	if changes && group == nil {
		return c, false, errors.New("alua: say which group is to be changed, as in group=0 state=standby")
	}
	if group != nil {
		c.Group = uint16(*group)
	}
	c.State = given[string](a, "state")
	c.Preferred = given[bool](a, "preferred")
	c.Implicit = given[bool](a, "implicit")
	c.Explicit = given[bool](a, "explicit")
	c.Transition = given[byte](a, "transition_time")
	c.Delay = given[int64](a, "transition_millis")
	return c, changes, nil
}

// given is the value of a parameter, nil when it was not given.
func given[T any](a args, name string) *T {
	v, ok := a[name].(T)
	if !ok {
		return nil
	}
	return &v
}

// accessText is a table of the groups.
func accessText(groups []control.AccessGroup) string {
	t := newTable(6, "GROUP", "STATE", "PREFERRED", "CHANGED BY", "TRANSITION", "PORTS")
	for _, g := range groups {
		var ports []string
		for _, p := range g.Ports {
			ports = append(ports, fmt.Sprintf("%d %s", p.Relative, p.Name))
		}
		t.AppendRow(table.Row{g.Group, g.State, orDash(mark(g.Preferred, "yes")), changers(g), fmt.Sprintf("%d ms", g.Delay), orDash(strings.Join(ports, ", "))})
	}
	return t.Render()
}

// changers are those who change the state of a group.
func changers(g control.AccessGroup) string {
	var who []string
	if g.Implicit {
		who = append(who, "target")
	}
	if g.Explicit {
		who = append(who, "initiators")
	}
	return orDash(strings.Join(who, ", "))
}

func orDash(text string) string { return cmp.Or(text, "-") }

// mark is a word where something is so.
func mark(so bool, word string) string {
	if so {
		return word
	}
	return ""
}
