package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

var mappedLUNKind = kind{name: "mapped_lunN", status: mappedLUNStatus}

// mappedNumber is the number of a mapped LUN, as in lun0, mapped_lun0 and 0.
var mappedNumber = value{"N", func(s string) (any, error) {
	return lunNumber.parse(strings.TrimPrefix(strings.ToLower(s), "mapped_"))
}, suggestChildren}

func mappedLUNs(at *node) ([]*node, error) {
	all, err := at.object.(lio.ACL).MappedLUNs()
	var list []*node
	for _, m := range all {
		list = append(list, at.new(&mappedLUNKind, mappedName(m.Number), m))
	}
	return list, err
}

func mappedName(number int) string { return "mapped_lun" + strconv.Itoa(number) }

func mappedLUNStatus(at *node) (status, error) {
	m := at.object.(lio.MappedLUN)
	readOnly, err := m.WriteProtect()
	if err != nil {
		return status{}, err
	}
	st := status{"no LUN", map[string]any{"mapped_lun": m.Number, "write_protect": readOnly}}
	l, err := m.LUN()
	if errors.Is(err, fs.ErrNotExist) && m.Exists() {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	o, err := at.session.backstoreOf(l)
	if err == nil {
		st.withNexus(l, o)
		l, err = at.session.shown(l)
	}
	path := o.below()
	if errors.Is(err, fs.ErrNotExist) && l.Exists() {
		path, err = "no storage object", nil
	}
	st.summary = fmt.Sprintf("%s %s (%s)", lunName(l.Number), path, map[bool]string{true: "ro", false: "rw"}[readOnly])
	st.properties["lun"] = l.Number
	st.properties["storage_object"] = "/backstores/" + path
	return st, err
}

func createMappedLUN(ctx context.Context, at *node, a args) (result, error) {
	acl := at.object.(lio.ACL)
	number := a.number("mapped_lun", 0)
	if acl.MappedLUN(number).Exists() {
		return result{}, fmt.Errorf("%s/%s exists: choose another number, or delete that one first", at.path(), mappedName(number))
	}
	l, made, err := at.lunOf(ctx, a.text("tpg_lun_or_backstore"))
	if err != nil {
		return result{}, err
	}
	words, err := at.session.repeated(acl, l)
	if err != nil {
		return result{}, err
	}
	m, err := at.session.mapLUN(ctx, acl, l, number, a.boolean("write_protect", false), a.number("group", lio.AnyGroup))
	if err != nil {
		if made {
			err = errors.Join(err, at.session.deleteLUN(ctx, l))
		}
		return result{}, err
	}
	if made {
		words = append(words, fmt.Sprintf("Created LUN %d.", l.Number))
	}
	words = append(words, fmt.Sprintf("Created Mapped LUN %d.", number))
	return created(at.new(&mappedLUNKind, mappedName(number), m), strings.Join(words, "\n"))
}

// lunOf finds a LUN of the TPG by its number or by its backstore. A backstore of which there is none is made one.
func (n *node) lunOf(ctx context.Context, word string) (l lio.LUN, made bool, err error) {
	tpg := n.object.(lio.ACL).TPG
	if number, err := lunNumber.parse(word); err == nil {
		l = tpg.LUN(number.(int))
		if !l.Exists() {
			luns := n.parent.parent.path() + "/luns"
			return l, false, fmt.Errorf("no LUN %d in %s: \"tcmuctl ls %[2]s\" shows what there is", l.Number, luns)
		}
		return l, false, nil
	}
	o, err := n.storageObject(word)
	if err != nil {
		return l, false, err
	}
	luns, err := tpg.LUNs()
	if err != nil {
		return l, false, err
	}
	for _, l := range luns {
		if so, err := l.StorageObject(); err == nil && so == o.StorageObject {
			return l, false, nil
		}
	}
	l, err = n.session.makeLUN(ctx, tpg, o, lio.AnyLUN, lio.AnyGroup)
	return l, true, err
}

// repeated warns, in targetcli's words, of a LUN that the initiator sees already.
func (s *session) repeated(acl lio.ACL, l lio.LUN) ([]string, error) {
	mapped, err := acl.MappedLUNs()
	if err != nil {
		return nil, err
	}
	seen := slices.ContainsFunc(mapped, func(m lio.MappedLUN) bool {
		other, err := m.LUN()
		if err == nil {
			other, err = s.shown(other)
		}
		return err == nil && other.Number == l.Number
	})
	if !seen {
		return nil, nil
	}
	return []string{fmt.Sprintf("Warning: TPG LUN %d already mapped to this NodeACL", l.Number)}, nil
}

func deleteMappedLUN(ctx context.Context, at *node, a args) (result, error) {
	number := a.number("mapped_lun", 0)
	m := at.object.(lio.ACL).MappedLUN(number)
	if !m.Exists() {
		return result{}, fmt.Errorf("no mapped LUN %d in %s: \"tcmuctl ls %[2]s\" shows what there is", number, at.path())
	}
	own, err := nexusLUNs(m)
	if err != nil {
		return result{}, err
	}
	if err := m.Delete(); err != nil {
		return result{}, err
	}
	if err := at.session.deleteLUNs(ctx, own); err != nil {
		return result{}, err
	}
	return result{fmt.Sprintf("Deleted Mapped LUN %d.", number), deleted{at.path() + "/" + mappedName(number)}}, nil
}
