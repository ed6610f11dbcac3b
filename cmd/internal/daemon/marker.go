package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// marker says that a ring was left clean: everything taken from it had been answered, and whoever serves it next goes on
// at Tail. The ring itself cannot say so, for answers given out of order leave no trace of what is still owed. It is a
// file that is written when a volume has been drained and gone as soon as one is opened; a daemon that dies leaves none.
type marker struct {
	Incarnation uint64 `json:"incarnation"` // lio.StorageObject.Incarnation: of this device, not a later one of its name
	Tail        uint32 `json:"tail"`        // cmd_tail of the mailbox
}

// write puts the marker at path, whole or not at all. Durability is not asked for: a reboot takes the device as well.
func (m marker) write(path string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// takeMarker reads and removes the marker at path. ok is false when there is none for this incarnation of the device, or
// it cannot be removed: a marker may count only once.
func takeMarker(path string, incarnation uint64) (m marker, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil || os.Remove(path) != nil || json.Unmarshal(b, &m) != nil {
		return marker{}, false
	}
	return m, m.Incarnation == incarnation
}
