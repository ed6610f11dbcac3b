package liotest

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// file is a kind of file that is more than its text.
type file struct {
	pattern string // of its path below the top of the tree
	write   func(k *Kernel, path, value string) error
}

// written are in the order in which they are looked for.
var written = []file{
	{"core/*/*/control", (*Kernel).control},
	{"core/*/*/enable", (*Kernel).enable},
	{"core/*/*/attrib/*", (*Kernel).setAttribute},
	{"core/*/*/wwn/*", (*Kernel).setIdentity},
	{"core/*/*/alua/*/alua_access_type", aluaWords("None", "Implicit", "Explicit", "Implicit and Explicit")},
	{"core/*/*/alua/*/alua_access_status", aluaWords("None", "Altered by Explicit STPG", "Altered by Implicit ALUA")},
	{"core/*/*/alua/*/alua_access_state", setState},
	{"*/*/*/lun/*/alua_tg_pt_gp", (*Kernel).setGroup},
	{"core/*/*/action/block_dev", blockDev},
	{"*/*/*/nexus", (*Kernel).setNexus},
	{"*/*/*/enable", taking(bit)},
	{"*/*/*/attrib/authentication", (*Kernel).setAuthentication},
	{"*/*/*/attrib/*", takingSetting(tpgAttributes)},
	{"*/*/*/param/*", takingSetting(tpgParameters)},
	{"*/*/*/acls/*/attrib/*", takingSetting(aclAttributes)},
	{"*/*/*/acls/*/cmdsn_depth", taking(between(1, 512))},
	{"*/*/*/acls/*/*/write_protect", taking(bit)},
	{"*/*/*/np/*/*", taking(oneOf("0"))}, // there is no hardware for more
	{"*/discovery_auth/enforce_discovery_auth", taking(bit)},
	{"*/*/*/auth/*", setCHAP},
	{"*/*/*/acls/*/auth/*", setCHAP},
}

// Write implements lio.Kernel.
func (k *Kernel) Write(path, value string) error {
	rel, err := k.begin("write", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return fail("open", path, syscall.ENOENT)
	case info.Mode()&0o200 == 0:
		return fail("open", path, syscall.EACCES)
	}
	value = strings.TrimSpace(value)
	for _, f := range written {
		if !matches(f.pattern, rel) {
			continue
		}
		if err := f.write(k, path, value); err != nil {
			return fail("write", path, err)
		}
		return nil
	}
	set(path, value)
	return nil
}

// taking writes what takes says can be written.
func taking(takes func(string) bool) func(*Kernel, string, string) error {
	return func(_ *Kernel, path, value string) error {
		if !takes(value) {
			return syscall.EINVAL
		}
		set(path, value)
		return nil
	}
}

// takingSetting writes what the file's row of a table says can be written.
func takingSetting(table settings) func(*Kernel, string, string) error {
	return func(k *Kernel, path, value string) error {
		setting, known := table[filepath.Base(path)]
		if !known {
			setting.takes = text
		}
		return taking(setting.takes)(k, path, value)
	}
}

func blockDev(_ *Kernel, path, value string) error {
	set(path, map[string]string{"0": "unblocked", "1": "blocked"}[value])
	return nil
}

// setNexus: NULL takes the nexus away, which nothing may use then.
func (k *Kernel) setNexus(file, value string) error {
	prefix, _, _ := strings.Cut(path.Base(filepath.Dir(filepath.Dir(file))), ".")
	now := read(file)
	switch {
	case value != "NULL" && now != "":
		return syscall.EEXIST
	case value != "NULL" && !strings.HasPrefix(value, prefix+"."):
		return syscall.EINVAL
	case value == "NULL" && now == "":
		return syscall.ENODEV
	case value == "NULL" && k.exports(filepath.Dir(file)):
		return map[string]error{"loopback": syscall.EPERM, "vhost": syscall.EBUSY}[fabricOf(strings.TrimPrefix(file, k.top()+"/"))]
	}
	set(file, strings.TrimSuffix(value, "NULL"))
	return nil
}

// exports reports whether a TPG has a LUN that is made of something.
func (k *Kernel) exports(tpg string) bool {
	luns, _ := os.ReadDir(filepath.Join(tpg, "lun"))
	for _, l := range luns {
		if linkIn(filepath.Join(tpg, "lun", l.Name())) != "" {
			return true
		}
	}
	return false
}

// setAuthentication also says what is offered to initiators.
func (k *Kernel) setAuthentication(path, value string) error {
	if err := takingSetting(tpgAttributes)(k, path, value); err != nil {
		return err
	}
	methods := map[string]string{"0": "CHAP,None", "1": "CHAP"}[value]
	set(filepath.Join(filepath.Dir(path), "../param/AuthMethod"), methods)
	return nil
}

// setCHAP also says whether the target proves who it is, which takes a user and a password.
func setCHAP(_ *Kernel, path, value string) error {
	set(path, value)
	dir, mutual := filepath.Dir(path), "1"
	for _, name := range []string{"userid_mutual", "password_mutual"} {
		if v := read(filepath.Join(dir, name)); v == "" || strings.HasPrefix(v, "NULL") {
			mutual = "0"
		}
	}
	set(filepath.Join(dir, "authenticate_target"), readOnly+mutual)
	return nil
}
