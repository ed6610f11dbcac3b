package spc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/tcmud/tcmud/scsi"
)

// identifying is a kind of identifying information: what people have written on the unit (SPC-4 5.6).
type identifying struct {
	kind   byte   // IDENTIFYING INFORMATION TYPE
	max    int    // bytes
	record string // of State
	text   bool   // UTF-8, ended by a zero
}

var identifyingKinds = []identifying{
	{kind: 0x00, max: 512, record: "identifying"},
	{kind: 0x02, max: 256, record: "identifying-text", text: true},
}

// supportedKinds is the type that lists the others.
const supportedKinds = 0x7f

var identifyingType = scsi.Bits("IDENTIFYING INFORMATION TYPE", 10, 7, 7)

func findKind(c *scsi.Command) (identifying, bool) {
	i := slices.IndexFunc(identifyingKinds, func(k identifying) bool { return uint64(k.kind) == c.Uint(identifyingType) })
	if i < 0 {
		return identifying{}, false
	}
	return identifyingKinds[i], true
}

func (d *Device) reportIdentifying(c *scsi.Command) scsi.Result {
	p := make([]byte, 4, 64)
	if c.Uint(identifyingType) == supportedKinds {
		for _, k := range identifyingKinds {
			p = binary.BigEndian.AppendUint16(append(p, k.kind<<1, 0), uint16(k.max))
		}
	} else {
		k, ok := findKind(c)
		if !ok {
			return scsi.InvalidFieldInCDB.At(identifyingType)
		}
		info, err := d.cfg.State.Load(k.record)
		if err != nil {
			return scsi.InternalTargetFailure
		}
		p = append(p, info[:min(len(info), k.max)]...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-4))
	c.Reply(p)
	return scsi.Result{}
}

// setIdentifying keeps identifying information, which is durable when it returns; none of it takes away what there was.
func (d *Device) setIdentifying(c *scsi.Command) scsi.Result {
	k, ok := findKind(c)
	n := c.Uint(list32)
	switch {
	case !ok:
		return scsi.InvalidFieldInCDB.At(identifyingType)
	case n > uint64(k.max):
		return scsi.InvalidFieldInCDB.At(list32)
	}
	info := make([]byte, n)
	c.Param(info, 0)
	if k.text && n > 0 {
		if at := bytes.IndexByte(info, 0); at < 0 || !utf8.Valid(info[:at]) {
			return scsi.InvalidFieldInParameterList.AtParam(0)
		}
	}
	if r := d.Save(c, k.record, info); !r.OK() {
		return r
	}
	d.unit.Attend(scsi.DeviceIdentifierChanged, c.Nexus)
	return scsi.Result{}
}
