package liotest

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// kind is a kind of directory that can be made.
type kind struct {
	pattern string // of its path below the top of the tree
	// content is what the kernel puts into it, or why it cannot be made. rel is its path.
	content func(k *Kernel, rel string) (files, syscall.Errno)
	holds   string // pattern of the directories below it that keep it from being removed; empty: none
	gone    func(k *Kernel, rel string)
}

// kinds are in the order in which they are looked for.
var kinds = []kind{
	{pattern: "core/*", content: hbaContent, holds: "*"},
	{pattern: "core/*/*", content: deviceContent, holds: "alua/*", gone: (*Kernel).dropDevice},
	{pattern: "core/*/*/alua/*", content: always(aluaGroup(""))},
	{pattern: "*", content: fabricContent, holds: "*"},
	{pattern: "*/*", content: targetContent, holds: "tpgt_*", gone: func(k *Kernel, rel string) { delete(k.hosts, rel) }},
	{pattern: "*/*/*", content: tpgContent, holds: "[lna]*/*"}, // lun, np, acls; the kernel's own attrib and auth hold files
	{pattern: "*/*/*/lun/*", content: lunContent},
	{pattern: "*/*/*/np/*", content: portalContent},
	{pattern: "*/*/*/acls/*", content: aclContent, holds: "lun_*"},
	{pattern: "*/*/*/acls/*/*", content: mappedContent},
}

func always(f files) func(*Kernel, string) (files, syscall.Errno) {
	return func(*Kernel, string) (files, syscall.Errno) { return f, 0 }
}

// own are directories that the kernel has made, and that only it removes.
var own = []string{"core", "core/alua", "*/discovery_auth", "core/*/*/alua/default_tg_pt_gp"}

func kindOf(rel string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return matches(k.pattern, rel) })
	if i < 0 || slices.ContainsFunc(own, func(pattern string) bool { return matches(pattern, rel) }) {
		return kind{}, false
	}
	return kinds[i], true
}

func matches(pattern, rel string) bool {
	ok, _ := path.Match(pattern, rel)
	return ok
}

// Mkdir implements lio.Kernel.
func (k *Kernel) Mkdir(path string) error {
	rel, err := k.begin("mkdir", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		return fail("mkdir", path, syscall.EEXIST)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fail("mkdir", path, syscall.ENOENT)
	}
	kind, ok := kindOf(rel)
	if !ok {
		return fail("mkdir", path, syscall.EPERM)
	}
	content, errno := kind.content(k, rel)
	if errno != 0 {
		return fail("mkdir", path, errno)
	}
	// Nobody sees the directory without what is in it.
	aside := k.Path("new")
	if err := os.Mkdir(aside, 0o755); err != nil {
		return err
	}
	k.fill(aside, content)
	return os.Rename(aside, path)
}

// Rmdir implements lio.Kernel.
func (k *Kernel) Rmdir(path string) error {
	rel, err := k.begin("rmdir", path)
	defer k.mu.Unlock()
	if err != nil {
		return err
	}
	kind, ok := kindOf(rel)
	switch _, err := os.Stat(path); {
	case err != nil:
		return fail("rmdir", path, syscall.ENOENT)
	case !ok:
		return fail("rmdir", path, syscall.EPERM)
	case k.links[path] > 0:
		return fail("rmdir", path, syscall.EBUSY)
	case linkIn(path) != "" || holds(path, kind.holds):
		return fail("rmdir", path, syscall.ENOTEMPTY)
	}
	if kind.gone != nil {
		kind.gone(k, rel)
	}
	return os.RemoveAll(path)
}

// holds reports whether there are directories below path that match the pattern, and are not the kernel's own.
func holds(dir, pattern string) bool {
	if pattern == "" {
		return false
	}
	parent, base := path.Split(pattern)
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		switch {
		case !e.IsDir() || e.Name() == "discovery_auth" || e.Name() == "default_tg_pt_gp":
		case parent != "":
			if matches(strings.TrimSuffix(parent, "/"), e.Name()) && holds(filepath.Join(dir, e.Name()), base) {
				return true
			}
		case matches(base, e.Name()):
			return true
		}
	}
	return false
}

// number is what follows the prefix in the last part of a path; below 0 when that is no number.
func number(rel, prefix string) int {
	digits, ok := strings.CutPrefix(path.Base(rel), prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil {
		return -1
	}
	return int(n)
}
