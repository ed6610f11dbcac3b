package sbc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
)

// modes are the mode pages of a direct access block device. What a page says of a mechanism that no store has - retries,
// scans of the medium, XOR - stays as it is here.
func (d *Disk) modes() []spc.ModePage {
	pages := []spc.ModePage{
		d.recoveryPage(),
		{Code: 0x07, Name: "Verify Error Recovery", Spec: "SBC-3 6.5", Default: make([]byte, 12)},
		d.cachingPage(),
		{Code: 0x0a, Sub: 0x05, Name: "IO Advice Hints Grouping", Spec: "SBC-4 6.5", Default: hints()},
		{Code: 0x10, Name: "XOR Control", Spec: "SBC-2 6.3", Default: []byte{2: 0x02, 23: 0}}, // XORDIS
		{Code: 0x1c, Sub: 0x01, Name: "Background Control", Spec: "SBC-3 6.5", Default: make([]byte, 16)},
	}
	if d.thresholds.unit > 0 {
		pages = append(pages, d.provisioningPage())
	}
	return pages
}

// lbpere is the LBPERE bit in byte 7 of the Read-Write Error Recovery mode page: thresholds are reported.
const lbpere = 0x80

func (d *Disk) recoveryPage() spc.ModePage {
	p := spc.ModePage{Code: 0x01, Name: "Read-Write Error Recovery", Spec: "SBC-3 6.5", Default: make([]byte, 12)}
	if d.thresholds.unit > 0 {
		p.Default[7], p.Changeable = lbpere, []byte{7: lbpere}
		p.Apply = func(page []byte) scsi.Result {
			d.thresholds.report(page[7]&lbpere != 0)
			return scsi.Result{}
		}
	}
	return p
}

// wce is the WCE bit in byte 2 of the Caching mode page.
const wce = 0x04

func (d *Disk) cachingPage() spc.ModePage {
	p := spc.ModePage{Code: 0x08, Name: "Caching", Spec: "SBC-3 6.5", Default: make([]byte, 20), Apply: d.applyCaching}
	if d.writeCache.Load() {
		p.Default[2] = wce
	}
	if d.traits.Volatile {
		p.Changeable = []byte{2: wce}
	}
	return p
}

// hints is the IO Advice Hints Grouping mode page: for none of the 64 groups is a hint kept, and no stream is a permanent
// one.
func hints() []byte {
	page := make([]byte, 16+64*16)
	for at := 16; at < len(page); at += 16 {
		page[at] = 0x40 // IO ADVICE HINTS MODE: the logical block markup descriptor is invalid
	}
	return page
}

// The threshold descriptors of the Logical Block Provisioning mode page: as many as there are thresholds, from byte 16 on.
const (
	descriptorsAt    = 16
	descriptorLength = 8
	enabled          = 0x80
	increasing       = 0x01 // THRESHOLD ARMING
)

// provisioningPage has a descriptor for each threshold: what is left, and what is used. It can be enabled, and its count
// set; type, arming and resource are as they are.
func (d *Disk) provisioningPage() spc.ModePage {
	const length = descriptorsAt + descriptorLength*thresholdCount
	p := spc.ModePage{Code: 0x1c, Sub: 0x02, Name: "Logical Block Provisioning", Spec: "SBC-3 6.5",
		Default: make([]byte, length), Changeable: make([]byte, length), Apply: d.applyThresholds}
	for i := range thresholdCount {
		descriptor, mask := p.Default[descriptorsAt+i*descriptorLength:], p.Changeable[descriptorsAt+i*descriptorLength:]
		descriptor[1] = byte(i + 1) // THRESHOLD RESOURCE: the parameter code in log page 0Ch
		if i == usedSpace {
			descriptor[0] = increasing
		}
		mask[0] = enabled
		binary.BigEndian.PutUint32(mask[4:], 0xffffffff) // THRESHOLD COUNT
	}
	return p
}

func (d *Disk) applyThresholds(page []byte) scsi.Result {
	for i := range thresholdCount {
		descriptor := page[descriptorsAt+i*descriptorLength:]
		d.thresholds.set(i, descriptor[0]&enabled != 0, binary.BigEndian.Uint32(descriptor[4:]))
	}
	return scsi.Result{}
}
