package daemon

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/sgio"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
)

// How many goroutines run what the ring's thread does not: of a store that may wait for a device, and of one in memory,
// where only what takes long is for them.
const (
	workers      = 16
	fewerWorkers = 4
)

// volume is one device of ours and what serves it.
type volume struct {
	d           *Daemon
	uio         tcmu.UIO
	so          lio.StorageObject
	incarnation uint64
	mark        tcmu.Mark // how the ring was left, for all that is known without a marker
	log         *slog.Logger
	ctx         context.Context // ends when the volume is to end
	stop        context.CancelFunc
	ended       chan struct{}   // closed when nothing is left of it
	settled     context.Context // ends when state is Attaching no longer
	settle      context.CancelFunc
	nexus       *nexus // what it stands for, if for an I_T nexus of another's unit; else nil

	state   control.State    // guarded by d.mu
	bereft  bool             // guarded by d.mu: the store has lost what was written and not flushed
	broken  bool             // guarded by d.mu: the ring has come to hold what cannot be trusted
	closed  bool             // guarded by d.mu: the store is a file or device that could not be opened
	failure error            // guarded by d.mu: why state is Failed, or what change of an attribute could not be followed
	store   backend.Returner // guarded by d.mu: nil where it cannot be lost, or is not open
	config  string           // guarded by d.mu: the configuration string that is followed, once uio.Config
	unit    *unit            // guarded by d.mu: that keeps reservations, for nexuses to join while state is Serving; else nil

	reopening atomic.Bool  // it is looked whether the store is there again
	following sync.Mutex   // held while a change is followed
	pending   []tcmu.Event // guarded by following: come while state was Attaching

	forgot    error      // guarded by d.mu: why the disk does not know what it was to remember
	remembers unitMemory // of the disk

	lastIdentity atomic.Pointer[spc.Identity]
	disk         atomic.Pointer[sbc.Disk]    // nil until attached
	ring         atomic.Pointer[tcmu.Device] // nil until attached
	counters     counters
	errors       atomic.Int64 // of the store
	overdue      atomic.Int64 // how many commands take long
	abandoned    atomic.Int64 // how many have been ended for that
	left         error        // why the ring was not left clean; read when ended is closed
}

func newVolume(d *Daemon, u tcmu.UIO, so lio.StorageObject, incarnation uint64, left tcmu.Mark) *volume {
	u.Config = oneLine(u.Config)
	v := &volume{
		d: d, uio: u, so: so, incarnation: incarnation, mark: left,
		log:   d.cfg.Log.With("device", u.String()),
		ended: make(chan struct{}),
		nexus: newNexus(u.Config), state: control.Attaching, config: u.Config,
	}
	v.ctx, v.stop = context.WithCancel(context.Background())
	v.settled, v.settle = context.WithCancel(context.Background())
	return v
}

// describe is the volume for the control socket. The caller holds d.mu.
func (v *volume) describe() control.Device {
	c := control.Device{
		HBA: v.uio.HBA, Name: v.uio.Name, Config: v.config,
		State: v.state, UIO: filepath.Base(v.uio.Path), Incarnation: v.incarnation,
	}
	if v.state == control.Serving || v.state == control.Draining {
		c.Size = v.size()
	}
	if err := errors.Join(v.failure, v.forgot); err != nil {
		c.Error = err.Error()
	}
	c.Counters = v.count()
	if v.nexus != nil {
		n := v.nexus.described()
		c.Nexus = &n
	}
	return c
}

func (v *volume) enter(s control.State, why error) {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	v.state, v.failure = s, why
	v.d.announce()
	v.d.reseat(v)
}

// run is the life of the volume. It begins when the one before it, of the same name, has ended.
func (v *volume) run(before *volume) {
	defer close(v.ended)
	defer v.d.ended(v)
	if before != nil {
		before.stop()
		<-before.ended
	}
	store, handler, err := v.open()
	dev, attachErr := v.attach(store, handler)
	if err = errors.Join(err, attachErr); err != nil {
		if v.ctx.Err() == nil { // else it ends before it has begun
			v.log.Error("cannot serve the device", "config", v.uio.Config, "err", err)
		}
		v.attached(control.Failed, err)
	} else {
		v.log.Info("serving", "config", v.uio.Config, "size", v.size())
		v.restore(handler)
		v.attached(control.Serving, nil)
	}
	var gone bool
	if dev != nil {
		gone = v.serve(dev)
	} else {
		gone = v.awaitRemoval()
	}
	gone = gone || v.removed() // while it was being ended, perhaps
	v.stop()
	v.leave()
	v.enter(control.Draining, nil)
	if left := v.dismiss(); store != nil && v.left == nil && left == nil { // else commands may still be in it, and the process is about to end
		if disk := v.disk.Load(); disk != nil {
			disk.Close()
		}
		v.release(store, gone)
	}
	if gone {
		v.forget()
	}
	if dev, ok := handler.(*sgio.Device); ok && v.left == nil {
		v.log.Info("ended", "gone", gone, "err", dev.Close())
	}
}

// attach begins to serve the ring: where the daemon before left it, or with a reset. store may be nil.
func (v *volume) attach(store backend.Store, h scsi.Handler) (*tcmu.Device, error) {
	if err := v.ctx.Err(); err != nil {
		return nil, err
	}
	v.hearOfTasks()
	o := tcmu.Options{
		Log:    v.log,
		Left:   v.beginning(),
		NoSpin: v.d.cfg.NoSpin, NoURing: v.d.cfg.NoURing,
		Control: &tcmu.Control{
			BlockDev:       v.so.BlockDev,
			ResetRing:      v.resetRing,
			FreeKeptBuffer: v.so.FreeKeptBuffer,
		},
	}
	if u, ok := h.(*unit); ok {
		nexus := v.join(u)
		o.Nexus, o.AtOnce, o.TMR = nexus, true, func(t tcmu.TMR) { u.manage(t, nexus) }
		o.Workers = fewerWorkers
	}
	v.counters.sampled = !waits(store, h)
	if !v.counters.sampled {
		o.Workers = workers
	}
	o.WithdrawOnReset = v.nexus != nil && !strings.HasPrefix(v.nexus.Initiator, "naa.") // it is one of iSCSI
	ring, err := v.d.open(v.ctx, v.uio, counted{h, &v.counters}, o)
	v.ring.Store(ring)
	return ring, err
}

// restore gives a disk back what it remembers, if its serial number is the one to last: there are LUNs.
func (v *volume) restore(h scsi.Handler) {
	u, ok := h.(*unit)
	if !ok {
		return
	}
	if used, err := v.so.Activated(); err == nil && used {
		u.restore()
	}
}

// suspend interrupts what the disk does by itself.
func (v *volume) suspend() {
	if disk := v.disk.Load(); disk != nil {
		disk.Suspend()
	}
}

// beginning is where in the ring to begin: where a marker says, if what has come since is still wanted.
func (v *volume) beginning() tcmu.Mark {
	m, ok := takeMarker(v.marker(), v.incarnation)
	if !ok {
		return v.mark
	}
	if v.failsOver() && !m.AtOnce {
		return tcmu.Mark{}
	}
	seconds, err := v.number("cmd_time_out")
	if err != nil || !m.current(sinceBoot(), time.Duration(seconds)*time.Second) {
		return tcmu.Mark{}
	}
	return tcmu.Mark{Clean: true, Tail: m.Tail}
}

// resetRing empties the ring: commands end so that initiators send them again, or see an error.
func (v *volume) resetRing() error {
	if v.failsOver() {
		return v.so.ResetRing(lio.ResetFail)
	}
	return v.so.ResetRing(lio.ResetBusy)
}

// failsOver says whether the initiators have other paths to the data (recovery=fail). They may have gone on by one of them, so
// that what still waits here is out of date.
func (v *volume) failsOver() bool {
	text := v.uio.Config
	if v.nexus != nil {
		v.d.mu.Lock()
		if u := v.nexus.unit; u != nil {
			text = u.v.uio.Config
		}
		v.d.mu.Unlock()
	}
	c, err := parseConfig(text)
	return err == nil && c.Options.FailOver
}

// serve waits for the end of the ring's service, and brings it about when the volume is to end. It returns whether the
// device is gone.
func (v *volume) serve(dev *tcmu.Device) (gone bool) {
	select {
	case <-dev.Done():
		err := dev.Err()
		if errors.Is(err, tcmu.ErrRemoved) {
			return true
		}
		v.log.Error("the ring is not served any more", "err", err)
		v.d.mu.Lock()
		v.broken = true
		v.d.mu.Unlock()
		v.enter(control.Failed, err)
		return v.awaitRemoval()
	case <-v.ctx.Done():
	}
	began := sinceBoot()
	v.enter(control.Draining, nil)
	v.suspend() // commands that wait for what the disk does by itself end with it
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	mark, err := dev.Stop(ctx)
	switch {
	case err != nil:
		v.left = err
	case mark.Clean:
		v.left = marker{Incarnation: v.incarnation, Tail: mark.Tail, Left: began, AtOnce: v.d.goesOn()}.write(v.marker())
	}
	return errors.Is(dev.Err(), tcmu.ErrRemoved)
}

// awaitRemoval waits, with no ring that would tell, for the device to go or the volume to be ended, and returns whether
// the device is gone.
func (v *volume) awaitRemoval() (gone bool) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if v.removed() {
			return true
		}
		select {
		case <-tick.C:
		case <-v.ctx.Done():
			return false
		}
	}
}

// removed reports whether the device is gone from configfs, or another has its name.
func (v *volume) removed() bool {
	now, err := v.so.Incarnation()
	return errors.Is(err, fs.ErrNotExist) || err == nil && now != v.incarnation
}

// release ends copies from and to the disk, and closes the store.
func (v *volume) release(store backend.Store, gone bool) {
	if disk := v.disk.Load(); disk != nil {
		disk.Close()
	}
	if err := store.Flush(); err != nil {
		v.log.Error("what was written last may not survive a loss of power", "err", err)
	}
	if err := store.Close(); err != nil {
		v.log.Error("cannot close the store", "err", err)
	}
	v.log.Info("ended", "gone", gone)
}
