package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"

	daemonfiles "github.com/tcmud/tcmud/cmd/internal/daemon"
	"github.com/tcmud/tcmud/lio"
)

// identities looks for devices with one serial number, which multipath takes for one disk.
func identities(_ context.Context, h Host) ([]Finding, error) {
	objects, err := h.Root.StorageObjects()
	if err != nil {
		return nil, err
	}
	var found []Finding
	of := map[string]lio.StorageObject{}
	for _, so := range objects {
		id, err := so.Identity()
		_, isNexus, _ := so.Nexus()
		if err != nil || id.Serial == "" || isNexus { // which has the number of its backstore
			continue
		}
		if first, taken := of[id.Serial]; taken {
			found = append(found, problem("unless they are one disk by two paths, delete one and make it with a wwn= of its own",
				"%s and %s have the same unit serial number, %s", first.Path(), so.Path(), id.Serial))
		}
		of[id.Serial] = so
	}
	return found, nil
}

// leftovers looks for what somebody began to make, or to remove, and did not end.
func leftovers(ctx context.Context, h Host) ([]Finding, error) {
	var found []Finding
	hbas, err := h.Root.EmptyHBAs()
	if err != nil {
		return nil, err
	}
	for _, dir := range hbas {
		found = append(found, problem("rmdir "+dir, "%s has no storage object", dir).by(func() error { return h.Root.RemoveHBA(dir) }))
	}
	objects, err := h.Root.StorageObjects()
	if err != nil {
		return nil, err
	}
	for _, so := range objects {
		if on, err := so.Enabled(); err == nil && !on {
			found = append(found, problem("rmdir "+so.Path(), "%s was never enabled", so.Path()).by(so.Delete))
			continue
		}
		if n, isNexus, _ := so.Nexus(); isNexus {
			if used, err := so.Activated(); err == nil && !used {
				found = append(found, problem("rmdir "+so.Path(), "%s is for the I_T nexus of %s and %s, and no LUN is made of it", so.Path(), n.Initiator, n.Of).by(so.Delete))
			}
		}
	}
	luns, err := h.Root.LUNs()
	if err != nil {
		return nil, err
	}
	for _, l := range luns {
		if _, err := l.StorageObject(); errors.Is(err, fs.ErrNotExist) && l.Exists() {
			found = append(found, problem("rmdir "+l.Path(), "%s is made of nothing", l).by(l.Delete))
		}
	}
	return append(found, h.memory(ctx)...), nil
}

// memory looks for ramdisk contents whose device is gone. tcmud removes them when it starts, and while it runs they are
// its own affair.
func (h Host) memory(ctx context.Context) []Finding {
	if _, err := h.Daemon.Version(ctx); err == nil {
		return nil
	}
	var found []Finding
	for _, file := range daemonfiles.Orphans(h.Root, h.path(daemonfiles.Memory)) {
		found = append(found, problem("rm "+file, "%s holds a ramdisk whose device is gone", file).by(func() error { return os.Remove(file) }))
	}
	return found
}
