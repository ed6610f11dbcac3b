package sbc

import "github.com/tcmud/tcmud/scsi"

// lane is what commands that share an extent write to, on cache lines of its own. A disk that keeps reservations itself has
// several, for its I_T nexuses come by several rings (scsi.Command.Lane): a command shares an extent in its lane, and who
// owns one does so in all of them, one after the other.
type lane struct {
	guard         guard
	reads, writes counters
}

// lanes is how many a disk has whose commands come by several rings, a power of two.
const lanes = 8

func (d *Disk) lane(c *scsi.Command) *lane { return &d.lanes[c.Lane()&uint(len(d.lanes)-1)] }

// share and unshare are those of guard, for c.
func (d *Disk) share(c *scsi.Command, e extent)   { d.lane(c).guard.share(e) }
func (d *Disk) unshare(c *scsi.Command, e extent) { d.lane(c).guard.unshare(e) }

// own and disown are those of guard, for all commands.
func (d *Disk) own(e extent) {
	for i := range d.lanes {
		d.lanes[i].guard.own(e)
	}
}

func (d *Disk) disown(e extent) {
	for i := range d.lanes {
		d.lanes[i].guard.disown(e)
	}
}
