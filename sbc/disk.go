// Package sbc answers the block commands of SBC-3: it makes a disk of a backend.Store.
//
//	disk, err := sbc.New(sbc.Config{Store: store, Identity: identity})
//	result := disk.Do(command)
package sbc

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// Config is what a disk is made from.
type Config struct {
	Store backend.Store
	// BlockSize is the logical block length in bytes, 512 (the default) or 4096.
	BlockSize int
	// Identity is asked at each INQUIRY.
	Identity func() spc.Identity
	// WriteThrough starts the disk with its write cache off (WCE=0): a write is durable before it is answered. It is
	// always so for a store that has no volatile cache.
	WriteThrough bool
	// Thick leaves out thin provisioning: UNMAP is unknown, and no block is said to be unmapped. It is always so for a
	// store that cannot free space.
	Thick bool
	// Removable is a disk whose medium can be ejected, and loaded again (RMB).
	Removable bool
	// ShortCDBs leaves out the commands whose CDBs have more than 16 bytes, for initiators that cannot stand to be told
	// of them (libiscsi keeps 16 bytes of a usage map).
	ShortCDBs bool
	// PhysicalExponent is the LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT, at most 15: a physical block has
	// 2^PhysicalExponent logical ones.
	PhysicalExponent int
	// State keeps what the disk remembers across a loss of power. Nil: nothing is kept.
	State spc.State
	// Ports is asked whenever a command wants to know by which ports the disk is reached. Nil: nobody can know.
	Ports func() []spc.PortGroup
	// CopyManager is shared by disks that may copy to each other. Nil: this one copies within itself.
	CopyManager *CopyManager
	// Attributes are those that SetAttributes can change.
	Attributes Attributes
	// MaxTransfer limits the bytes one command may move; 0 is 16 MiB.
	MaxTransfer int64
	// Report hears of each error of the store, with the command that met it. It may be called from several
	// goroutines at once, and must not block. Nil: nobody hears.
	Report func(c *scsi.Command, err error)
	// Reservations: the disk keeps reservations and the access states of its target port groups itself, for I_T nexuses that
	// join it as somebody (scsi.Ends). False where the transport does, as LIO by default: it has no commands for them.
	Reservations bool
}

// Disk is a direct access block device as a logical unit.
type Disk struct {
	*scsi.Unit
	primary *spc.Device

	store      *backend.Medium
	traits     backend.Traits
	block      int64  // bytes
	physical   int    // 2^physical blocks are a physical one
	thin       bool   // UNMAP frees space
	maxBlocks  uint64 // that one command may move
	ports      func() []spc.PortGroup
	report     func(*scsi.Command, error)
	blocks     atomic.Uint64              // number of logical blocks
	attributes atomic.Pointer[Attributes] // without zeros
	writeCache atomic.Bool                // WCE
	changing   sync.Mutex                 // held while blocks or attributes change
	damaged    bool                       // guarded by changing: Restore has failed
	lanes      []lane
	copying    copying
	generation generation // of ORWRITE
	streams    streams
	thresholds thresholds

	removable bool
	removal   removal
	work      *work      // guarded by changing: what formats or sanitizes
	broken    *job       // guarded by changing: a format or sanitize operation that has failed
	suspended bool       // guarded by changing
	holding   sync.Mutex // held while the gate changes
	rests     bool       // guarded by holding: the gate is that of a low power condition
}

// maxTransfer is the default of Config.MaxTransfer in bytes, maxUnmapDescriptors what one UNMAP may have.
const (
	maxTransfer         = 16 << 20
	maxUnmapDescriptors = 256
)

// complete puts the defaults in place of zeros, and says what no disk can be made of.
func (cfg *Config) complete() error {
	if cfg.BlockSize == 0 {
		cfg.BlockSize = 512
	}
	if cfg.MaxTransfer == 0 {
		cfg.MaxTransfer = maxTransfer
	}
	size := cfg.Store.Size()
	switch {
	case cfg.BlockSize != 512 && cfg.BlockSize != 4096:
		return fmt.Errorf("block size %d is not supported: use 512 or 4096", cfg.BlockSize)
	case size <= 0 || size%int64(cfg.BlockSize) != 0:
		return fmt.Errorf("store of %d bytes is not a whole number of blocks of %d bytes", size, cfg.BlockSize)
	case cfg.Identity == nil:
		return fmt.Errorf("no identity given: every logical unit needs a serial number of its own")
	case cfg.PhysicalExponent < 0 || cfg.PhysicalExponent > 15:
		return fmt.Errorf("physical block exponent %d is not supported: use 0 to 15", cfg.PhysicalExponent)
	case cfg.MaxTransfer < int64(cfg.BlockSize):
		return fmt.Errorf("maximum transfer of %d bytes is less than a block", cfg.MaxTransfer)
	}
	return nil
}

// New makes a disk of cfg.Store. It does not close the store; nobody may before the last Do has returned.
func New(cfg Config) (*Disk, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	d := &Disk{
		store:    backend.Resolve(cfg.Store),
		block:    int64(cfg.BlockSize),
		physical: cfg.PhysicalExponent,
		ports:    cfg.Ports,
		report:   cfg.Report,

		removable: cfg.Removable,
	}
	d.generation.policy = powerOnPolicy
	d.lanes = make([]lane, 1)
	if cfg.Reservations {
		d.lanes = make([]lane, lanes)
	}
	d.blocks.Store(uint64(d.store.Size() / d.block))
	d.traits = d.store.Traits()
	d.thin = d.store.Discards() == backend.Native && !d.traits.ReadOnly && !cfg.Thick
	if _, _, err := d.store.Space(); err == nil && d.thin {
		d.thresholds.unit, d.thresholds.reported = thresholdSet/d.block, true
	}
	d.maxBlocks = uint64(cfg.MaxTransfer) / uint64(d.block)
	d.writeCache.Store(d.traits.Volatile && !cfg.WriteThrough)
	d.attributes.Store(cfg.Attributes.complete(d))
	d.primary = spc.New(spc.Config{
		Type:           0x00, // direct access block device
		Removable:      cfg.Removable,
		Versions:       []uint16{0x00a0, 0x0460, 0x04c0}, // SAM-5, SPC-4, SBC-3
		Identity:       cfg.Identity,
		Ports:          cfg.Ports,
		ThirdPartyCopy: true,
		VolatileCache:  d.traits.Volatile,
		Referrals:      cfg.Ports != nil,
		SelfTest:       d.selfTest,
		VPD:            append(d.vpd(), d.vpdReferrals()...),
		Modes:          d.modes(),
		Logs:           d.logs(),
		DeviceSpecific: 0x10, // DPOFUA
		State:          cfg.State,
		Report:         cfg.Report,
		Reservations:   cfg.Reservations,
		Blocks:         func() (uint64, uint32) { return d.Blocks(), uint32(d.block) },
	})
	ops := append(d.primary.Ops(), d.counted(d.watched(d.ops()))...)
	if cfg.ShortCDBs {
		ops = slices.DeleteFunc(ops, func(o scsi.Op) bool { return o.Len > 16 })
	}
	unit, err := scsi.NewUnit(scsi.Config{Ops: ops, Blocks: d.Blocks, Joined: d.primary.Joined, Left: d.lost, Reset: d.reset,
		Waits: d.traits.Blocking})
	if err != nil {
		return nil, err
	}
	d.Unit = unit
	d.primary.Bind(unit)
	d.primary.Remember(ejectedRecord, d.restoreEjected)
	d.primary.Remember(jobRecord, d.restoreJob)
	d.protect()
	manager := cfg.CopyManager
	if manager == nil {
		manager = new(CopyManager)
	}
	manager.join(d)
	return d, nil
}

// Primary is what the disk has in common with all logical units: reservations, target port groups.
func (d *Disk) Primary() *spc.Device { return d.primary }

// Blocks is the capacity in logical blocks.
func (d *Disk) Blocks() uint64 { return d.blocks.Load() }

// BlockSize is the logical block length in bytes.
func (d *Disk) BlockSize() int { return int(d.block) }

// SetWriteCache turns the write cache on or off from outside, as a MODE SELECT of page 08h would. It fails where there
// is no cache to turn on, and when turning it off finds that the store cannot make durable what it holds.
func (d *Disk) SetWriteCache(on bool) error {
	if on && !d.traits.Volatile {
		return fmt.Errorf("the store has no volatile cache to turn on")
	}
	r := d.primary.ChangeMode(0x08, 0, func(page []byte) {
		page[2] &^= wce
		if on {
			page[2] |= wce
		}
	})
	if !r.OK() {
		return fmt.Errorf("write cache not changed: %v", r)
	}
	return nil
}

// WriteCache says whether a write may be answered before it is durable.
func (d *Disk) WriteCache() bool { return d.writeCache.Load() }

// extent is a range of the medium.
type extent struct {
	lba uint64
	n   uint64 // blocks
}

// extentOf is what the CDB of c names, which the unit has found to be on the medium.
func extentOf(c *scsi.Command) extent {
	lba, n := c.Extent()
	return extent{lba, n}
}

// offset and bytes place an extent that is on the medium in the store.
func (d *Disk) offset(e extent) int64 { return int64(e.lba) * d.block }
func (d *Disk) bytes(e extent) int64  { return int64(e.n) * d.block }

// rows of the disk that depend on thin provisioning list this field only where it is evaluated.
func when(ok bool, f ...scsi.Field) []scsi.Field {
	if ok {
		return f
	}
	return nil
}
