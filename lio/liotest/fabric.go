package liotest

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// modules are those of the fabrics.
var modules = map[string]string{"iscsi": "iscsi_target_mod", "loopback": "tcm_loop", "vhost": "vhost_scsi"}

// fabricOf is the first part of a path.
func fabricOf(rel string) string {
	fabric, _, _ := strings.Cut(rel, "/")
	return fabric
}

// fabricContent: the kernel looks for the modules of the oldest fabrics itself.
func fabricContent(k *Kernel, rel string) (files, syscall.Errno) {
	module, known := modules[rel]
	if known && rel != "vhost" && !k.loaded(module) && k.load(module) != nil {
		return nil, syscall.EINVAL
	}
	if !known || !k.loaded(module) {
		return nil, syscall.EINVAL
	}
	f := files{"discovery_auth/": ""}
	if rel != "iscsi" {
		return f.and("", files{"version": readOnly + "TCM " + rel}), 0
	}
	return f.and("", files{"lio_version": readOnly + "Datera Inc. iSCSI Target v4.1.0", "cpus_allowed_list": "0-1"}).
		and("discovery_auth/", chap).and("discovery_auth/", files{"enforce_discovery_auth": "0"}), 0
}

func targetContent(k *Kernel, rel string) (files, syscall.Errno) {
	wwn := path.Base(rel)
	isSAS := strings.HasPrefix(wwn, "naa.") || strings.HasPrefix(wwn, "fc.") || strings.HasPrefix(wwn, "iqn.")
	if fabricOf(rel) != "iscsi" && !isSAS {
		return nil, syscall.EINVAL
	}
	if fabricOf(rel) == "loopback" {
		k.host++
		k.hosts[rel] = k.host
	}
	return files{"fabric_statistics/": "", "param/cmd_completion_affinity": "-1"}, 0
}

func tpgContent(k *Kernel, rel string) (files, syscall.Errno) {
	limit := map[string]int{"iscsi": 65535, "loopback": 31, "vhost": 255}[fabricOf(rel)]
	tag := number(rel, "tpgt_")
	if tag < 0 || tag > limit {
		return nil, syscall.EINVAL
	}
	f := files{"lun/": "", "np/": "", "acls/": "", "attrib/": "", "auth/": "", "param/": ""}
	switch fabricOf(rel) {
	case "iscsi":
		f.and("", files{"enable": "0", "dynamic_sessions": readOnly}).and("attrib/", tpgAttributes.files()).
			and("param/", tpgParameters.files()).and("auth/", chap)
	case "loopback":
		address := fmt.Sprintf("%d:0:%d", k.hosts[path.Dir(rel)], tag)
		f.and("", files{"nexus": "", "address": readOnly + address, "transport_status": "online", "attrib/fabric_prot_type": "0"})
	default:
		f.and("", files{"nexus": "", "attrib/fabric_prot_type": "0"})
	}
	return f, 0
}

func lunContent(_ *Kernel, rel string) (files, syscall.Errno) {
	if number(rel, "lun_") < 0 {
		return nil, syscall.EINVAL
	}
	return files{"statistics/scsi_port/indx": readOnly + "0", "alua_tg_pt_gp": "", "alua_tg_pt_offline": "0"}, 0
}

// portalContent: the kernel listens at once, and reports an address that is in use as it does a malformed one.
func portalContent(k *Kernel, rel string) (files, syscall.Errno) {
	if fabricOf(rel) != "iscsi" {
		return nil, syscall.ENOSYS
	}
	address, err := netip.ParseAddrPort(path.Base(rel))
	if err != nil {
		return nil, syscall.EINVAL
	}
	target := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Join(k.top(), rel))))
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(target), "*/tpgt_*/np/*"))
	for _, other := range others {
		same := filepath.Dir(filepath.Dir(filepath.Dir(other))) == target
		if a, err := netip.ParseAddrPort(filepath.Base(other)); err == nil && clash(a, address, same) {
			return nil, syscall.EINVAL
		}
	}
	return files{"iser": "0", "cxgbit": "0"}, 0
}

// clash: one target may listen at an address once, other targets may share it, and an address is not free while all
// addresses are listened at. To the kernel, all addresses of IPv6 are also those of IPv4.
func clash(a, b netip.AddrPort, sameTarget bool) bool {
	allA, allB := a.Addr().IsUnspecified(), b.Addr().IsUnspecified()
	switch {
	case a.Port() != b.Port():
		return false
	case a == b || allA && allB:
		return sameTarget
	case a.Addr().Is4() == b.Addr().Is4():
		return allA || allB
	}
	return allA && a.Addr().Is6() || allB && b.Addr().Is6()
}

func aclContent(_ *Kernel, rel string) (files, syscall.Errno) {
	if fabricOf(rel) != "iscsi" {
		return nil, 0
	}
	f := files{
		"info":        readOnly + "No active iSCSI Session for Initiator Endpoint: " + path.Base(rel),
		"cmdsn_depth": "64", "tag": "",
	}
	return f.and("attrib/", aclAttributes.files()).and("auth/", chap).and("param/", files{"MaxConnections": readOnly + "No Active iSCSI Session"}), 0
}

func mappedContent(_ *Kernel, rel string) (files, syscall.Errno) {
	if number(rel, "lun_") < 0 {
		return nil, syscall.EINVAL
	}
	return files{"statistics/": "", "write_protect": "0"}, 0
}

// Symlink implements lio.Kernel.
func (k *Kernel) Symlink(object, path string) error {
	rel, err := k.begin("symlink", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	if errno := k.linkable(object, rel); errno != 0 {
		return fail("symlink", path, errno)
	}
	// Wherever a link points, the kernel reads it back relative to where the tree is mounted.
	up := strings.Repeat("../", strings.Count(rel, "/")+1)
	if err := os.Symlink(up+"target"+strings.TrimPrefix(object, k.top()), path); err != nil {
		return err
	}
	k.links[object]++
	if matches("*/*/*/lun/*/*", rel) {
		k.status(object)
		k.rtpi[object]++
		k.fill(filepath.Dir(path), files{"statistics/scsi_port/indx": readOnly + strconv.Itoa(k.rtpi[object])})
		if read(filepath.Join(object, "attrib/alua_support")) == "1" { // else the device has no groups
			if err := k.setGroup(filepath.Join(filepath.Dir(path), "alua_tg_pt_gp"), "default_tg_pt_gp"); err != nil {
				return err
			}
		}
		k.plug(filepath.Dir(path))
	}
	return nil
}

// linkable says why there can be no link to an object at rel.
func (k *Kernel) linkable(object, rel string) syscall.Errno {
	to, err := filepath.Rel(k.top(), object)
	if _, statErr := os.Stat(object); err != nil || statErr != nil {
		return syscall.ENOENT
	}
	dir := filepath.Join(k.top(), path.Dir(rel))
	switch {
	case matches("*/*/*/lun/*/*", rel):
		switch {
		case !matches("core/*/*", to):
			return syscall.EFAULT
		case linkIn(dir) != "":
			return syscall.EEXIST
		case read(filepath.Join(object, "enable")) != "1":
			return syscall.ENODEV
		}
		return 0
	case matches("*/*/*/acls/*/*/*", rel):
		switch {
		case !matches("*/*/*/lun/*", to):
			return syscall.EFAULT
		case linkIn(dir) != "" || linkIn(object) == "" || !strings.HasPrefix(rel, path.Dir(path.Dir(to))+"/"):
			return syscall.EINVAL
		}
		return 0
	}
	return syscall.EPERM
}

// Unlink implements lio.Kernel.
func (k *Kernel) Unlink(path string) error {
	rel, err := k.begin("unlink", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	_, below, _ := strings.Cut(to, "../target/")
	object := filepath.Join(k.top(), below)
	k.links[object]--
	if matches("*/*/*/lun/*/*", rel) {
		k.status(object)
		k.regroup(filepath.Dir(path), object, "")
		k.unplug(filepath.Dir(path))
	}
	return nil
}

// linkIn names the link in a directory, empty when there is none.
func linkIn(dir string) string {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if e.Type()&os.ModeSymlink != 0 {
			return e.Name()
		}
	}
	return ""
}
