package spc

import (
	"slices"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// reservations are those of a logical unit.
type reservations struct {
	mu      sync.Mutex
	nexuses []*scsi.Nexus // guarded by mu: those that have joined, the stranger among them
}

// Joined is told of each I_T nexus before its first command (scsi.Config).
func (d *Device) Joined(n *scsi.Nexus) {
	if a := d.access; a != nil {
		a.joined(n)
	}
	if r := d.reserve; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nexuses = append(r.nexuses, n)
	}
}

// Left is told of the loss of each I_T nexus.
func (d *Device) Left(n *scsi.Nexus) {
	if r := d.reserve; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nexuses = slices.DeleteFunc(r.nexuses, func(have *scsi.Nexus) bool { return have == n })
	}
}

// Reset is told of a logical unit reset.
func (d *Device) Reset() {}
