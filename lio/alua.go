package lio

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultALUAGroup is the group that every storage object has, and that LUNs are in until they are put into another.
const DefaultALUAGroup = "default_tg_pt_gp"

// ALUAGroup is a target port group of asymmetric logical unit access (SPC-4 5.15): the LUNs of a storage object that are
// in it report its access state. Its settings are files of its own: see File.
type ALUAGroup struct {
	node
	root Root
	Name string
}

// ALUAGroups lists the groups, sorted by name; the default group is one of them. A device for which the kernel does not
// keep any (attribute alua_support) has none.
func (s StorageObject) ALUAGroups() ([]ALUAGroup, error) {
	support, err := s.Attribute("alua_support")
	if errors.Is(err, fs.ErrNotExist) && s.Plugin != "user" && s.Plugin != "pscsi" {
		support, err = "1", nil // before 4.20 only devices that pass commands through could be without
	}
	if errors.Is(err, fs.ErrNotExist) || support == "0" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := s.child("alua").dirs()
	if err != nil {
		return nil, err
	}
	var all []ALUAGroup
	for _, name := range names {
		all = append(all, s.ALUAGroup(name))
	}
	return all, nil
}

// ALUAGroup is the group of that name, whether it exists or not.
func (s StorageObject) ALUAGroup(name string) ALUAGroup {
	return ALUAGroup{s.child("alua", name), s.root, name}
}

// CreateALUAGroup makes a group with the TARGET PORT GROUP id, from 1 to 65535.
func (s StorageObject) CreateALUAGroup(name string, id int) (ALUAGroup, error) {
	g := s.ALUAGroup(name)
	if err := g.mkdir(); err != nil {
		return ALUAGroup{}, err
	}
	if err := g.write("tg_pt_gp_id", strconv.Itoa(id)); err != nil {
		return ALUAGroup{}, errors.Join(err, g.rmdir())
	}
	return g, nil
}

// aluaAlias is what the kernel puts before the name of the group that a LUN is in.
const aluaAlias = "TG Port Alias:"

// ALUAGroup names the group that the LUN is in; empty when its device has none.
func (l LUN) ALUAGroup() (string, error) {
	text, err := l.read("alua_tg_pt_gp")
	if errors.Is(err, fs.ErrNotExist) && l.Exists() || errors.Is(err, unix.ENODEV) {
		return "", nil
	}
	first, _, _ := strings.Cut(text, "\n")
	name, _ := strings.CutPrefix(first, aluaAlias)
	return strings.TrimSpace(name), err
}

// SetALUAGroup puts the LUN into a group of its storage object.
func (l LUN) SetALUAGroup(name string) error { return l.write("alua_tg_pt_gp", name) }
