package sbc

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// Thresholds, by what they are of. The parameter code in log page 0Ch, and THRESHOLD RESOURCE, is one more.
const (
	freeSpace = iota // armed decreasing
	usedSpace        // armed increasing
	thresholdCount
)

// thresholdSet is the threshold set size in bytes: space is counted in sets, and a threshold that was reached is armed
// again half a set away from it. spaceEvery is how many bytes may be written until somebody looks again.
const (
	thresholdSet = 1 << 20
	spaceEvery   = 8 << 20
)

// thresholds are the logical block provisioning thresholds of a thin disk (SBC-3 4.7.3.7). Nobody tells us that space gets
// scarce, so commands that write look now and then, as long as a threshold is enabled.
type thresholds struct {
	unit    int64         // blocks of a threshold set; 0: the store does not know its space, and there are no thresholds
	on      atomic.Bool   // one is enabled, and reported
	written atomic.Uint64 // blocks, while one is on

	mu       sync.Mutex
	reported bool // guarded by mu: LBPERE
	all      [thresholdCount]threshold
}

// threshold is guarded by the mu of its thresholds.
type threshold struct {
	enabled bool
	reached bool   // and told of; not armed again yet
	count   uint32 // threshold sets
}

// exponent is the THRESHOLD EXPONENT of VPD page B2h; 0: no thresholds.
func (t *thresholds) exponent() byte {
	if t.unit == 0 {
		return 0
	}
	return byte(bits.TrailingZeros64(uint64(t.unit)))
}

// set is what a threshold descriptor says. A threshold that is changed is armed.
func (t *thresholds) set(i int, enabled bool, count uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if to := (threshold{enabled: enabled, count: count}); t.all[i].enabled != enabled || t.all[i].count != count {
		t.all[i] = to
	}
	t.turn()
}

// report is what LBPERE says.
func (t *thresholds) report(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reported = on
	t.turn()
}

// turn tells the commands that write whether there is anything to look for. The caller holds mu.
func (t *thresholds) turn() {
	on := false
	for _, one := range t.all {
		on = on || one.enabled && t.reported
	}
	t.on.Store(on)
}

// pass is told of what there is, and says whether it has just reached a threshold. The caller holds mu.
func (t *thresholds) pass(i int, bytes int64) bool {
	one := &t.all[i]
	at := int64(one.count) * thresholdSet
	distance := bytes - at // negative: past a threshold that decreases
	if i == usedSpace {
		distance = at - bytes
	}
	switch {
	case !one.enabled:
		return false
	case distance > thresholdSet/2:
		one.reached = false
	case distance <= 0 && !one.reached:
		one.reached = true
		return true
	}
	return false
}

// wrote counts blocks that were written, or unmapped, and looks at the space when there have been enough of them, or when
// the command has found that it has come to its end. It is for when a threshold is on.
func (d *Disk) wrote(blocks uint64, r scsi.Result) {
	t := &d.thresholds
	every := uint64(spaceEvery / d.block)
	now := t.written.Add(blocks)
	if now/every != (now-blocks)/every || r.Code == scsi.SpaceAllocationFailed.Code {
		d.lookAtSpace()
	}
}

// lookAtSpace tells every I_T nexus when a threshold has been reached. Who comes while another looks need not.
func (d *Disk) lookAtSpace() {
	t := &d.thresholds
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	used, free, err := d.store.Space()
	if err != nil || !t.reported {
		return
	}
	passed := t.pass(freeSpace, free)
	if t.pass(usedSpace, used) || passed {
		d.Attend(scsi.SoftThresholdReached, nil)
	}
}

// Scopes of a resource count (SBC-3, Logical Block Provisioning log page).
const (
	dedicated = 0x01 // to this disk
	shared    = 0x02 // with whatever else is in the file system, or in memory
)

// provisioningLog is the Logical Block Provisioning log page.
func (d *Disk) provisioningLog() spc.LogPage {
	return spc.LogPage{Code: 0x0c, Name: "Logical Block Provisioning", Spec: "SBC-3 6.4",
		Parameters: func() []spc.LogParameter {
			used, free, err := d.store.Space()
			if err != nil {
				return nil
			}
			return []spc.LogParameter{
				{Code: freeSpace + 1, Format: spc.BinaryList, Value: resource(free, shared)},
				{Code: usedSpace + 1, Format: spc.BinaryList, Value: resource(used, dedicated)},
			}
		}}
}

func resource(bytes int64, scope byte) []byte {
	p := make([]byte, 8)
	binary.BigEndian.PutUint32(p, uint32(min(bytes/thresholdSet, 0xffffffff)))
	p[4] = scope
	return p
}
