package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// A ring does not tell who has sent a command. So that the disk knows, a backstore that keeps reservations itself has a
// device for each I_T nexus: a volume without a store, that serves its ring with the unit of its backstore's volume. It
// may come before or after that. Whenever the unit comes or goes, the nexus' volume is begun anew, and its ring goes on
// where it was left: with the unit's commands, or with NOT READY while there is none.

// nexus is what a volume has that stands for an I_T nexus of another's unit.
type nexus struct {
	lio.Nexus
	ends    scsi.Ends
	unit    *unit                      // guarded by d.mu: which it has joined
	decided bool                       // guarded by d.mu: whether there is one is known
	joined  atomic.Pointer[scsi.Nexus] // as unit knows it
	disk    atomic.Pointer[sbc.Disk]   // of unit
	lun     atomic.Pointer[lio.LUN]    // made of its device, as found last
	looking atomic.Bool                // for it
}

// newNexus is nil for a configuration string that is none of an I_T nexus.
func newNexus(config string) *nexus {
	n, err := lio.ParseNexus(config)
	if err != nil {
		return nil
	}
	return &nexus{Nexus: n}
}

// described is the nexus for the control socket.
func (n *nexus) described() control.Nexus {
	return control.Nexus{Of: n.Of, Initiator: n.Initiator, Port: n.Port, Group: n.Group}
}

// openNexus finds the unit to serve the ring with.
func (v *volume) openNexus() (*unit, error) {
	if v.nexus == nil {
		_, err := lio.ParseNexus(v.uio.Config)
		return nil, err
	}
	id, err := spc.TransportID(v.nexus.Initiator)
	if err != nil {
		return nil, err
	}
	v.nexus.ends = scsi.Ends{
		Name:      fmt.Sprintf("%s at port %d", v.nexus.Initiator, v.nexus.Port),
		Initiator: id, Port: v.nexus.Port, Group: v.nexus.Group,
	}
	if err := v.keepReservations(); err != nil {
		return nil, err
	}
	return v.awaitUnit()
}

// awaitUnit joins the unit of the nexus' backstore, if there is one. While that is on its way, or its last one is, it
// waits.
func (v *volume) awaitUnit() (*unit, error) {
	for {
		u, wait, err := v.d.findUnit(v)
		if wait == nil {
			return u, err
		}
		select {
		case <-wait:
		case <-v.ctx.Done():
			return nil, v.ctx.Err()
		}
	}
}

// findUnit makes a nexus' volume a member of its backstore's unit, or says why it cannot be, or what to wait for first.
func (d *Daemon) findUnit(v *volume) (u *unit, wait <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := d.backstore(v.nexus.Of)
	switch {
	case err != nil:
	case b.state == control.Attaching:
		return nil, b.settled.Done(), nil
	case b.state == control.Draining:
		return nil, b.ended, nil
	case b.state == control.Failed:
		err = fmt.Errorf("its backstore %v is not served: see to that first", b.uio)
	case b.unit == nil:
		err = fmt.Errorf("its backstore %v leaves reservations to the kernel: make it with reservations=engine, or delete this device and make LUNs of the backstore", b.uio)
	default:
		u = b.unit
		u.members[v] = true
	}
	v.nexus.unit, v.nexus.decided = u, true
	return u, nil, err
}

// backstore is the volume of that name which stands for no nexus. The caller holds mu.
func (d *Daemon) backstore(name string) (found *volume, err error) {
	for k, v := range d.volumes {
		switch {
		case k.name != name || v.nexus != nil:
		case found != nil:
			return nil, fmt.Errorf("its backstore is %v or %v: delete one of them", found.uio, v.uio)
		default:
			found = v
		}
	}
	if found == nil {
		return nil, fmt.Errorf("there is no backstore %s: make it, or delete this device", name)
	}
	return found, nil
}

// reseat begins those volumes anew that stand for nexuses of b, unless they have joined its unit and that is served. The
// caller holds mu.
func (d *Daemon) reseat(b *volume) {
	if b.nexus != nil {
		return
	}
	for _, v := range d.volumes {
		n := v.nexus
		if n == nil || n.Of != b.uio.Name || !n.decided {
			continue
		}
		if n.unit == nil || n.unit == b.unit && b.state != control.Serving {
			d.begin(v, v.config)
		}
	}
}

// join makes the I_T nexus of a ring known to the unit.
func (v *volume) join(u *unit) *scsi.Nexus {
	if v.nexus == nil {
		return u.Join("any initiator")
	}
	n := u.JoinAs(v.nexus.ends)
	n.Watch(v.session)
	v.nexus.joined.Store(n)
	v.nexus.disk.Store(u.Disk)
	return n
}

// leave is the loss of the I_T nexus that the volume stands for. A ring that was not left clean keeps the unit: commands
// may still be in its store.
func (v *volume) leave() {
	if v.nexus == nil {
		return
	}
	v.d.mu.Lock()
	u := v.nexus.unit
	if u != nil && v.left == nil {
		delete(u.members, v)
	}
	v.d.mu.Unlock()
	if n := v.nexus.joined.Swap(nil); n != nil {
		v.nexus.disk.Store(nil)
		u.Leave(n)
	}
}

// dismiss waits until the nexuses of the volume's unit have gone, which its state sends away, and says what was not left
// clean of them.
func (v *volume) dismiss() (left error) {
	v.suspend() // so that commands that wait for what the disk does by itself end
	for _, m := range v.members() {
		<-m.ended
		if m.left != nil {
			left = m.left
		}
	}
	return left
}

// members are the volumes of the nexuses that have joined the volume's unit, sorted by name.
func (v *volume) members() []*volume {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	if v.unit == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(v.unit.members), func(a, b *volume) int {
		return cmp.Or(cmp.Compare(a.uio.Name, b.uio.Name), cmp.Compare(a.uio.HBA, b.uio.HBA))
	})
}
