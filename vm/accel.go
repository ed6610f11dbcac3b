package vm

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// QEMU's accelerators.
const (
	kvm = "kvm" // the processor runs the guest
	tcg = "tcg" // QEMU translates every instruction
)

// accelerator says how the guest runs on this host: with KVM where it works,
// else with TCG. $TCMUD_ACCEL decides it when set.
func accelerator(ctx context.Context, log io.Writer, img image) (string, error) {
	switch accel := os.Getenv("TCMUD_ACCEL"); accel {
	case "":
	case kvm, tcg:
		return accel, nil
	default:
		return "", fmt.Errorf("TCMUD_ACCEL=%s: use %s or %s", accel, kvm, tcg)
	}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		f.Close()
		return tried(ctx, log, img)
	}
	return tcg, nil
}

// tried returns the accelerator that was found to work since this host came
// up, finding it when asked first.
func tried(ctx context.Context, log io.Writer, img image) (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("identify the host's boot: %w", err)
	}
	known := filepath.Join(img.dir, "accel-"+strings.TrimSpace(string(id)))
	if accel, err := os.ReadFile(known); err == nil {
		return string(accel), nil
	}
	fmt.Fprintln(log, "vm: trying KVM, once; up to 10 s")
	accel := tcg
	if kvmBoots(ctx, img) {
		accel = kvm
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return accel, os.WriteFile(known, []byte(accel), 0o644)
}

// kvmBoots boots the kernel with KVM and nothing else: for want of a root file
// system it panics within a second or two, and QEMU ends well. Nothing less
// shows that KVM works: there are hosts with a /dev/kvm that makes machines
// and processors, on which QEMU then aborts or the kernel never gets going.
func kvmBoots(ctx context.Context, img image) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "qemu-system-x86_64", base(img.kernel(), kvm, 512<<20)...).Run() == nil
}
