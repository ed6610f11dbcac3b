package sbc

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
)

// Attributes are what of a disk can be changed while initiators use it.
type Attributes struct {
	WriteProtect bool // initiators cannot write
	Rotational   bool // MEDIUM ROTATION RATE is not reported, where else it is that of a solid state disk
	FailFast     bool // while the store cannot be reached, initiators are told not to wait for it

	// StoreTimeout is how long a command may be with the store; 0: as long as it takes. It is for who has the commands to end
	// them (tcmu.Device.Abandon), and then to SetAway.
	StoreTimeout time.Duration

	// Limits that VPD page B0h reports, in logical blocks; 0: the defaults below. The last two are kept to.
	OptimalTransfer uint32 // at most what Config.MaxTransfer allows
	MaxUnmap        uint32 // of all descriptors of one UNMAP
	MaxWriteSame    uint32
}

// Defaults of Attributes. They keep any one command short; an initiator that wants more sends more commands.
const (
	optimalTransfer = 1 << 20 // bytes; what the loopback fabric passes in one command
	maxUnmap        = 1 << 20
	maxWriteSame    = 1 << 15 // initiators that allocate what a command writes can do 16 MiB, 32 MiB not always
)

// complete returns a with the defaults in place of zeros.
func (a Attributes) complete(d *Disk) *Attributes {
	a.OptimalTransfer = min(cmp.Or(a.OptimalTransfer, max(uint32(optimalTransfer/d.block), 1<<d.physical)), uint32(d.maxBlocks))
	a.MaxUnmap = cmp.Or(a.MaxUnmap, maxUnmap)
	a.MaxWriteSame = cmp.Or(a.MaxWriteSame, maxWriteSame)
	return &a
}

// SetAttributes changes the attributes for commands that begin from now on, and tells every I_T nexus of what has
// changed: the WP bit is a mode parameter (2A/01), the others are in VPD pages (3F/03). A disk whose store is
// read-only stays write protected.
func (d *Disk) SetAttributes(a Attributes) {
	d.changing.Lock()
	defer d.changing.Unlock()
	old, now := *d.attributes.Load(), *a.complete(d)
	d.attributes.Store(&now)
	d.protect()
	if old.WriteProtect != now.WriteProtect && !d.traits.ReadOnly {
		d.Attend(scsi.ModeParametersChanged, nil)
	}
	old.WriteProtect, old.FailFast = now.WriteProtect, now.FailFast
	if old != now {
		d.Attend(scsi.InquiryDataChanged, nil)
	}
}

// Resize changes the capacity to size bytes, with the store, which has to be a backend.Resizer. Every I_T nexus is told
// (2A/09); commands go on meanwhile, and those on what is cut off may fail. After an error the capacity is as
// before. A size that the disk has already changes nothing.
func (d *Disk) Resize(size int64) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	old := d.blocks.Load()
	blocks := uint64(size / d.block)
	switch {
	case size <= 0 || size%d.block != 0:
		return fmt.Errorf("size of %d bytes is not a whole number of blocks of %d bytes", size, d.block)
	case blocks == old:
		return nil
	case d.work != nil:
		return fmt.Errorf("the disk is being formatted or sanitized: its size stays until that has ended")
	case blocks < old: // first no command may begin there
		d.blocks.Store(blocks)
	}
	if err := d.store.Resize(size); err != nil {
		d.blocks.Store(old)
		return err
	}
	d.blocks.Store(blocks)
	d.changes(everything) // what was cut off may come back, as zeros
	d.Attend(scsi.CapacityDataChanged, nil)
	return nil
}

var _ backend.Resizer = (*Disk)(nil)

// StoreTimeout is that of the Attributes.
func (d *Disk) StoreTimeout() time.Duration { return d.attributes.Load().StoreTimeout }
