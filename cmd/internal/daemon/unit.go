package daemon

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
)

// unit is a disk with what it remembers across reboots. That is kept under the unit's serial number, which rtslib writes
// only when the device has been enabled: so the file is found, and the disk given back what is in it, before the first
// command, or at once where there are LUNs already.
type unit struct {
	*sbc.Disk
	v        *volume // whose it is
	store    backend.Store
	restored atomic.Bool
	once     sync.Once
	members  map[*volume]bool // guarded by d.mu: those that stand for its I_T nexuses, until they are done with it
}

// Do implements scsi.Handler.
func (u *unit) Do(c *scsi.Command) scsi.Result {
	if !u.restored.Load() {
		u.restore()
	}
	return u.Disk.Do(c)
}

// restore gives the disk back what it remembers, once. Where that fails it is write protected, and the volume says why.
func (u *unit) restore() {
	u.once.Do(func() {
		v := u.v
		if v.d.cfg.Data != "" {
			v.remembers.open(v)
		}
		if err := u.Disk.Restore(); err != nil {
			err = fmt.Errorf("the disk is write protected: %w", err)
			v.log.Error("see to it, and start tcmud anew", "err", err)
			v.d.mu.Lock()
			v.forgot = err
			v.d.announce()
			v.d.mu.Unlock()
		}
		u.restored.Store(true)
	})
}

// manage follows a task management function that came by a nexus: what of a logical unit reset is the disk's, and the other
// nexuses'. The kernel tells the initiator.
func (u *unit) manage(t tcmu.TMR, by *scsi.Nexus) {
	if t.Function == tcmu.LogicalUnitReset {
		u.Disk.Reset(by)
	}
}

// unitMemory is the State of a disk: a file, once it is known which.
type unitMemory struct {
	file *spc.StateFile // set by open, before the first Load or Save
	err  error          // by open: why there is none
}

var _ spc.State = (*unitMemory)(nil)

// Load implements spc.State.
func (m *unitMemory) Load(name string) ([]byte, error) {
	if m.file == nil {
		return nil, m.err
	}
	return m.file.Load(name)
}

// Save implements spc.State.
func (m *unitMemory) Save(name string, record []byte) error {
	if m.file == nil {
		return m.err
	}
	return m.file.Save(name, record)
}

// open finds the file, unless another volume has it.
func (m *unitMemory) open(v *volume) {
	path := v.d.unitFile(v.identity().Serial, v.uio.Config)
	if m.err = v.d.claim(path, v); m.err != nil {
		return
	}
	m.file = spc.OpenState(path)
}

// unitFile is where a unit's memory is. The store is in its name besides the serial number: a disk that is made anew under
// an old name, but of another file, is to remember nothing - least of all that it was being erased.
func (d *Daemon) unitFile(serial, config string) string {
	store := config
	if c, err := parseConfig(config); err == nil {
		store = c.Kind + c.Path
	}
	sum := sha256.Sum256([]byte(serial + "\x00" + store))
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, serial[:min(len(serial), 64)])
	return filepath.Join(d.cfg.Data, "units", fmt.Sprintf("%s.%x", readable, sum[:8]))
}

// claim makes a unit's memory that of one volume.
func (d *Daemon) claim(path string, v *volume) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if other := d.units[path]; other != nil && other != v {
		return fmt.Errorf("%v has the same serial number and the same store: give one of them another", other.uio)
	}
	d.units[path] = v
	return nil
}
