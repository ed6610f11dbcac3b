package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

var aclsKind = kind{
	name: "acls",
	commands: []command{
		{
			name: "create", help: "let an initiator log in",
			params: []param{
				{name: "wwn", help: "its iSCSI name, as /etc/iscsi/initiatorname.iscsi has it", is: text, required: true},
				{name: "add_mapped_luns", help: "false: it sees no LUNs until they are mapped; true if left out: all there are", is: boolean},
			},
			run: createACL,
		},
		{
			name: "delete", help: "let an initiator log in no more; its session ends",
			params: []param{{name: "wwn", help: "its iSCSI name", is: child, required: true}},
			run:    deleteACL,
		},
	},
	below: []*kind{&aclKind},
	children: func(at *node) ([]*node, error) {
		all, err := at.object.(lio.TPG).ACLs()
		var list []*node
		for _, acl := range all {
			list = append(list, at.new(&aclKind, acl.Initiator, acl))
		}
		return list, err
	},
	status: func(at *node) (status, error) {
		list, err := at.children()
		return status{summary: fmt.Sprintf("ACLs: %d", len(list))}, err
	},
}

var aclKind = kind{
	name: "INITIATOR",
	commands: []command{
		{
			name: "create", help: "show a LUN to the initiator",
			params: []param{
				{name: "mapped_lun", help: "the number under which it sees it", is: lunNumber, required: true},
				{name: "tpg_lun_or_backstore", help: "a LUN of the TPG, or the path of a backstore, of which one is made", is: objectPath, required: true},
				{name: "write_protect", help: "true: it may only read; false if left out", is: boolean},
				groupParam,
			},
			run: createMappedLUN,
		},
		{
			name: "delete", help: "show a LUN to the initiator no more; the LUN of the TPG stays",
			params: []param{{name: "mapped_lun", help: "the number under which it sees it", is: mappedNumber, required: true}},
			run:    deleteMappedLUN,
		},
	},
	groups:   []group{attributeGroup, parameterGroup, authGroup},
	below:    []*kind{&mappedLUNKind},
	children: mappedLUNs,
	status:   aclStatus,
}

func aclStatus(at *node) (status, error) {
	acl := at.object.(lio.ACL)
	mapped, err := acl.MappedLUNs()
	if err != nil {
		return status{}, err
	}
	to, err := accessTo(acl.TPG)
	if err != nil {
		return status{}, err
	}
	auth, err := acl.Auth()
	if err != nil {
		return status{}, err
	}
	session, err := acl.Session()
	from := addresses(session)
	st := status{fmt.Sprintf("Mapped LUNs: %d", len(mapped)), map[string]any{"logged_in": len(from) > 0, "addresses": from}}
	switch {
	case to.chap && to.generated:
		st.summary = "auth via tpg, " + st.summary
	case to.chap:
		st.summary = chapWord(auth) + " auth, " + st.summary
	}
	return st, err
}

// addresses are those from which an initiator is logged in, from what the kernel tells of its session: each connection
// has a line "Address 192.0.2.1:50000 TCP  StatSN: 0x...".
func addresses(session string) []string {
	from := []string{}
	for line := range strings.Lines(session) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "Address" {
			from = append(from, words[1])
		}
	}
	return from
}

func createACL(ctx context.Context, at *node, a args) (result, error) {
	tpg := at.object.(lio.TPG)
	acl, err := tpg.CreateACL(a.text("wwn"))
	if err != nil {
		return result{}, err
	}
	words := []string{"Created Node ACL for " + acl.Initiator}
	if a.boolean("add_mapped_luns", true) {
		more, err := at.session.mapAll(ctx, acl)
		if err != nil {
			return result{}, errors.Join(err, at.session.deleteACL(ctx, acl))
		}
		words = append(words, more...)
	}
	return created(at.new(&aclKind, acl.Initiator, acl), strings.Join(words, "\n"))
}

// mapAll shows all LUNs of the TPG to an initiator, under the numbers that they have there.
func (s *session) mapAll(ctx context.Context, acl lio.ACL) ([]string, error) {
	luns, err := acl.TPG.LUNs()
	if err != nil {
		return nil, err
	}
	var words []string
	for _, l := range luns {
		of, err := s.shown(l)
		if err != nil {
			return nil, err
		}
		if of != l {
			continue // it is for another initiator alone
		}
		if _, err := s.mapLUN(ctx, acl, l, l.Number, false, lio.AnyGroup); err != nil {
			return nil, err
		}
		words = append(words, fmt.Sprintf("Created mapped LUN %d.", l.Number))
	}
	return words, nil
}

func deleteACL(ctx context.Context, at *node, a args) (result, error) {
	n, err := at.child(strings.ToLower(a.text("wwn")))
	if err != nil {
		return result{}, fmt.Errorf("no node ACL of %s in %s: \"tcmuctl ls %[2]s\" shows what there is", a.text("wwn"), at.path())
	}
	if err := at.session.deleteACL(ctx, n.object.(lio.ACL)); err != nil {
		return result{}, err
	}
	return result{"Deleted Node ACL " + n.name + ".", deleted{n.path()}}, nil
}

// deleteACL deletes an ACL, and the nexuses of its initiator.
func (s *session) deleteACL(ctx context.Context, acl lio.ACL) error {
	mapped, err := acl.MappedLUNs()
	if err != nil {
		return err
	}
	own, err := nexusLUNs(mapped...)
	if err != nil {
		return err
	}
	if err := acl.Delete(); err != nil {
		return err
	}
	return s.deleteLUNs(ctx, own)
}
