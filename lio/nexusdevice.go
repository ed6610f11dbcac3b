package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
)

// NexusDevice is a TCMU device that stands for an I_T nexus of another device, its backstore.
type NexusDevice struct {
	Device StorageObject
	Nexus
}

// EngineAttributes are those of a TCMU device whose server keeps reservations and access states itself: the kernel hands it
// the commands for them, refuses none of its own, and tells of task management functions.
func EngineAttributes() map[string]string {
	return map[string]string{"pgr_support": "0", "alua_support": "0", "emulate_pr": "1", "tmr_notification": "1"}
}

// Nexus is the I_T nexus that the device stands for; ok is false when it stands for none.
func (s StorageObject) Nexus() (n Nexus, ok bool, err error) {
	if s.Plugin != "user" {
		return n, false, nil
	}
	config, err := s.Config()
	if err != nil || !IsNexus(config) {
		return n, false, err
	}
	n, malformed := ParseNexus(config)
	return n, malformed == nil, nil
}

// Nexuses lists the devices that stand for I_T nexuses of the object, ordered by HBA number and name.
func (s StorageObject) Nexuses() ([]NexusDevice, error) {
	all, err := s.root.StorageObjects()
	if err != nil {
		return nil, err
	}
	var mine []NexusDevice
	for _, so := range all {
		n, ok, err := so.Nexus()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has gone
		}
		if err != nil {
			return nil, err
		}
		if ok && n.Of == s.Name {
			mine = append(mine, NexusDevice{so, n})
		}
	}
	return mine, nil
}

// AnyGroup asks CreateNexus for the target port group that the port has to other initiators, or else for group 0.
const AnyGroup = -1

// CreateNexus makes the device for the I_T nexus of a storage object and the one initiator of the TPG, in a target port
// group, AnyGroup for the one that suits. A LUN is made of it as of any other. After an error nothing is left of it.
func (p TPG) CreateNexus(of StorageObject, group int) (NexusDevice, error) {
	if !p.Target.Fabric.Has(OneInitiator) {
		return NexusDevice{}, fmt.Errorf("a TPG of %s has any number of initiators: each node ACL has an I_T nexus", p.Target.Fabric.Name)
	}
	if err := p.ensureNexus(); err != nil {
		return NexusDevice{}, err
	}
	initiator, err := p.Nexus()
	if err != nil {
		return NexusDevice{}, err
	}
	unlock, err := of.root.lock()
	if err != nil {
		return NexusDevice{}, err
	}
	defer unlock()
	return of.createNexus(p, initiator, group)
}

// hiddenLUNs is the first number of the LUNs that only one initiator is to see, under some other number. Of those below it,
// which are all that flat space addressing has (SAM-5 4.7.7.3), none is lost.
const hiddenLUNs = 1 << 14

// CreateNexus makes the device for the I_T nexus of a storage object and the initiator, as TPG.CreateNexus does, and a LUN
// of it that is for this initiator alone to be mapped. After an error nothing is left of both.
func (a ACL) CreateNexus(of StorageObject, group int) (NexusDevice, LUN, error) {
	unlock, err := of.root.lock()
	if err != nil {
		return NexusDevice{}, LUN{}, err
	}
	defer unlock()
	n, err := of.createNexus(a.TPG, a.Initiator, group)
	if err != nil {
		return NexusDevice{}, LUN{}, err
	}
	// The LUN tells of which port the device is: whoever takes the lock next has to see it.
	number, err := a.TPG.child("lun").freeLUN(hiddenLUNs)
	l := a.TPG.LUN(number)
	if err == nil {
		err = l.Create(n.Device, "")
	}
	if err != nil {
		return NexusDevice{}, LUN{}, errors.Join(err, n.Device.remove())
	}
	return n, l, nil
}

// createNexus makes a device like s for one I_T nexus. The caller holds the lock.
func (s StorageObject) createNexus(p TPG, initiator string, group int) (NexusDevice, error) {
	siblings, err := s.Nexuses()
	if err != nil {
		return NexusDevice{}, err
	}
	n := Nexus{Of: s.Name, Initiator: initiator}
	if n.Port, n.Group, err = p.nexusPort(siblings, group); err != nil {
		return NexusDevice{}, err
	}
	name, err := s.freeNexusName()
	if err != nil {
		return NexusDevice{}, err
	}
	u, err := s.twin(name, n)
	if err != nil {
		return NexusDevice{}, err
	}
	if err := u.Check(); err != nil {
		return NexusDevice{}, fmt.Errorf("no device can be made for the I_T nexus of %s and %s: %w: give one of them a shorter name", initiator, s.Name, err)
	}
	so, err := s.root.place("user", name)
	if err != nil {
		return NexusDevice{}, err
	}
	if err := so.configure(u); err != nil {
		return NexusDevice{}, errors.Join(fmt.Errorf("create %s: %w", name, err), so.remove())
	}
	return NexusDevice{so, n}, nil
}

// nexusPort is the RELATIVE TARGET PORT IDENTIFIER of the TPG and its group: those that it has to other initiators of the
// backstore, or else the lowest that no other TPG has, in the group asked for.
func (p TPG) nexusPort(siblings []NexusDevice, group int) (uint16, uint16, error) {
	luns, err := p.LUNs()
	if err != nil {
		return 0, 0, err
	}
	for _, l := range luns {
		so, err := l.StorageObject()
		i := slices.IndexFunc(siblings, func(n NexusDevice) bool { return n.Device == so })
		if err != nil || i < 0 {
			continue
		}
		if have := siblings[i].Group; group != AnyGroup && group != int(have) {
			return 0, 0, fmt.Errorf("port %d of %s, which is this one, is in target port group %d: a port is in one group only", siblings[i].Port, siblings[i].Of, have)
		}
		return siblings[i].Port, siblings[i].Group, nil
	}
	for port := 1; port <= 0xffff; port++ {
		if !slices.ContainsFunc(siblings, func(n NexusDevice) bool { return int(n.Port) == port }) {
			return uint16(port), uint16(max(group, 0)), nil
		}
	}
	return 0, 0, errors.New("all 65535 relative target port identifiers are taken: delete LUNs")
}

// freeNexusName is the first name for a device of a nexus that no other has.
func (s StorageObject) freeNexusName() (string, error) {
	for i := 1; ; i++ {
		name := s.Name + ".nexus" + strconv.Itoa(i)
		taken, err := s.root.Named(name)
		if err != nil || len(taken) == 0 {
			return name, err
		}
	}
}

// twin is a device of the same size, limits, identity and attributes as s, for a nexus.
func (s StorageObject) twin(name string, n Nexus) (User, error) {
	if err := s.mustBeUser("devices for I_T nexuses"); err != nil {
		return User{}, err
	}
	u := User{Name: name, Config: n.String(), Attributes: map[string]string{}}
	limits := map[string]*int{
		"hw_block_size": &u.BlockSize, "hw_max_sectors": &u.HWMaxSectors, "max_data_area_mb": &u.MaxDataAreaMB,
		"data_pages_per_blk": &u.DataPagesPerBlk, "cmd_ring_size_mb": &u.CmdRingSizeMB,
	}
	all, err := s.Attributes()
	if err != nil {
		return User{}, err
	}
	for _, a := range all {
		limit, isLimit := limits[a.Name]
		switch {
		case isLimit:
			if *limit, err = strconv.Atoi(a.Value); err != nil {
				return User{}, fmt.Errorf("%s/attrib/%s: %w", s.path, a.Name, err)
			}
		case a.Writable && !slices.Contains([]string{"dev_config", "dev_size", "nl_reply_supported"}, a.Name):
			u.Attributes[a.Name] = a.Value
		}
	}
	maps.Copy(u.Attributes, EngineAttributes())
	if u.Size, err = s.Size(); err != nil {
		return User{}, err
	}
	u.Identity, err = s.Identity()
	return u, err
}
