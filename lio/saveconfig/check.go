package saveconfig

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

// Check reports what in c can be restored nowhere, all of it in one error.
func (c Config) Check() error {
	p := &problems{}
	seen := map[string]bool{}
	for i, so := range c.StorageObjects {
		where := fmt.Sprintf("storage_objects[%d]", i)
		p.add(where, so.check())
		p.once(seen, where, so.Path())
	}
	for i, t := range c.Targets {
		where := fmt.Sprintf("targets[%d]", i)
		t.check(p, where)
		p.once(seen, where, t.Fabric+"/"+t.WWN)
	}
	for i, f := range c.Fabrics {
		where := fmt.Sprintf("fabric_modules[%d]", i)
		p.add(where, f.check())
		p.once(seen, where, f.Name)
	}
	if c.Own != nil {
		for path, id := range c.Own.Identities {
			p.add("tcmud: "+path, lio.Identity{Vendor: id.Vendor, Product: id.Product, Revision: id.Revision}.Check())
		}
	}
	return p.err()
}

// problems are what is wrong.
type problems struct{ list []error }

func (p *problems) add(where string, err error) {
	if err == nil {
		return
	}
	// A name can be as long as the file.
	text := where + ": " + err.Error()
	if len(text) > maxProblem {
		text = text[:maxProblem] + "..."
	}
	p.list = append(p.list, errors.New(strings.ToValidUTF8(text, "?")))
}

// once adds a problem when what has been seen.
func (p *problems) once(seen map[string]bool, where string, what any) {
	name := fmt.Sprint(what)
	if seen[name] {
		p.add(where, fmt.Errorf("%s is there twice", name))
	}
	seen[name] = true
}

// maxProblems are shown, and maxProblem bytes of each: who has more has another sort of file.
const maxProblems, maxProblem = 10, 500

func (p *problems) err() error {
	if n := len(p.list) - maxProblems; n > 0 {
		return errors.Join(append(p.list[:maxProblems:maxProblems], fmt.Errorf("and %d more", n))...)
	}
	return errors.Join(p.list...)
}

func (so StorageObject) check() error {
	_, known := plugins[so.Plugin]
	hasDev := slices.Contains([]string{"block", "fileio", "pscsi"}, so.Plugin)
	hasSize := slices.Contains([]string{"ramdisk", "user"}, so.Plugin)
	switch {
	case !known:
		return fmt.Errorf("plugin %q is not known", so.Plugin)
	case !isName(so.Name):
		return fmt.Errorf("%q cannot be the name of a storage object", so.Name)
	case hasDev && so.Dev == "":
		return fmt.Errorf("%s: dev is missing", so.Path())
	case hasSize && so.Size <= 0 || so.Size < 0:
		return fmt.Errorf("%s: size %d: more than 0 was expected", so.Path(), so.Size)
	case so.Plugin == "user" && !strings.Contains(so.Config, "/"):
		return fmt.Errorf("%s: config %q has no '/' between the handler and the rest", so.Path(), so.Config)
	case strings.ContainsAny(so.Config+so.Dev, ",\n\x00"):
		return fmt.Errorf("%s: the kernel cannot carry commas and line ends in config and dev", so.Path())
	case strings.ContainsAny(so.Control, "\n\x00") || so.HWMaxSectors < 0:
		return fmt.Errorf("%s: control %q, hw_max_sectors %d: the kernel would not take that", so.Path(), so.Control, so.HWMaxSectors)
	}
	for _, g := range so.ALUAGroups {
		isDefault := g.Name == lio.DefaultALUAGroup
		if !isName(g.Name) || !isDefault && (g.ID < 1 || g.ID > 65535) {
			return fmt.Errorf("%s: alua_tpgs: %q with tg_pt_gp_id %d: a name and an id from 1 to 65535 were expected", so.Path(), g.Name, g.ID)
		}
	}
	if err := (lio.Identity{Serial: so.WWN}).Check(); err != nil {
		return fmt.Errorf("%s: %w", so.Path(), err)
	}
	return checkNames(so.Path(), so.Attributes)
}

// isName reports whether name can be that of a directory or link.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) < 256 && !strings.ContainsAny(name, "/ \t\n\x00")
}

func checkNames[T ~string](of string, settings map[string]T) error {
	for name, value := range settings {
		if !isName(name) || strings.ContainsAny(string(value), "\n\x00") {
			return fmt.Errorf("%s: %q cannot be a setting with the value %q", of, name, value)
		}
	}
	return nil
}

func (t Target) check(p *problems, where string) {
	if !known(t.Fabric) {
		p.add(where, fmt.Errorf("fabric %q of target %s: only %s can be restored", t.Fabric, t.WWN, strings.Join(lio.FabricNames(), ", ")))
		return
	}
	if _, err := lio.NormalizeWWN(t.Fabric, t.WWN); err != nil {
		p.add(where, err)
	}
	p.add(where, checkNames(t.WWN, t.Attributes))
	p.add(where, checkNames(t.WWN, t.Parameters))
	seen := map[string]bool{}
	for _, tpg := range t.TPGs {
		here := fmt.Sprintf("%s: %s tpg%d", where, t.WWN, tpg.Tag)
		if tpg.Tag < 0 || tpg.Tag > 65535 {
			p.add(here, errors.New("a tag from 0 to 65535 was expected"))
		}
		p.once(seen, here, tpg.Tag)
		tpg.check(p, here, t.Fabric)
	}
}

const maxLUN = 65535

func (tpg TPG) check(p *problems, where, fabric string) {
	p.add(where, checkNames("attributes", tpg.Attributes))
	p.add(where, checkNames("parameters", tpg.Parameters))
	p.add(where, tpg.CHAP.check())
	luns := map[string]bool{}
	for _, l := range tpg.LUNs {
		p.once(luns, where, fmt.Sprintf("lun%d", l.Index))
		_, _, err := objectPath(l.StorageObject)
		p.add(fmt.Sprintf("%s: lun%d", where, l.Index), errors.Join(err, checkLink(l.Index, l.Alias)))
	}
	portals := map[string]bool{}
	for _, portal := range tpg.Portals {
		address, err := portal.address()
		p.add(where, err)
		p.once(portals, where, "portal "+address.String())
	}
	acls := map[string]bool{}
	for _, a := range tpg.ACLs {
		here := where + ": " + a.Initiator
		if _, err := lio.NormalizeWWN(fabric, a.Initiator); err != nil {
			p.add(where, err)
		}
		p.once(acls, where, a.Initiator)
		a.check(p, here, luns)
	}
}

// check looks whether the LUNs that are mapped are among luns.
func (a ACL) check(p *problems, where string, luns map[string]bool) {
	p.add(where, checkNames("attributes", a.Attributes))
	p.add(where, a.CHAP.check())
	seen := map[string]bool{}
	for _, m := range a.MappedLUNs {
		here := fmt.Sprintf("%s: mapped_lun%d", where, m.Index)
		p.once(seen, here, m.Index)
		p.add(here, checkLink(m.Index, m.Alias))
		if !luns[fmt.Sprintf("lun%d", m.TPGLUN)] {
			p.add(here, fmt.Errorf("there is no lun%d to map", m.TPGLUN))
		}
	}
}

func checkLink(number int, alias string) error {
	if number < 0 || number > maxLUN || alias != "" && !isName(alias) {
		return fmt.Errorf("number %d and alias %q: a number from 0 to %d, and a name without '/' and spaces, were expected", number, alias, maxLUN)
	}
	return nil
}

// objectPath takes the path by which a LUN knows its storage object apart.
func objectPath(path string) (plugin, name string, err error) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 || parts[0] != "" || plugins[parts[2]] == "" || !isName(parts[3]) {
		return "", "", fmt.Errorf("storage_object %q: /backstores/PLUGIN/NAME was expected", path)
	}
	return parts[2], parts[3], nil
}

func (p Portal) address() (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(strings.Trim(p.IPAddress, "[]"))
	if err != nil || p.Port < 1 || p.Port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("portal %s:%d: an IP address and a port were expected", p.IPAddress, p.Port)
	}
	return netip.AddrPortFrom(ip, uint16(p.Port)), nil
}

func (f Fabric) check() error {
	if f.Name != "iscsi" {
		return fmt.Errorf("%q has no discovery: only iscsi has", f.Name)
	}
	return CHAP{f.MutualPassword, f.MutualUserID, f.Password, f.UserID}.check()
}

// check: the kernel's words for no value, and its limits.
func (c CHAP) check() error {
	for _, v := range []string{c.MutualPassword, c.MutualUserID, c.Password, c.UserID} {
		if v == "NULL" || len(v) > 255 || strings.ContainsAny(v, "\n\x00") {
			return errors.New("a user or password of CHAP cannot be NULL, longer than 255 bytes, or have line ends")
		}
	}
	return nil
}
