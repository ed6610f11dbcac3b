package daemon

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// readyTime is how long the devices found at start may take to be attached until the daemon is ready without them. One
// store that hangs, on a network disk perhaps, must not keep the host from booting.
const readyTime = time.Minute

// awaitFirst waits until the volumes there are have been attached or have failed, and says so.
func (d *Daemon) awaitFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	d.mu.Lock()
	first := slices.Collect(maps.Values(d.volumes))
	d.mu.Unlock()
	for {
		d.mu.Lock()
		attaching := slices.ContainsFunc(first, func(v *volume) bool {
			return v.state == control.Attaching && d.volumes[key{v.uio.HBA, v.uio.Name}] == v
		})
		changed := d.changed
		if !attaching || ctx.Err() != nil {
			d.ready = true
			d.announce()
		}
		ready := d.ready
		d.mu.Unlock()
		if ready {
			d.cfg.Log.Info("ready", "devices", len(first))
			debug.FreeOSMemory() // what the start took, of which little will be needed again
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// notify tells the service manager how the daemon gets on (sd_notify(3)) until ctx ends. Where there is none, it does
// nothing.
//
// The watchdog hears from us as long as the lock is free that all the daemon does takes now and then. A store that hangs
// holds up its own device only, and to start the daemon again would hold up the others too.
func (d *Daemon) notify(ctx context.Context) {
	var tick <-chan time.Time
	if interval, err := systemd.SdWatchdogEnabled(false); err == nil && interval > 0 {
		t := time.NewTicker(interval / 2)
		defer t.Stop()
		tick = t.C
	}
	said := ""
	for {
		p, changed := d.progress()
		if state := p.notification(); state != said {
			said = state
			d.tell(state)
		}
		select {
		case <-changed:
		case <-tick:
			d.tell(systemd.SdNotifyWatchdog)
		case <-ctx.Done():
			return
		}
	}
}

func (d *Daemon) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		d.cfg.Log.Warn("cannot tell the service manager", "state", state, "err", err)
	}
}

// progress is how far the daemon has got.
type progress struct {
	ready, ending, replaced bool
	devices                 map[control.State]int // how many are in each state
}

// progress also returns what is closed when it changes.
func (d *Daemon) progress() (progress, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := progress{d.ready, d.ending, d.successor != nil, map[control.State]int{}}
	for _, v := range d.volumes {
		p.devices[v.state]++
	}
	return p, d.changed
}

// notification is p in the words of sd_notify(3).
func (p progress) notification() string {
	switch {
	case p.replaced: // it is the same process that will be ready again
		return systemd.SdNotifyReloading + "\nSTATUS=making room for another: " + p.status()
	case p.ending:
		return systemd.SdNotifyStopping + "\nSTATUS=ending: " + p.status()
	case p.ready:
		return systemd.SdNotifyReady + "\nSTATUS=" + p.status()
	}
	return "STATUS=starting: " + p.status()
}

// status is p for people: "serving 12 devices, 1 failed".
func (p progress) status() string {
	plural := "s"
	if p.devices[control.Serving] == 1 {
		plural = ""
	}
	text := fmt.Sprintf("serving %d device%s", p.devices[control.Serving], plural)
	for _, state := range []control.State{control.Attaching, control.Draining, control.Failed} {
		if n := p.devices[state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return text
}
