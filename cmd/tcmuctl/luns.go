package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/tcmud/tcmud/lio"
)

var lunsKind = kind{
	name: "luns",
	commands: []command{
		{
			name: "create", help: "make a LUN of a backstore: on loopback, a disk",
			params: []param{
				{name: "storage_object", help: "path of a backstore: /backstores/ramdisk/NAME", is: objectPath, required: true},
				{name: "lun", help: "its number; the lowest free one if left out", is: lunNumber},
				{name: "add_mapped_luns", help: "false: initiators with a node ACL do not see it; true if left out", is: boolean},
				groupParam,
			},
			run: createLUN,
		},
		{
			name: "delete", help: "remove a LUN; its disk vanishes, the backstore stays",
			params: []param{{name: "lun", help: "its number", is: lunNumber, required: true}},
			run:    deleteLUN,
		},
	},
	below:    []*kind{&lunKind},
	children: luns,
	status: func(at *node) (status, error) {
		list, err := at.children()
		return status{summary: fmt.Sprintf("LUNs: %d", len(list))}, err
	},
}

// groupParam is for backstores that keep access states themselves.
var groupParam = param{
	name: "group", keyword: true, is: portGroup,
	help: "target port group of the port, for a backstore with reservations=engine; that which it is in, or 0, if left out",
}

var lunKind = kind{name: "lunN", groups: []group{aluaGroup}, status: lunStatus}

// aluaGroup is what initiators are told of the LUN's way to its device.
var aluaGroup = group{
	name: "alua", help: "asymmetric logical unit access",
	list: func(at *node) ([]setting, error) {
		l := at.object.(lio.LUN)
		if o, err := at.session.backstoreOf(l); err == nil && o.engine() {
			return at.session.portOf(l)
		}
		name, err := l.ALUAGroup()
		return []setting{{name: "alua_tg_pt_gp_name", value: name, writable: true}}, err
	},
	set: func(_ context.Context, at *node, _, value string) error {
		return at.object.(lio.LUN).SetALUAGroup(value)
	},
}

func luns(at *node) ([]*node, error) {
	all, err := at.object.(lio.TPG).LUNs()
	var list []*node
	for _, l := range all {
		of, err := at.session.shown(l)
		if err != nil && l.Exists() {
			return nil, err
		}
		if of == l {
			list = append(list, at.new(&lunKind, lunName(l.Number), l))
		}
	}
	return list, err
}

func lunName(number int) string { return "lun" + strconv.Itoa(number) }

func lunStatus(at *node) (status, error) {
	l := at.object.(lio.LUN)
	o, err := at.session.backstoreOf(l)
	if errors.Is(err, fs.ErrNotExist) && l.Exists() {
		return status{summary: "no storage object"}, nil
	}
	if err != nil {
		return status{}, err
	}
	st := status{o.below(), map[string]any{"lun": l.Number, "storage_object": "/backstores/" + o.below()}}
	st.withNexus(l, o)
	if l.TPG.Target.Fabric.Has(lio.Disks) {
		return st.withDisk(l)
	}
	return st.withPort(l, o.StorageObject)
}

// below is the path of o below backstores: "ramdisk/rd0".
func (o object) below() string { return o.sort + "/" + o.Name }

// withDisk adds what the LUN has become on this host.
func (st status) withDisk(l lio.LUN) (status, error) {
	disk, err := l.Disk()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	if disk.Block != "" {
		st.summary += " (/dev/" + disk.Block + ")"
		st.properties["disk"] = "/dev/" + disk.Block
	}
	if disk.Generic != "" {
		st.properties["generic"] = "/dev/" + disk.Generic
	}
	return st, nil
}

// withPort adds what is behind the LUN, and how initiators reach it.
func (st status) withPort(l lio.LUN, so lio.StorageObject) (status, error) {
	behind, err := so.UdevPath()
	if err != nil {
		return st, err
	}
	alua, err := l.ALUAGroup()
	if err != nil {
		return st, err
	}
	if behind != "" {
		st.summary += " (" + behind + ")"
		st.properties["udev_path"] = behind
	}
	if alua != "" {
		st.summary += " (" + alua + ")"
		st.properties["alua_group"] = alua
	}
	return st, nil
}

// storageObject finds the backstore at a path.
func (n *node) storageObject(path string) (object, error) {
	from, err := n.lookup(path)
	if err != nil {
		return object{}, err
	}
	o, ok := from.object.(object)
	if !ok {
		return object{}, fmt.Errorf("%s is no storage object: name one as /backstores/ramdisk/NAME", from.path())
	}
	return o, nil
}

// diskTime is how long the host may take to make a disk of a LUN: sd reads its capacity and pages first.
const diskTime = 10 * time.Second

// makeLUN makes a LUN of a backstore that tcmud, if it is ours, can serve. Group is a target port group of a backstore that
// keeps access states itself.
func (s *session) makeLUN(ctx context.Context, tpg lio.TPG, o object, number, group int) (lio.LUN, error) {
	switch {
	case o.sort == nexusSort:
		return lio.LUN{}, fmt.Errorf("%s stands for the I_T nexus of %s: make a LUN of its backstore, %s", o.Name, o.nexus.Initiator, o.nexus.Of)
	case group != lio.AnyGroup && !o.engine():
		return lio.LUN{}, fmt.Errorf("the kernel keeps the target port groups of %s: \"set alua alua_tg_pt_gp_name=NAME\" puts a LUN of it into one", o.Name)
	case o.engine() && tpg.Target.Fabric.Has(lio.OneInitiator):
		return s.makeNexusLUN(ctx, tpg, o, number, group)
	case o.engine():
		if err := closed(tpg, o); err != nil {
			return lio.LUN{}, err
		}
	}
	if !o.ours {
		return s.makeReadyLUN(ctx, tpg, o.StorageObject, number)
	}
	return s.makeServedLUN(ctx, tpg, o.StorageObject, number)
}

// makeServedLUN makes a LUN of a device of tcmud's. In loopback the kernel asks the device who it is: without a daemon to
// answer, that hangs.
func (s *session) makeServedLUN(ctx context.Context, tpg lio.TPG, so lio.StorageObject, number int) (lio.LUN, error) {
	if err := s.waitServed(ctx, so); err != nil {
		return lio.LUN{}, err
	}
	return s.makeReadyLUN(ctx, tpg, so, number)
}

// makeReadyLUN makes a LUN and, in loopback, waits for its disk.
func (s *session) makeReadyLUN(ctx context.Context, tpg lio.TPG, so lio.StorageObject, number int) (lio.LUN, error) {
	l, err := tpg.CreateLUN(so, number)
	if err != nil || !tpg.Target.Fabric.Has(lio.Disks) {
		return l, err
	}
	wait, cancel := context.WithTimeout(ctx, diskTime)
	defer cancel()
	if _, err := l.WaitDisk(wait); err != nil {
		err = fmt.Errorf("LUN %d has not become a disk within %v, see dmesg (%w): it is removed again", l.Number, diskTime, err)
		return l, errors.Join(err, s.deleteLUN(ctx, l))
	}
	return l, nil
}

func createLUN(ctx context.Context, at *node, a args) (result, error) {
	o, err := at.storageObject(a.text("storage_object"))
	if err != nil {
		return result{}, err
	}
	number, group := a.number("lun", lio.AnyLUN), a.number("group", lio.AnyGroup)
	l, err := at.session.makeLUN(ctx, at.object.(lio.TPG), o, number, group)
	if err != nil {
		return result{}, err
	}
	words := []string{fmt.Sprintf("Created LUN %d.", l.Number)}
	if a.boolean("add_mapped_luns", true) {
		more, err := at.session.mapForAll(ctx, l, number, group)
		if err != nil {
			return result{}, errors.Join(err, at.session.deleteWhole(ctx, l))
		}
		words = append(words, more...)
	}
	return created(at.new(&lunKind, lunName(l.Number), l), strings.Join(words, "\n"))
}

// mapForAll shows a LUN to all initiators with a node ACL, under number if that is free, and tells so in targetcli's
// words.
func (s *session) mapForAll(ctx context.Context, l lio.LUN, number, group int) ([]string, error) {
	acls, err := l.TPG.ACLs()
	if err != nil {
		return nil, err
	}
	var words []string
	for _, acl := range acls {
		as := number
		if acl.MappedLUN(number).Exists() {
			as = lio.AnyLUN
		}
		m, err := s.mapLUN(ctx, acl, l, as, false, group)
		if err != nil {
			return nil, err
		}
		words = append(words, fmt.Sprintf("Created LUN %d->%d mapping in node ACL %s", l.Number, m.Number, acl.Initiator))
	}
	return words, nil
}

func deleteLUN(ctx context.Context, at *node, a args) (result, error) {
	number := a.number("lun", 0)
	l := at.object.(lio.TPG).LUN(number)
	if !l.Exists() {
		return result{}, fmt.Errorf("no LUN %d in %s: \"tcmuctl ls %[2]s\" shows what there is", number, at.path())
	}
	if err := at.session.deleteWhole(ctx, l); err != nil {
		return result{}, err
	}
	return result{fmt.Sprintf("Deleted LUN %d.", number), deleted{at.path() + "/" + lunName(number)}}, nil
}
