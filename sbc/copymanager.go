package sbc

import (
	"bytes"
	"slices"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// CopyManager is what disks that copy to each other have in common (SPC-4 5.17): they find each other by their
// designators, and honour the ROD tokens that any of them has made. The zero CopyManager is ready. A disk without one of
// Config copies within itself only.
type CopyManager struct {
	// Reaches says whether all who reach the disk that a command was sent to reach another one too: EXTENDED COPY finds no
	// other, so that nobody copies what he could not read or write himself. (A ROD token is a right of its own: who has
	// it was given it.) It is asked by several goroutines at once. Nil: all do.
	Reaches func(from, to *Disk) bool

	mu    sync.Mutex
	last  int     // order of the disk that joined last; guarded by mu
	disks []*Disk // guarded by mu

	tokens tokens
}

// copying is a disk's part in copies.
type copying struct {
	manager    *CopyManager
	order      int // of its locks among those of other disks; immutable after join
	operations operations
	tokens     tokenCount

	// life is held shared by each piece of a copy from or to the disk, so that none is under way once gone is set.
	life sync.RWMutex
	gone bool // guarded by life
}

func (m *CopyManager) join(d *Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	d.copying.manager, d.copying.order = m, m.last
	m.disks = append(m.disks, d)
}

// leave ends the copies that were begun through d, and those of others as soon as they come to it, and returns when none
// uses it any more. Its ROD tokens are cancelled.
func (m *CopyManager) leave(d *Disk) {
	m.mu.Lock()
	m.disks = slices.DeleteFunc(m.disks, func(have *Disk) bool { return have == d })
	m.mu.Unlock()
	d.copying.operations.close()
	d.copying.life.Lock()
	d.copying.gone = true
	d.copying.life.Unlock()
	m.tokens.end(d, everything, scsi.TokenCancelled)
}

// find is the disk that a designator names to who has sent a command to own: own, where it is one of own's, for one logical
// unit may be several disks to us. Nil if there is none.
func (m *CopyManager) find(own *Disk, designator []byte) *Disk {
	if own.designated(designator) {
		return own
	}
	m.mu.Lock()
	disks := slices.Clone(m.disks)
	m.mu.Unlock()
	for _, d := range disks {
		if d.designated(designator) && (m.Reaches == nil || m.Reaches(own, d)) {
			return d
		}
	}
	return nil
}

// designated says whether p is a designation descriptor of the logical unit, as in VPD page 83h: CODE SET, association
// and DESIGNATOR TYPE, a reserved byte, DESIGNATOR LENGTH, designator (SPC-4 7.8.6).
func (d *Disk) designated(p []byte) bool {
	have := d.designators()
	for len(have) >= 4 {
		n := min(4+int(have[3]), len(have))
		if have[1]&0x30 == 0 && have[0]&0x0f == p[0]&0x0f && have[1]&0x3f == p[1]&0x3f && bytes.Equal(have[3:n], p[3:]) {
			return true
		}
		have = have[n:]
	}
	return false
}

// designators is the designation descriptors of VPD page 83h.
func (d *Disk) designators() []byte {
	for _, page := range d.primary.VPDPages() {
		if page.Code == 0x83 {
			return page.Build(nil, nil)
		}
	}
	return nil
}

// cscdOf is the CSCD descriptor of the disk: identification descriptor, by the first designator that has room in it
// (SPC-4 6.4.5.2).
func (d *Disk) cscdOf() (p [cscdLength]byte) {
	p[0] = cscdIdentification
	for have := d.designators(); len(have) >= 4; have = have[min(4+int(have[3]), len(have)):] {
		if have[1]&0x30 == 0 && int(have[3]) <= maxDesignator {
			copy(p[4:28], have[:min(4+int(have[3]), len(have))])
			break
		}
	}
	p[29], p[30], p[31] = byte(d.block>>16), byte(d.block>>8), byte(d.block) // DISK BLOCK LENGTH
	return p
}
