package sbc

import (
	"context"

	"github.com/tcmud/tcmud/scsi"
)

// testBlocks is how many blocks an extended self-test reads, evenly spread over the medium.
const testBlocks = 1024

// selfTest reads blocks from the store, the first and the last in any case. It changes nothing, and other commands go on.
func (d *Disk) selfTest(ctx context.Context, extended bool) (failure scsi.Result, lba uint64) {
	last := d.Blocks() - 1
	steps := uint64(1)
	if extended {
		steps = testBlocks - 1
	}
	block := make([]byte, d.block)
	for i := range steps + 1 {
		if ctx.Err() != nil {
			break
		}
		// last*i/steps, in two parts that cannot overflow
		e := extent{lba: last/steps*i + last%steps*i/steps, n: 1}
		if err := d.store.Readv([][]byte{block}, d.offset(e)); err != nil {
			return d.failed(nil, err, scsi.UnrecoveredReadError), e.lba
		}
	}
	return scsi.Result{}, ^uint64(0)
}
