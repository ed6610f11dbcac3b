package sbc

import "github.com/tcmud/tcmud/scsi"

var (
	prefetch10 = scsi.Bytes("PREFETCH LENGTH", 7, 2)
	prefetch16 = scsi.Bytes("PREFETCH LENGTH", 10, 4)
)

// prefetch has no cache to fill: a store's is the kernel's, which reads ahead as it sees fit. So the answer is GOOD, which
// says that not all blocks found room, and never CONDITION MET, which says that they did (SBC-4 5.13).
func (d *Disk) prefetch(*scsi.Command) scsi.Result { return scsi.Result{} }
