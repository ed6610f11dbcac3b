// Package daemon finds the TCMU devices whose configuration string is ours, makes a disk of each, and serves it until
// the device goes or the daemon ends. What exists is what configfs says: the daemon keeps no list of its own, so
// tcmuctl, targetcli and a shell script can make and remove devices under it, and after a restart it finds what there
// is.
//
//	daemon.go    the devices there are: found by scanning, told of by netlink
//	volume.go    the life of one: attach, serve, end
//	disk.go      what it is made of, as configfs says
//	nexus.go     a volume that stands for an I_T nexus of another
//	session.go   how long what such a nexus holds lasts
//	engine.go    what is told of reservations and access states, and changed of these
//	keeper.go    who keeps reservations: the disk, or the kernel
//	follow.go    what happens when that changes
//	unit.go      what it remembers across reboots
//	counters.go  what it has done
//	identity.go  what it answers INQUIRY with
//	ports.go     by which ports it is reached
//	ours.go      which devices are ours
//	consent.go   how they come about beside tcmu-runner
//	files.go     what is kept of it outside the kernel
//	marker.go    how a clean end is known to the next start
//	notify.go    what the service manager is told
//	lookout.go   which commands take long
//	reopen.go    which stores are there again
//	replace.go   how another program goes on in its place
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

// Config is what a Daemon needs to know.
type Config struct {
	Root    lio.Root
	Log     *slog.Logger
	Memory  string // directory of the files that hold ramdisk contents, on a tmpfs
	State   string // directory of the markers of a clean end, gone after a reboot
	Data    string // directory of what outlives a reboot; "": nothing does
	Version string
	NoSpin  bool           // rings' threads sleep at once when there is nothing to do
	NoURing bool           // workers do all I/O that has to wait
	Level   *slog.LevelVar // of Log, for the control socket to change; nil: nobody looks at it
}

// Memory is where ramdisks are kept unless the operator says otherwise.
const Memory = "/dev/shm/tcmud"

// drainTime is how long commands in flight may take to end when the daemon ends. It is less than the kernel's default
// command time-out, so that initiators do not see one.
const drainTime = 25 * time.Second

// key names a device: core/user_HBA/NAME.
type key struct {
	hba  int
	name string
}

// Daemon implements control.Source.
type Daemon struct {
	cfg     Config
	started time.Time
	copies  sbc.CopyManager
	reach   reach
	open    func(context.Context, tcmu.UIO, scsi.Handler, tcmu.Options) (*tcmu.Device, error) // tcmu.Open, but in tests

	mu      sync.Mutex
	volumes map[key]*volume    // guarded by mu
	units   map[string]*volume // guarded by mu: by the files of what their disks remember
	ready   bool               // guarded by mu: what there was at start has been attached, or has failed
	ending  bool               // guarded by mu: no volume is added any more
	changed chan struct{}      // guarded by mu: closed, and made anew, when a volume comes, goes or changes state

	successor *control.Program // guarded by mu: who goes on in its place
	replaced  chan struct{}    // closed when there is one
}

var _ control.Source = (*Daemon)(nil)

// New makes a daemon; Run puts it to work.
func New(cfg Config) *Daemon {
	if cfg.Level == nil {
		cfg.Level = new(slog.LevelVar)
	}
	d := &Daemon{
		cfg: cfg, started: time.Now(), open: tcmu.Open,
		volumes: make(map[key]*volume), units: make(map[string]*volume), changed: make(chan struct{}), replaced: make(chan struct{}),
	}
	d.copies.Reaches = d.reaches
	d.reach.known = make(map[[2]*volume]reached)
	return d
}

// Run serves devices until ctx ends, or the daemon is to be replaced; then it drains them and leaves them in the kernel for
// the next start. The error says what kept it from beginning, or which devices were not left clean.
func (d *Daemon) Run(ctx context.Context) error {
	running, stop := context.WithCancel(context.Background()) // until all is drained
	defer stop()
	go d.notify(running)
	go d.lookOut(running)
	// First listen, then scan: a device that comes in between is found twice, which does no harm.
	events, err := tcmu.Listen()
	if err != nil {
		return err
	}
	if err := tcmu.EndReplies(); err != nil {
		return errors.Join(err, events.Close())
	}
	received := make(chan error, 1)
	go func() { received <- d.receive(events) }()
	d.scan()
	d.forgetOrphans()
	go d.awaitFirst(running)

	select {
	case <-ctx.Done():
	case <-d.replaced:
	case err = <-received: // the kernel's events have ended, which they never should
	}
	return errors.Join(err, d.drain(), events.Close())
}

// receive acts on the kernel's events until the listener is closed.
func (d *Daemon) receive(events *tcmu.Listener) error {
	for {
		e, err := events.Next()
		if err != nil {
			return err
		}
		switch e.Kind {
		case tcmu.Added:
			d.consent(events, e)
			d.add(e.UIO, tcmu.Fresh)
		case tcmu.Removed: // the ring's end tells the volume, at the right time and of the right device
		case tcmu.SizeChanged, tcmu.ConfigChanged, tcmu.WriteCacheChanged:
			d.reconfigure(e)
		case tcmu.Lost:
			d.cfg.Log.Warn("kernel events were lost: looking for devices anew")
			d.scan()
			d.refresh()
		}
	}
}

// scan adds the devices there are. Those that have gone end by themselves.
func (d *Daemon) scan() {
	found, err := tcmu.Scan()
	if err != nil {
		d.cfg.Log.Error("cannot look for devices", "err", err)
		return
	}
	for _, nexuses := range []bool{false, true} { // which find their backstores then
		for _, u := range found {
			if lio.IsNexus(u.Config) == nexuses {
				d.add(u, tcmu.Mark{})
			}
		}
	}
}

// add begins to serve a device, if it is ours and not served already. left is how its ring was left, unless a marker
// says more.
func (d *Daemon) add(u tcmu.UIO, left tcmu.Mark) {
	if !d.ours(u.Config) {
		return
	}
	so := d.cfg.Root.User(u.HBA, u.Name)
	incarnation, err := so.Incarnation()
	if err != nil {
		d.cfg.Log.Info("a device has gone before it was served", "device", u, "err", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k := key{u.HBA, u.Name}
	before := d.volumes[k]
	if d.ending || before != nil && before.incarnation == incarnation {
		return
	}
	v := newVolume(d, u, so, incarnation, left)
	d.volumes[k] = v
	d.announce()
	go v.run(before)
}

// reconfigure follows a change of the device's attributes.
func (d *Daemon) reconfigure(e tcmu.Event) {
	d.mu.Lock()
	v := d.volumes[key{e.UIO.HBA, e.UIO.Name}]
	d.mu.Unlock()
	if v != nil {
		v.follow(e)
	}
}

// refresh follows what has changed unheard.
func (d *Daemon) refresh() {
	for _, v := range d.all() {
		for _, e := range v.events() {
			v.follow(e)
		}
	}
}

// all is the volumes there are.
func (d *Daemon) all() []*volume {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.volumes))
}

// again ends a volume and begins a new one for the same device, with another configuration string. The ring goes on where
// it was left.
func (d *Daemon) again(v *volume, config string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(v, config)
}

// begin is again for a caller that holds mu. It returns the new one; nil: it is too late for one.
func (d *Daemon) begin(v *volume, config string) (next *volume) {
	u := v.uio
	u.Config = config
	k := key{u.HBA, u.Name}
	if d.ending || d.volumes[k] != v {
		return nil
	}
	next = newVolume(d, u, v.so, v.incarnation, tcmu.Mark{})
	d.volumes[k] = next
	d.announce()
	go next.run(v)
	return next
}

// ended takes a volume that has ended off the list, unless another has taken its place.
func (d *Daemon) ended(v *volume) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := (key{v.uio.HBA, v.uio.Name}); d.volumes[k] == v {
		delete(d.volumes, k)
		d.reseat(v)
	}
	maps.DeleteFunc(d.units, func(_ string, have *volume) bool { return have == v })
	d.announce()
}

// announce tells those who wait that something has changed. The caller holds mu.
func (d *Daemon) announce() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// drain ends all volumes.
func (d *Daemon) drain() error {
	d.mu.Lock()
	d.ending = true
	all := make([]*volume, 0, len(d.volumes))
	for _, v := range d.volumes {
		all = append(all, v)
		v.stop()
	}
	d.announce()
	d.mu.Unlock()
	var failed []error
	for _, v := range all {
		<-v.ended
		failed = append(failed, v.left)
	}
	return errors.Join(failed...)
}

// Devices lists the volumes.
func (d *Daemon) Devices() []control.Device {
	d.mu.Lock()
	list := make([]control.Device, 0, len(d.volumes))
	units := map[int]*unit{} // by where in list their backstores are
	for _, v := range d.volumes {
		if v.unit != nil && v.state == control.Serving {
			units[len(list)] = v.unit
		}
		list = append(list, v.describe())
	}
	d.mu.Unlock()
	for i, u := range units {
		list[i].Reserving = u.reserving()
	}
	slices.SortFunc(list, func(a, b control.Device) int {
		return cmp.Or(cmp.Compare(a.HBA, b.HBA), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Wait waits for a volume to be there and not attaching any more.
func (d *Daemon) Wait(ctx context.Context, hba int, name string) (control.Device, error) {
	for {
		d.mu.Lock()
		v, changed := d.volumes[key{hba, name}], d.changed
		if v != nil && v.state != control.Attaching {
			defer d.mu.Unlock()
			return v.describe(), nil
		}
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return control.Device{}, fmt.Errorf("user_%d/%s is not served yet: %w", hba, name, ctx.Err())
		}
	}
}

// Version is that of the program.
func (d *Daemon) Version() string { return d.cfg.Version }

// Started is when New was called.
func (d *Daemon) Started() time.Time { return d.started }

// Ready says that the devices there were at start have been attached, or have failed.
func (d *Daemon) Ready() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready
}

// LogLevel is Config.Level.
func (d *Daemon) LogLevel() *slog.LevelVar { return d.cfg.Level }
