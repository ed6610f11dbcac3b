package daemon

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

// kernelHWMaxSectors is what the kernel sets hw_max_sectors to where nobody did.
const kernelHWMaxSectors = 128

// open opens the store and makes a disk of it. Where that fails, there is still a handler: one that says NOT READY at
// once, so that initiators - and the kernel, when a LUN is made - need not wait for a time-out to learn it.
func (v *volume) open() (backend.Store, scsi.Handler, error) {
	if lio.IsNexus(v.uio.Config) {
		u, err := v.openNexus()
		if err != nil {
			return nil, notReady, err
		}
		return nil, u, nil
	}
	c, err := parseConfig(v.uio.Config)
	if err != nil {
		return nil, notReady, err
	}
	if c.Kind == "pscsi" {
		return v.openPassthrough(c.Path)
	}
	store, err := v.openStore(c)
	if err != nil {
		v.d.mu.Lock()
		v.closed = c.Path != ""
		v.d.mu.Unlock()
		return nil, notReady, err
	}
	disk, err := v.newDisk(v.retrying(store, c.Options), c.Options)
	if err != nil {
		return store, notReady, err
	}
	v.disk.Store(disk)
	u := &unit{Disk: disk, v: v, store: store, members: map[*volume]bool{}}
	if c.Options.Engine {
		if err := v.keepReservations(); err != nil {
			return store, notReady, err
		}
		v.d.mu.Lock()
		v.unit = u
		v.d.mu.Unlock()
	}
	return store, u, nil
}

// retrying is the store as the disk sees it.
func (v *volume) retrying(store backend.Store, o backend.Options) backend.Store {
	v.d.mu.Lock()
	v.store, _ = store.(backend.Returner)
	if f, ok := store.(*backend.File); ok && v.bereft {
		f.LostWrites()
	}
	v.d.mu.Unlock()
	if o.RetryTime == 0 {
		return store
	}
	return backend.Retry(store, time.Duration(o.RetryTime)*time.Second, v.ctx.Done())
}

var notReady = scsi.HandlerFunc(func(*scsi.Command) scsi.Result { return scsi.LogicalUnitNotReadyManual })

// lettingGo is how long a store may be in use still by a daemon that was killed.
const lettingGo = 10 * time.Second

// openStore opens the store. What a daemon that was killed has the kernel do may not be over although its process is, and
// until it is, the store counts as in use by it. Its ring is not reset before: memory that the kernel is to fill for
// commands of then must not hold the data of others.
func (v *volume) openStore(c backend.Config) (backend.Store, error) {
	size, err := v.so.Size()
	if err != nil {
		return nil, err
	}
	block, err := v.number("hw_block_size")
	if err != nil {
		return nil, err
	}
	o := backend.OpenOptions{Size: size, BlockSize: block, Grow: isRunners(v.uio.Config), Memory: v.memory(), Journals: v.d.journals()}
	for began := time.Now(); ; {
		store, err := backend.Open(c, o)
		inUse := errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EBUSY)
		if !inUse || v.mark == tcmu.Fresh || time.Since(began) > lettingGo {
			return store, err
		}
		select {
		case <-v.ctx.Done():
			return store, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (v *volume) newDisk(store backend.Store, o backend.Options) (*sbc.Disk, error) {
	block, err1 := v.number("hw_block_size")
	sectors, err2 := v.number("hw_max_sectors")
	cache, err3 := v.number("emulate_write_cache")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	cfg := sbc.Config{
		Store: store, BlockSize: int(block), Identity: v.identity, Ports: v.ports, Report: v.report,
		WriteThrough: !v.caches(cache != 0), Thick: o.Thick, Attributes: attributes(o),
		Reservations: o.Engine, CopyManager: &v.d.copies, Removable: o.Removable, ShortCDBs: o.ShortCDBs, PhysicalExponent: int(o.PhysicalExponent),
	}
	if o.Engine {
		cfg.Ports = v.nexusPorts
	}
	if v.d.cfg.Data != "" {
		cfg.State = &v.remembers
	}
	if sectors != kernelHWMaxSectors {
		cfg.MaxTransfer = sectors * block
	}
	return sbc.New(cfg)
}

// caches reports whether the disk has a write cache, where the attribute is as given. tcmu-runner's files always do.
func (v *volume) caches(attribute bool) bool { return attribute || isRunners(v.uio.Config) }

// attributes are the options that can change while the disk is in use.
func attributes(o backend.Options) sbc.Attributes {
	return sbc.Attributes{
		WriteProtect: o.WriteProtect, Rotational: o.Rotational, FailFast: o.FailFast, StoreTimeout: time.Duration(o.StoreTimeout) * time.Second,
		OptimalTransfer: o.OptimalSectors, MaxUnmap: o.MaxUnmapLBACount, MaxWriteSame: o.MaxWriteSameLen,
	}
}

// number reads an attribute of the device that is a number.
func (v *volume) number(attribute string) (int64, error) {
	s, err := v.so.Attribute(attribute)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute %s of %v is %q: not a number", attribute, v.uio, s)
	}
	return n, nil
}

// report logs an error of the store. An initiator may bring about thousands a second, so only the 1st, 2nd, 4th, 8th ...
// get into the log.
func (v *volume) report(c *scsi.Command, err error) {
	if n := v.errors.Add(1); n&(n-1) == 0 {
		name := "none" // a job of the disk's own, or a change from outside
		if c != nil {
			name = c.Name()
		}
		v.log.Error("the store failed", "command", name, "err", err, "times", n)
	}
}
