package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// file is the name of the volume's files: that of the device, and which of its lives this is.
func (v *volume) file() string {
	return fmt.Sprintf("user_%d.%s.%d", v.uio.HBA, v.uio.Name, v.incarnation)
}

func (v *volume) memory() string { return filepath.Join(v.d.cfg.Memory, v.file()) }
func (v *volume) marker() string { return filepath.Join(v.d.cfg.State, v.file()) }

// forget removes the files of a volume whose device is gone: the contents of a ramdisk go with its device, also where it could
// not be opened any more.
func (v *volume) forget() {
	for _, path := range []string{v.memory(), v.memory() + backend.JournalSuffix, v.marker()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			v.log.Error("cannot remove what is left of the device", "err", err)
		}
	}
}

// journals is the directory of the journals of all stores: each finds its own there by what it is, whatever device of
// whatever name it is served as.
func (d *Daemon) journals() string {
	if d.cfg.Data == "" {
		return ""
	}
	return filepath.Join(d.cfg.Data, "journals")
}

// forgetOrphans removes what is kept of devices that were deleted while no daemon ran. Nobody can reach the contents of
// such a ramdisk any more: a device made again under the same name is another one.
func (d *Daemon) forgetOrphans() {
	for _, dir := range []string{d.cfg.Memory, d.cfg.State} {
		for _, path := range Orphans(d.cfg.Root, dir) {
			d.cfg.Log.Info("removing what is left of a deleted device", "file", path, "err", os.Remove(path))
		}
	}
}

// Orphans lists the files in dir, a daemon's directory of ramdisks or of markers, whose devices are gone.
func Orphans(root lio.Root, dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // nothing has been kept yet
	}
	var orphans []string
	for _, e := range entries {
		so, incarnation, ok := parseFile(root, e.Name())
		if !ok {
			continue
		}
		now, err := so.Incarnation()
		if err == nil && now == incarnation || err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		orphans = append(orphans, filepath.Join(dir, e.Name()))
	}
	return orphans
}

// parseFile is the inverse of volume.file. The journal of a ramdisk belongs to the same device as the ramdisk.
func parseFile(root lio.Root, name string) (so lio.StorageObject, incarnation uint64, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(name, backend.JournalSuffix), "user_")
	first, last := strings.IndexByte(rest, '.'), strings.LastIndexByte(rest, '.')
	if !ok || first < 0 || first == last {
		return so, 0, false
	}
	hba, err1 := strconv.Atoi(rest[:first])
	incarnation, err2 := strconv.ParseUint(rest[last+1:], 10, 64)
	return root.User(hba, rest[first+1:last]), incarnation, err1 == nil && err2 == nil
}
