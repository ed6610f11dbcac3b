package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/tcmud/tcmud/lio"
)

func rights(_ context.Context, h Host) ([]Finding, error) {
	if h.UID == 0 {
		return ok("root"), nil
	}
	return []Finding{problem("run as root: sudo tcmuctl doctor", "user %d may look, but not make, serve or remove devices", h.UID)}, nil
}

func configfs(_ context.Context, h Host) ([]Finding, error) {
	dir := h.path("sys/kernel/config")
	switch {
	case exists(h.path("sys/kernel/config/target")):
		return ok("mounted at %s", dir), nil
	case !exists(dir):
		return []Finding{later("modprobe configfs", "%s does not exist yet", dir).by(h.Prepare)}, nil
	}
	return []Finding{later("mount -t configfs configfs /sys/kernel/config; modprobe target_core_mod",
		"%s has no target yet: configfs is not mounted, or target_core_mod is not loaded", dir).by(h.Prepare)}, nil
}

// modules looks for those of the core, without which there is no device, and those of the fabrics, of which one that is
// missing is missed by its users only. One that can be loaded is loaded when it is needed.
func modules(_ context.Context, h Host) ([]Finding, error) {
	core, fabrics := lio.Modules()
	var loaded, loadable []string
	var found []Finding
	for i, m := range append(core, fabrics...) {
		if h.Root.Loaded(m) {
			loaded = append(loaded, m.Name)
			continue
		}
		err := h.Loadable(m.Name)
		switch {
		case err == nil && i < len(core):
			found = append(found, later("modprobe "+m.Name, "%s is not loaded yet", m.Name).by(h.Prepare))
		case err == nil:
			loadable = append(loadable, m.Name)
		case i < len(core):
			found = append(found, problem(install(m), "this kernel has no %s", m.Name))
		default:
			found = append(found, later(install(m), "this kernel has no %s: its targets cannot be made", m.Name))
		}
	}
	text := strings.Join(loaded, ", ") + " loaded"
	if len(loadable) > 0 {
		text += "; " + strings.Join(loadable, ", ") + " loaded when needed"
	}
	if len(loaded) > 0 {
		found = append(ok("%s", text), found...)
	}
	return found, nil
}

// later is what is in nobody's way until it is needed, and most of it tcmud and tcmuctl see to themselves then.
func later(remedy, format string, a ...any) Finding {
	f := note(format, a...)
	f.Remedy = remedy
	return f
}

func install(m lio.Module) string {
	return fmt.Sprintf("use a kernel with %s (Debian: linux-image-amd64 or linux-image-cloud-amd64; Ubuntu: apt install linux-modules-extra-$(uname -r))", m.Option)
}

// reservations looks for the directory without which every PERSISTENT RESERVE OUT fails.
func reservations(_ context.Context, h Host) ([]Finding, error) {
	b, err := os.ReadFile(h.path("sys/kernel/config/target/dbroot"))
	dbroot := strings.TrimSpace(string(b))
	if err != nil || dbroot == "" {
		return ok("the kernel has not been asked yet"), nil
	}
	dir := h.path(dbroot, "pr")
	if exists(dir) {
		return ok("kept in %s", dir), nil
	}
	return []Finding{problem("mkdir -p "+dir, "%s does not exist: persistent reservations fail", dir).
		by(func() error { return os.MkdirAll(dir, 0o700) })}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
