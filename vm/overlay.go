package vm

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// A disk that outlives the run has a write cache of its own, which is lost with the power. The guest writes to an overlay,
// of which QEMU keeps in its own memory which blocks are in it, until the guest flushes: where QEMU is killed before that,
// the disk has what it had. That holds for the first time that a block is written in a run; one that is in the overlay is
// overwritten there, for good. The blocks are as small as a page, so that one flushed has no neighbours.

// makeOverlay makes an overlay of the disk.
func makeOverlay(ctx context.Context, overlay, disk string) error {
	disk, err := filepath.Abs(disk)
	if err != nil {
		return err
	}
	return qemuImg(ctx, "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "-b", disk, "-F", "raw", overlay)
}

// commitOverlay writes what is in the overlay to its disk.
func commitOverlay(ctx context.Context, overlay string) error {
	return qemuImg(ctx, "commit", "-q", "-d", overlay)
}

func qemuImg(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "qemu-img", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("qemu-img %v: %w\n%s", args, err, out)
	}
	return nil
}
