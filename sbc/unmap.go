package sbc

import (
	"encoding/binary"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// unmapList holds the longest UNMAP parameter list that is accepted: a header of 8 bytes and descriptors of 16.
type unmapList [8 + 16*maxUnmapDescriptors]byte

var unmapLists = sync.Pool{New: func() any { return new(unmapList) }}

// unmap deallocates the blocks of each descriptor. All descriptors are found good before the first has an effect.
func (d *Disk) unmap(c *scsi.Command) scsi.Result {
	length := c.Uint(listUnmap)
	if length == 0 { // SBC-3 5.28.1: no data, not an error
		return scsi.Result{}
	}
	list := unmapLists.Get().(*unmapList)
	defer unmapLists.Put(list)
	descriptors, r := readUnmapList(c, list, length)
	if !r.OK() {
		return r
	}
	limit := uint64(d.attributes.Load().MaxUnmap)
	var total uint64
	for at := 0; at < len(descriptors); at += 16 {
		e := extentIn(descriptors[at:])
		if !d.Holds(e.lba, e.n) {
			return scsi.LBAOutOfRange.AtParam(8 + at)
		}
		// SBC-3 5.28.2: the limit is one on the sum of all descriptors.
		if total += e.n; total > limit {
			return scsi.InvalidFieldInParameterList.AtParam(8 + at + 8)
		}
	}
	for at := 0; at < len(descriptors); at += 16 {
		e := extentIn(descriptors[at:])
		if e.n == 0 {
			continue
		}
		if c.WasAborted() {
			return scsi.Aborted
		}
		d.share(c, e)
		r := d.discard(c, e)
		d.unshare(c, e)
		if !r.OK() {
			return r
		}
	}
	return scsi.Result{}
}

// readUnmapList copies the parameter list out of the initiator's memory and returns its whole descriptors.
func readUnmapList(c *scsi.Command, list *unmapList, length uint64) ([]byte, scsi.Result) {
	if length < 8 || !c.Param(list[:8], 0) {
		return nil, scsi.ParameterListLengthError
	}
	n := uint64(binary.BigEndian.Uint16(list[2:])) // UNMAP BLOCK DESCRIPTOR DATA LENGTH
	n -= n % 16                                    // SBC-3 5.28.2: an incomplete descriptor is ignored
	switch {
	case n > length-8:
		return nil, scsi.ParameterListLengthError
	case n > uint64(len(list)-8):
		return nil, scsi.InvalidFieldInParameterList.AtParam(2)
	}
	c.Param(list[8:8+n], 8)
	return list[8 : 8+n], scsi.Result{}
}

// extentIn is the extent in a descriptor of a parameter list.
func extentIn(p []byte) extent {
	return extent{binary.BigEndian.Uint64(p), uint64(binary.BigEndian.Uint32(p[8:]))}
}

// discard deallocates an extent, durably where a write would be.
func (d *Disk) discard(c *scsi.Command, e extent) scsi.Result {
	if err := d.store.Discard(d.offset(e), d.bytes(e)); err != nil {
		return d.failedOn(c, e, err, scsi.WriteError)
	}
	if d.durable() {
		return d.flush(c)
	}
	return scsi.Result{}
}
