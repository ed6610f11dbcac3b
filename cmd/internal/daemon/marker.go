package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// marker says that a ring was left clean: everything taken from it had been answered, and whoever serves it next goes on
// at Tail. The ring itself cannot say so, for answers given out of order leave no trace of what is still owed. It is a
// file that is written when a volume has been drained and gone as soon as one is opened; a daemon that dies leaves none.
type marker struct {
	Incarnation uint64 `json:"incarnation"` // lio.StorageObject.Incarnation: of this device, not a later one of its name
	Tail        uint32 `json:"tail"`        // cmd_tail of the mailbox
	// Left is when the ring began to be left, by the clock since boot.
	Left time.Duration `json:"left"`
	// AtOnce: who goes on does so at once, another volume or another program.
	AtOnce bool `json:"at_once,omitempty"`
}

// current says whether the commands that have come into the ring since are still wanted, given the device's
// cmd_time_out; 0 is none. When it expires the kernel gives the initiator an error and leaves the command in the ring.
// Were that a write, it could land on what the initiator has written in its place. Half of the time is left for the
// commands to be carried out.
func (m marker) current(now, timeout time.Duration) bool {
	return timeout == 0 || now-m.Left < timeout/2
}

// sinceBoot is a clock that goes on from one process to the next, and while the machine sleeps.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 1 << 62 // no marker is current then
	}
	return time.Duration(t.Nano())
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
