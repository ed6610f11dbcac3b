package main

import (
	"context"
	"slices"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// optionGroup is what can be set of a storage object: the kernel's attributes and, of what tcmud serves, its own options
// under LIO's names.
var optionGroup = group{
	name: "attribute", help: "how initiators see the disk, and how the kernel treats it",
	list: attributes,
	set: func(ctx context.Context, at *node, name, value string) error {
		return at.setAttribute(ctx, at.object.(object), name, value)
	},
}

// attributes lists them sorted by name.
func attributes(at *node) ([]setting, error) {
	o := at.object.(object)
	list, err := settings(o.Attributes())
	if err != nil || !o.ours {
		return list, err
	}
	text, err := o.Config()
	if err != nil {
		return nil, err
	}
	used, err := at.session.exported(o)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].writable = list[i].writable && !o.keeps(list[i].name, used)
	}
	if c, err := backend.ParseConfig(text); err == nil && c.Kind != "pscsi" {
		for _, opt := range backend.AllOptions() {
			value, _ := c.Options.Get(opt.Name)
			list = append(list, setting{name: opt.Name, value: value, writable: !used || !opt.Stays})
		}
	}
	slices.SortFunc(list, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// keeps says which of the attributes that the kernel lets one write are not to be set here.
func (o object) keeps(name string, used bool) bool {
	switch name {
	case "cmd_time_out", "force_pr_aptpl": // the kernel refuses
		return used
	case "emulate_write_cache": // there is none in others
		return o.sort != "fileio" && o.sort != "block"
	case "dev_config", "dev_size": // by the options, and by "set size="
		return true
	case "nl_reply_supported": // tcmud never answers: whoever asks it to would wait for ever
		return true
	}
	_, kept := lio.EngineAttributes()[name]
	return kept && o.engine()
}

// setAttribute sets an attribute of o, or an option of tcmud's.
func (n *node) setAttribute(ctx context.Context, o object, name, value string) error {
	if !o.ours {
		return o.SetAttribute(name, value)
	}
	text, err := o.Config()
	if err != nil {
		return err
	}
	c, err := backend.ParseConfig(text)
	if err != nil {
		return err
	}
	if _, isOption := c.Options.Get(name); isOption {
		return n.setOption(ctx, o, c, name, value)
	}
	if name == "emulate_write_cache" { // the kernel refuses it where nobody listens
		if _, err := n.session.daemon.Version(ctx); err != nil {
			return err
		}
	}
	if err := o.SetAttribute(name, value); err != nil {
		return err
	}
	return n.session.setOnNexuses(o, name, value)
}

// setOnNexuses sets an attribute of the devices of o's nexuses, which are as o is.
func (s *session) setOnNexuses(o object, name, value string) error {
	devices, err := s.nexusesOf(o)
	if err != nil {
		return err
	}
	for _, one := range devices {
		if err := one.SetAttribute(name, value); err != nil {
			return err
		}
	}
	return nil
}

// setOption changes the configuration string and waits until the daemon follows it. If it does not, the string becomes
// what it was.
func (n *node) setOption(ctx context.Context, o object, c backend.Config, name, value string) error {
	before := c.String()
	if err := c.Options.Set(name, value); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	if c.String() == before {
		return nil
	}
	now, err := n.session.daemon.Device(ctx, o.HBA, o.Name)
	if err != nil {
		return err
	}
	followed := func(d control.Device) bool { return d.Config == c.String() }
	return n.session.tell(ctx, o, now, told{"dev_config", before, c.String()}, followed)
}
