package sbc

import "github.com/tcmud/tcmud/scsi"

// extendedCopier is the handler of an EXTENDED COPY command whose parameter list is of format f.
func (d *Disk) extendedCopier(f copyFormat) func(*scsi.Command) scsi.Result {
	return func(c *scsi.Command) scsi.Result {
		if c.Uint(listCopy) == 0 { // SPC-4 6.4.2: no data, not an error
			return scsi.Result{}
		}
		l, r := readCopyList(c, f)
		if !r.OK() {
			return r
		}
		o := &operation{
			action: actionOf(c), nexus: c.Nexus, id: l.id,
			unnamed: l.usage == usageNone, discard: l.usage == usageDiscard && !l.immed, immed: l.immed,
		}
		return d.copying.operations.run(c, o, func(c *scsi.Command) scsi.Result { return d.copySegments(c, o, l) })
	}
}

func actionOf(c *scsi.Command) byte {
	action, _ := c.Op().SA.Value()
	return byte(action)
}

// copySegments processes all segments. What goes wrong with one is COPY ABORTED, with the number of the segment in the
// COMMAND-SPECIFIC INFORMATION (SPC-4 5.17.5.3).
func (d *Disk) copySegments(c *scsi.Command, o *operation, l copyList) scsi.Result {
	for i, s := range l.segments {
		if r := d.copySegment(c, o, l, s); !r.OK() {
			return r.WithSpecific(uint32(i))
		}
		o.processed()
	}
	return scsi.Result{}
}

func (d *Disk) copySegment(c *scsi.Command, o *operation, l copyList, s segment) scsi.Result {
	src, r := d.target(l, s.from, s.at+4)
	if !r.OK() {
		return r
	}
	dst, r := d.target(l, s.to, s.at+6)
	switch {
	case !r.OK():
		return r
	case s.fast: // stores do what they can, and do not promise it
		return scsi.FastCopyNotPossible.AtParamBit(s.at+1, 2)
	}
	m := move{src: src, dst: dst}
	if m.from, m.to, r = s.extents(src, dst); !r.OK() {
		return r
	}
	if r := src.allows(d, o.nexus, read16, m.from); !r.OK() {
		return copyAborted(r).AtParam(s.at + 12)
	}
	if r := dst.allows(d, o.nexus, write16, m.to); !r.OK() {
		return copyAborted(r).AtParam(s.at + 20)
	}
	if r := o.copy(c, m); !r.OK() {
		return copyAborted(r)
	}
	return scsi.Result{}
}

// copyAborted is COPY ABORTED for what a disk has answered: with its own additional sense code, which says more than that
// a third party has failed. Of blocks that are not there SPC-4 knows no code.
func copyAborted(r scsi.Result) scsi.Result {
	switch {
	case r.Status != scsi.CheckCondition:
		return scsi.ThirdPartyDeviceFailure
	case r.Code == scsi.LBAOutOfRange.Code:
		return scsi.Check(scsi.CopyAborted, 0)
	}
	return scsi.Check(scsi.CopyAborted, r.Code)
}

// target is the disk that a CSCD descriptor ID, at byte at of the parameter list, stands for.
func (d *Disk) target(l copyList, id uint16, at int) (*Disk, scsi.Result) {
	if id == ownCSCD {
		return d, scsi.Result{}
	}
	if int(id) >= len(l.targets) {
		return nil, scsi.UnreachableCopyTarget.AtParam(at)
	}
	t := l.targets[id]
	if t.device != 0 { // direct access block device
		return nil, scsi.IncorrectCopyTargetType.AtParam(t.at + 1)
	}
	found := d.copying.manager.find(d, t.designator)
	switch {
	case found == nil:
		return nil, scsi.CopyTargetDeviceNotReachable.AtParam(t.at)
	case t.block != 0 && int64(t.block) != found.block:
		return nil, scsi.Check(scsi.CopyAborted, scsi.InvalidFieldInParameterList.Code).AtParam(t.at + 29)
	}
	return found, scsi.Result{}
}

// extents is where a segment begins and ends on either disk: in whole blocks of both, for what DATA SEGMENT GRANULARITY
// excludes has no meaning.
func (s segment) extents(src, dst *Disk) (from, to extent, r scsi.Result) {
	bytes := s.n
	switch {
	case s.offset:
	case s.dc:
		bytes *= uint64(dst.block)
	default:
		bytes *= uint64(src.block)
	}
	a, b := uint64(src.block), uint64(dst.block)
	switch {
	case bytes%a != 0 || bytes%b != 0:
		at := 10 // BLOCK DEVICE NUMBER OF BLOCKS
		if s.offset {
			at = 8 // NUMBER OF BYTES
		}
		return from, to, scsi.UnexpectedInexactSegment.AtParam(s.at + at)
	case uint64(s.fromByte)%a != 0:
		return from, to, scsi.UnexpectedInexactSegment.AtParam(s.at + 28)
	case uint64(s.toByte)%b != 0:
		return from, to, scsi.UnexpectedInexactSegment.AtParam(s.at + 30)
	}
	from = extent{s.fromLBA + uint64(s.fromByte)/a, bytes / a}
	to = extent{s.toLBA + uint64(s.toByte)/b, bytes / b}
	if from.lba < s.fromLBA || to.lba < s.toLBA { // past the last address there can be
		return from, to, scsi.Check(scsi.CopyAborted, 0).AtParam(s.at + 12)
	}
	return from, to, scsi.Result{}
}
