package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/tcmud/tcmud/lio"
)

var iscsiTPGKind = kind{
	name: "tpgN",
	commands: []command{
		{name: "enable", help: "let initiators in", run: enableTPG},
		{name: "disable", help: "end the sessions of all initiators, and let none in", run: disableTPG},
	},
	groups:   []group{tpgAttributeGroup, parameterGroup, authGroup},
	below:    []*kind{&aclsKind, &lunsKind, &portalsKind},
	children: tpgChildren,
	status:   iscsiTPGStatus,
}

// tpgAttributeGroup is attributeGroup for a TPG whose LUNs may have been made for some initiators only.
var tpgAttributeGroup = group{
	name: attributeGroup.name, help: attributeGroup.help, list: attributeGroup.list,
	set: func(ctx context.Context, at *node, name, value string) error {
		if name == "generate_node_acls" && value != "0" {
			if err := at.session.openable(at.object.(lio.TPG)); err != nil {
				return err
			}
		}
		return attributeGroup.set(ctx, at, name, value)
	},
}

var vhostTPGKind = kind{
	name:     "tpgN",
	groups:   []group{attributeGroup},
	below:    []*kind{&lunsKind},
	children: tpgChildren,
	status:   func(at *node) (status, error) { return nexusStatus(at.object.(lio.TPG)) },
}

// loopbackTPGKind is a TPG of a target that has more or fewer than one.
var loopbackTPGKind = vhostTPGKind

// tpgChildren are what a TPG consists of: they stand for the TPG themselves.
func tpgChildren(at *node) ([]*node, error) {
	var list []*node
	for _, part := range at.kind.below {
		list = append(list, at.new(part, part.name, at.object))
	}
	return list, nil
}

func nexusStatus(tpg lio.TPG) (status, error) {
	nexus, err := tpg.Nexus()
	if nexus == "" {
		return status{summary: "no nexus"}, err
	}
	return status{nexus, map[string]any{"nexus": nexus}}, err
}

// access is who gets into an iSCSI TPG, and how.
type access struct {
	generated bool // every initiator gets a node ACL
	chap      bool // initiators have to say who they are
}

func accessTo(tpg lio.TPG) (access, error) {
	generated, err := tpg.Attribute("generate_node_acls")
	if err != nil {
		return access{}, err
	}
	chap, err := tpg.Attribute("authentication")
	return access{generated == "1", chap == "1"}, err
}

func iscsiTPGStatus(at *node) (status, error) {
	tpg := at.object.(lio.TPG)
	enabled, err := tpg.Enabled()
	if err != nil {
		return status{}, err
	}
	to, err := accessTo(tpg)
	if err != nil {
		return status{}, err
	}
	auth, err := tpg.Auth()
	if err != nil {
		return status{}, err
	}
	dynamic, err := tpg.File("dynamic_sessions")
	st := status{properties: map[string]any{
		"enabled": enabled, "generate_node_acls": to.generated, "authentication": to.chap,
		"sessions_without_acl": strings.Fields(strings.ReplaceAll(dynamic, "\x00", " ")),
	}}
	if !enabled {
		st.summary = "disabled"
		return st, err
	}
	st.summary = to.words(auth)
	return st, err
}

// words are targetcli's.
func (a access) words(auth lio.Auth) string {
	switch {
	case a.generated && a.chap:
		return "gen-acls, tpg-auth, " + chapWord(auth) + " auth"
	case a.chap:
		return "no-gen-acls, auth per-acl"
	case a.generated:
		return "gen-acls, no-auth"
	}
	return "no-gen-acls, no-auth"
}

// openTPG makes a TPG that serves initiators as those of LIO's tools do, and tells in their words what it has done.
func openTPG(t lio.Target, tag int) (lio.TPG, []string, error) {
	tpg, err := t.CreateTPG(tag)
	if err != nil {
		return tpg, nil, err
	}
	words := []string{fmt.Sprintf("Created TPG %d.", tag)}
	if t.Fabric.Has(lio.ACLs) {
		err = tpg.SetAttribute("authentication", "0")
	}
	if err == nil && t.Fabric.Has(lio.Enabling) {
		err = tpg.Enable(true)
	}
	if err == nil && t.Fabric.Has(lio.Portals) {
		var more []string
		more, err = listen(tpg)
		words = append(words, more...)
	}
	if err != nil {
		return tpg, nil, errors.Join(err, tpg.Delete())
	}
	return tpg, words, nil
}

// listen gives a new TPG a portal on all addresses. It can do without: the kernel refuses where another TPG of the target,
// or some other program, listens already.
func listen(tpg lio.TPG) ([]string, error) {
	_, err := tpg.CreatePortal(lio.DefaultPortal)
	if err == nil {
		return []string{
			"Global pref auto_add_default_portal=true",
			"Created default portal listening on all IPs (0.0.0.0), port 3260.",
		}, nil
	}
	if !errors.Is(err, syscall.EINVAL) {
		return nil, err
	}
	tpgs, err := tpg.Target.TPGs()
	if len(tpgs) > 1 {
		return []string{"Default portal not created, TPGs within a target cannot share ip:port."}, err
	}
	return []string{"Default portal not created, something else listens at port 3260: make one at another address."}, err
}

func enableTPG(_ context.Context, at *node, _ args) (result, error) {
	return at.switchTPG(true, "The TPGT is already enabled.", "The TPGT has been enabled.")
}

func disableTPG(_ context.Context, at *node, _ args) (result, error) {
	return at.switchTPG(false, "The TPGT is already disabled.", "The TPGT has been disabled.")
}

func (n *node) switchTPG(on bool, already, done string) (result, error) {
	tpg := n.object.(lio.TPG)
	now, err := tpg.Enabled()
	if err != nil {
		return result{}, err
	}
	if now == on {
		return created(n, already)
	}
	if err := tpg.Enable(on); err != nil {
		return result{}, err
	}
	return created(n, done)
}

// deleteTPG deletes a TPG and what is in it. The LUNs go first: to end a session waits for what it has in flight, and
// deleteLUN knows what to do about that.
func (s *session) deleteTPG(ctx context.Context, tpg lio.TPG) error {
	if err := tpg.Deletable(); err != nil {
		return err
	}
	all, err := tpg.LUNs()
	if err != nil {
		return err
	}
	if err := s.deleteLUNs(ctx, all); err != nil {
		return err
	}
	return tpg.Delete()
}
