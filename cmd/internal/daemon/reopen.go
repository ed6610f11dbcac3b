package daemon

import "github.com/tcmud/tcmud/cmd/internal/control"

// reopen begins those volumes anew whose store can be opened again: one that could not be when the volume began, and one that
// was lost while it was served. Initiators see NOT READY until then. So it does those whose ring is broken.
func (d *Daemon) reopen() {
	for _, v := range d.all() {
		if is := v.returning(); is != nil && v.reopening.CompareAndSwap(false, true) {
			go func() { // a file of a server that is away may make us wait
				defer v.reopening.Store(false)
				if is() {
					d.takeBack(v)
				}
			}()
		}
	}
}

// takeBack begins a volume anew whose store is there again, or whose ring is broken: what was in that is sent again.
func (d *Daemon) takeBack(v *volume) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bereft := !v.broken && v.store != nil && v.store.Unflushed()
	v.log.Info("beginning anew", "config", v.config, "ring broken", v.broken, "writes lost", bereft)
	if next := d.begin(v, v.config); next != nil {
		next.bereft = bereft
	}
}

// returning is how to learn whether the store is there again; nil where it has never been away.
func (v *volume) returning() func() bool {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	switch {
	case v.state == control.Failed && v.broken:
		return func() bool { return true } // a reset mends it
	case v.state == control.Failed && v.closed:
		return v.opens
	case v.state == control.Serving && v.store != nil && v.errors.Load() > 0:
		return v.store.Returned
	}
	return nil
}

// opens says whether the store can be opened.
func (v *volume) opens() bool {
	c, err := parseConfig(v.uio.Config)
	if err != nil || c.Probe() != nil {
		return false
	}
	store, err := v.openStore(c)
	return err == nil && store.Close() == nil
}
