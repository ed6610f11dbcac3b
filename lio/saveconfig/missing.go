package saveconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// missing is what of c has to be made. The error names everything that stands against it.
func (c Config) missing(root lio.Root, o Options) (Config, error) {
	objects, err := listed(root)
	if err != nil {
		return Config{}, err
	}
	if o.Clear {
		if err := c.clearable(root, o, objects); err != nil {
			return Config{}, err
		}
		c.forget(objects, o)
	}
	m, p := Config{Own: c.Own}, &problems{}
	for _, so := range c.StorageObjects {
		there, exists := objects[so.Path()]
		if !exists {
			m.StorageObjects = append(m.StorageObjects, so)
			objects[so.Path()] = lio.StorageObject{}
			continue
		}
		have, err := captureObject(there)
		if err == nil {
			err = same(so.normal(), have.normal())
		}
		p.add(so.Path(), err)
	}
	for _, f := range c.Fabrics {
		if err := m.addMissingFabric(root, f, o); err != nil {
			p.add(f.Name, err)
		}
	}
	for _, t := range c.Targets {
		if err := m.addMissingTarget(root, t, o); err != nil {
			p.add(t.WWN, err)
		}
	}
	p.add("storage objects", m.unlinkable(objects))
	return m, p.err()
}

// forget takes away the storage objects that will be cleared.
func (c Config) forget(objects map[string]lio.StorageObject, o Options) {
	if o.whole() {
		clear(objects)
	}
	for _, so := range c.StorageObjects {
		delete(objects, so.Path())
	}
}

// unlinkable reports the storage objects that LUNs would be made of, and that there are not.
func (c Config) unlinkable(objects map[string]lio.StorageObject) error {
	var lacking []string
	for _, t := range c.Targets {
		for _, tpg := range t.TPGs {
			for _, l := range tpg.LUNs {
				if _, ok := objects[l.StorageObject]; !ok && !slices.Contains(lacking, l.StorageObject) {
					lacking = append(lacking, l.StorageObject)
				}
			}
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("there is no %s, of which there are LUNs: restore it before", list(lacking))
}

func (m *Config) addMissingFabric(root lio.Root, f Fabric, o Options) error {
	fabric, err := root.Fabric(f.Name)
	if err != nil {
		return err
	}
	have, err := fabric.Discovery()
	switch {
	case err != nil:
		return err
	case o.Clear || have == (lio.Discovery{}):
		m.Fabrics = append(m.Fabrics, f)
	case have != f.discovery():
		return errors.New("the CHAP of discovery is set, and differs")
	}
	return nil
}

func (m *Config) addMissingTarget(root lio.Root, t Target, o Options) error {
	fabric, err := root.Fabric(t.Fabric)
	if err != nil {
		return err
	}
	there, err := fabric.Target(t.WWN)
	if o.Clear || errors.Is(err, fs.ErrNotExist) {
		m.Targets = append(m.Targets, t)
		return nil
	}
	if err != nil {
		return err
	}
	have, err := captureTarget(there)
	if err != nil {
		return err
	}
	return same(t.normal(), have.normal())
}

// same reports where two that ought to be the same differ: want may leave out what have has.
func same(want, have any) error {
	w, errW := tree(want)
	h, errH := tree(have)
	if err := errors.Join(errW, errH); err != nil {
		return err
	}
	if where := difference("", w, h); where != "" {
		return fmt.Errorf("it is there, and differs in %s: delete it, or restore with clear_existing=true", where)
	}
	return nil
}

// tree is v as JSON has it: objects, arrays, numbers and text.
func tree(v any) (t any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return t, json.Unmarshal(text, &t)
}

// difference is the path of the first place where want says something else than have; empty when there is none.
func difference(path string, want, have any) string {
	switch w := want.(type) {
	case nil:
		return ""
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return path
		}
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if where := difference(strings.TrimPrefix(path+"."+key, "."), w[key], h[key]); where != "" {
				return where
			}
		}
		return ""
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return path
		}
		for i, v := range w {
			if where := difference(fmt.Sprintf("%s[%d]", path, i), v, h[i]); where != "" {
				return where
			}
		}
		return ""
	}
	if want == have {
		return ""
	}
	return path
}

// normal is so without what means nothing: the attributes that rtslib writes last win over the fields, and whether the
// daemon is asked about a TCMU device is its maker's business.
func (so StorageObject) normal() StorageObject {
	so.Config, so.Size = so.device()
	so.ALUAGroups = slices.Clone(so.ALUAGroups)
	sort.Slice(so.ALUAGroups, func(i, j int) bool { return so.ALUAGroups[i].Name < so.ALUAGroups[j].Name })
	var words []string
	for _, word := range controlWords(so.Control) {
		if word[0] != "nl_reply_supported" {
			words = append(words, word[0]+"="+word[1])
		}
	}
	slices.Sort(words)
	so.Control = strings.Join(words, ",")
	attributes := Attributes{}
	for name, value := range so.Attributes {
		if name != "nl_reply_supported" {
			attributes[name] = value
		}
	}
	so.Attributes = attributes
	return so
}

// normal is t with everything in order, and without the names of links.
func (t Target) normal() Target {
	t.TPGs = slices.Clone(t.TPGs)
	sort.Slice(t.TPGs, func(i, j int) bool { return t.TPGs[i].Tag < t.TPGs[j].Tag })
	for i, tpg := range t.TPGs {
		tpg.LUNs = slices.Clone(tpg.LUNs)
		sort.Slice(tpg.LUNs, func(i, j int) bool { return tpg.LUNs[i].Index < tpg.LUNs[j].Index })
		for i := range tpg.LUNs {
			tpg.LUNs[i].Alias = ""
		}
		tpg.Portals = slices.Clone(tpg.Portals)
		sort.Slice(tpg.Portals, func(i, j int) bool {
			a, b := tpg.Portals[i], tpg.Portals[j]
			return a.IPAddress < b.IPAddress || a.IPAddress == b.IPAddress && a.Port < b.Port
		})
		tpg.ACLs = slices.Clone(tpg.ACLs)
		sort.Slice(tpg.ACLs, func(i, j int) bool { return tpg.ACLs[i].Initiator < tpg.ACLs[j].Initiator })
		for i := range tpg.ACLs {
			tpg.ACLs[i].MappedLUNs = normalMapped(tpg.ACLs[i].MappedLUNs)
		}
		t.TPGs[i] = tpg
	}
	return t
}

func normalMapped(all []MappedLUN) []MappedLUN {
	all = slices.Clone(all)
	sort.Slice(all, func(i, j int) bool { return all[i].Index < all[j].Index })
	for i := range all {
		all[i].Alias = ""
	}
	return all
}
