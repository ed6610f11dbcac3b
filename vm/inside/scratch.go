package inside

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// MountScratch makes a file system on the disk that the virtual machine has for us.
func MountScratch(ctx context.Context) (dir string, err error) {
	const device, at = "/dev/disk/by-id/virtio-scratch", "/scratch"
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", device).CombinedOutput(); err != nil {
		return "", fmt.Errorf("mkfs.ext4 %s: %w: %s", device, err, out)
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return "", err
	}
	return at, unix.Mount(device, at, "ext4", 0, "")
}
