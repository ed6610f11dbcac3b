package daemon

import (
	"slices"
	"sync"
	"time"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
)

// reachTime is how long an answer of reach is good for: a copy asks for each of its segments, and an answer takes as many
// files to read as there are LUNs.
const reachTime = 2 * time.Second

// reach knows which disks may be copied to each other.
type reach struct {
	mu    sync.Mutex
	known map[[2]*volume]reached // guarded by mu
}

type reached struct {
	yes   bool
	until time.Time
}

// reaches says whether all who reach the disk from reach the disk to. A ring does not say which initiator has sent a
// command, so it is enough if one of them does not.
func (d *Daemon) reaches(from, to *sbc.Disk) bool {
	a, b := d.serving(from), d.serving(to)
	if a == nil || b == nil {
		return false
	}
	now := time.Now()
	d.reach.mu.Lock()
	defer d.reach.mu.Unlock()
	for pair, answer := range d.reach.known {
		if !answer.until.After(now) {
			delete(d.reach.known, pair)
		}
	}
	pair := [2]*volume{a, b}
	answer, known := d.reach.known[pair]
	if !known {
		answer = reached{exportedWith(a.objects(), b.objects()), now.Add(reachTime)}
		d.reach.known[pair] = answer
	}
	return answer.yes
}

// serving is the volume of a disk, nil if it has gone.
func (d *Daemon) serving(disk *sbc.Disk) *volume {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.volumes {
		if v.disk.Load() == disk {
			return v
		}
	}
	return nil
}

// objects are what LUNs of the volume's disk are made of: its device, and those that stand for I_T nexuses of it.
func (v *volume) objects() []lio.StorageObject {
	all := []lio.StorageObject{v.so}
	for _, m := range v.members() {
		all = append(all, m.so)
	}
	return all
}

// exportedWith says whether each TPG that exports one of the storage objects a exports one of b too, and maps that to each
// initiator that it maps the first to, for writing as well if it does that. What cannot be found out is no.
func exportedWith(a, b []lio.StorageObject) bool {
	var luns []lio.LUN
	for _, so := range a {
		of, err := so.LUNs()
		if err != nil {
			return false
		}
		luns = append(luns, of...)
	}
	for _, l := range luns {
		all, err := l.TPG.LUNs()
		if err != nil {
			return false
		}
		others := slices.DeleteFunc(all, func(other lio.LUN) bool {
			so, err := other.StorageObject()
			return err != nil || !slices.Contains(b, so)
		})
		if len(others) == 0 || !mappedWith(l, others) {
			return false
		}
	}
	return len(luns) > 0
}

// mappedWith says whether each node ACL that maps l maps one of others too.
func mappedWith(l lio.LUN, others []lio.LUN) bool {
	acls, err := l.TPG.ACLs()
	if err != nil {
		return false
	}
	for _, acl := range acls {
		mapped, err := acl.MappedLUNs()
		if err != nil {
			return false
		}
		readA, writeA := access(mapped, []lio.LUN{l})
		readB, writeB := access(mapped, others)
		if readA && !readB || writeA && !writeB {
			return false
		}
	}
	return true
}

// access says what an initiator may do with one of luns, by what is mapped to it.
func access(mapped []lio.MappedLUN, luns []lio.LUN) (read, write bool) {
	for _, m := range mapped {
		l, err := m.LUN()
		if err != nil || !slices.Contains(luns, l) {
			continue
		}
		read = true
		protected, err := m.WriteProtect()
		write = write || err == nil && !protected
	}
	return read, write
}
