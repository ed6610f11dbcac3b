package sbc

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// rangeList is the block device range descriptors of a parameter list (SBC-3 5.8.3), without those of no blocks.
type rangeList struct {
	ranges []extent
	blocks uint64 // in all of them
}

// Lengths of the parameter lists before their descriptors, whose length is in the last two bytes before them.
const (
	populateHeader = 16
	writeHeader    = 536
)

// readRanges copies a parameter list with a header of n bytes out of the initiator's memory and checks its descriptors. No
// block may be in two of them.
func (d *Disk) readRanges(c *scsi.Command, n int) (header []byte, l rangeList, r scsi.Result) {
	be := binary.BigEndian
	p := make([]byte, n+16*maxRanges)
	length := c.Uint(listCopy)
	if length < uint64(n) || !c.Param(p[:n], 0) {
		return nil, l, scsi.ParameterListLengthError
	}
	data, descriptors := int(be.Uint16(p[0:])), int(be.Uint16(p[n-2:]))
	switch {
	case data < n-2+16: // POPULATE TOKEN or WRITE USING TOKEN DATA LENGTH
		return nil, l, scsi.InvalidFieldInParameterList.AtParam(0)
	case descriptors < 16 || data < n-2+descriptors:
		return nil, l, scsi.InvalidFieldInParameterList.AtParam(n - 2)
	case descriptors/16 > maxRanges:
		return nil, l, scsi.TooManySegmentDescriptors.AtParam(n - 2)
	case uint64(n+descriptors) > length:
		return nil, l, scsi.ParameterListLengthError
	}
	descriptors -= descriptors % 16 // what is less than a descriptor is ignored
	c.Param(p[n:n+descriptors], int64(n))
	for at := n; at < n+descriptors; at += 16 {
		e := extent{be.Uint64(p[at:]), uint64(be.Uint32(p[at+8:]))}
		if !d.Holds(e.lba, e.n) {
			return nil, l, scsi.LBAOutOfRange.AtParam(at)
		}
		if l.blocks += e.n; l.blocks > uint64(maxTokenBytes/d.block) {
			return nil, l, scsi.InvalidFieldInParameterList.AtParam(at + 8)
		}
		if e.n > 0 {
			l.ranges = append(l.ranges, e)
		}
	}
	if l.overlaps() {
		return nil, l, scsi.InvalidFieldInParameterList.AtParam(n)
	}
	return p[:n], l, scsi.Result{}
}

// overlaps says that a block is in more than one range.
func (l rangeList) overlaps() bool {
	sorted := slices.SortedFunc(slices.Values(l.ranges), func(a, b extent) int { return cmp.Compare(a.lba, b.lba) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].meets(sorted[i]) {
			return true
		}
	}
	return false
}

// cut is n blocks of l from its block number from on, in as many ranges as that takes. There are as many.
func (l rangeList) cut(from, n uint64) (cut []extent) {
	for _, e := range l.ranges {
		if from >= e.n {
			from -= e.n
			continue
		}
		k := min(e.n-from, n)
		if k == 0 {
			break
		}
		cut = append(cut, extent{e.lba + from, k})
		from, n = 0, n-k
	}
	return cut
}

// inactivity is the INACTIVITY TIMEOUT that an initiator asks for in seconds (SPC-4 5.17.6.4).
func inactivity(seconds uint32) (time.Duration, bool) {
	t := time.Duration(seconds) * time.Second
	if t == 0 {
		t = defaultInactive
	}
	return t, t <= maxInactive
}
