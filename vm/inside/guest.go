package inside

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pierrec/lz4/v4"
)

// Guest is a virtual machine to be run in this one: this kernel, and an initrd of busybox and the modules that reach a
// disk of virtio-scsi.
type Guest struct {
	Dir     string   // an empty folder, for kernel and initrd
	Applets []string // of busybox, that Script needs: links for all that it has take a second to make
	// Programs are further ones, of this machine; the libraries that they are linked with come with them.
	Programs []string
	Memory   int // MiB, 0 for what it needs without Programs
	// Script is run when there is a disk /dev/sda; with its end the guest ends. What it writes comes on the guest's standard
	// output, among what else a console shows.
	Script string
}

// guestCommandLine leaves out what takes a kernel that is emulated twice seconds of its start, and is of no use to a disk:
// locks rewritten for one processor, and functions that it calls when it starts.
const guestCommandLine = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check nokaslr " +
	"cryptomgr.notests lsm=capability audit=0 noreplace-smp initcall_blacklist=init_kprobe_trace,crypto_kdf108_init," +
	"cubictcp_register,load_system_certificate_list,slab_sysfs_init,trace_eval_init,cmos_init,inet6_init"

// guestInit is what the guest runs first and last.
const guestInit = `#!/bin/busybox sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
echo "inner: up"
while read -r module; do
	insmod "/modules/$module" || echo "inner: $module does not load"
done </modules/order
while [ ! -b /dev/sda ]; do usleep 50000; done
`

// guestEnd is the quickest way out: QEMU is told not to reboot.
const guestEnd = "\necho b >/proc/sysrq-trigger\n"

// What each guest needs to reach its disks.
var (
	guestApplets = []string{"sh", "mount", "insmod", "usleep"}
	guestModules = []string{"virtio_pci", "virtio_scsi", "sd_mod"}
)

// Command is QEMU with that guest, to be started, with further arguments of QEMU's.
func (g Guest) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	kernel, err := g.kernel()
	if err != nil {
		return nil, err
	}
	initrd, err := g.initrd(ctx)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		// Few features: the kernel then copies by words, which TCG is better at than at bytes.
		"-machine", "pc,hpet=off", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1", "-m", strconv.Itoa(cmp.Or(g.Memory, 192)),
		"-bios", "qboot.rom", // it boots such a kernel, and looks for no other
		"-kernel", kernel, "-initrd", initrd, "-append", guestCommandLine,
	}, args...)...), nil
}

// kernel is that of this machine, unpacked: what takes a processor a moment takes one that is emulated twice a minute.
// QEMU starts such a file by the entry point that it has for Xen (PVH).
func (g Guest) kernel() (path string, err error) {
	const packed = "/boot/vmlinuz"
	b, err := os.ReadFile(packed)
	if err != nil {
		return "", err
	}
	// Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length. The size follows what is packed.
	le := binary.LittleEndian
	begin := 512*(int(b[0x1f1])+1) + int(le.Uint32(b[0x248:]))
	payload := b[begin:][:le.Uint32(b[0x24c:])-4]
	if le.Uint32(payload) != 0x184c2102 {
		return packed, nil // not packed with LZ4, as Debian 12 does it: slow, but no reason to fail
	}
	unpacked, err := io.ReadAll(lz4.NewReader(bytes.NewReader(payload)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", packed, err)
	}
	path = filepath.Join(g.Dir, "vmlinux")
	return path, os.WriteFile(path, unpacked, 0o644)
}

// initrd packs busybox, the modules in the order in which they load, and the script.
func (g Guest) initrd(ctx context.Context) (path string, err error) {
	root := filepath.Join(g.Dir, "initrd")
	for _, dir := range []string{"bin", "modules", "dev", "proc", "sys"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return "", err
		}
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), busybox, 0o755); err != nil {
		return "", err
	}
	for _, program := range g.Programs {
		if err := copyProgram(ctx, root, program); err != nil {
			return "", err
		}
	}
	for _, applet := range slices.Concat(guestApplets, g.Applets) {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			return "", err
		}
	}
	if err := copyModules(ctx, filepath.Join(root, "modules")); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(root, "init"), []byte(guestInit+g.Script+guestEnd), 0o755); err != nil {
		return "", err
	}
	path = root + ".cpio"
	if out, err := exec.CommandContext(ctx, "sh", "-c", `cd "$1" && find . | cpio --quiet -o -H newc >"$2"`, "sh", root, path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cpio: %w: %s", err, out)
	}
	return path, nil
}

// copyProgram copies a program into bin, and what ldd(1) says that it is linked with to where it is here.
func copyProgram(ctx context.Context, root, name string) error {
	program, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", program, err)
	}
	copies := map[string]string{program: filepath.Join("bin", name)}
	for _, word := range strings.Fields(string(out)) {
		if filepath.IsAbs(word) {
			copies[word] = word
		}
	}
	for from, to := range copies {
		to = filepath.Join(root, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// copyModules copies the guest's modules and what they need, and makes a list of them in the order in which they load.
func copyModules(ctx context.Context, dir string) error {
	var order []string
	for _, module := range guestModules {
		out, err := exec.CommandContext(ctx, "modprobe", "--show-depends", "--ignore-install", module).Output()
		if err != nil {
			return fmt.Errorf("modprobe --show-depends %s: %w", module, err)
		}
		for line := range strings.Lines(string(out)) {
			path, ok := strings.CutPrefix(strings.TrimSpace(line), "insmod ")
			name := filepath.Base(path)
			if !ok || slices.Contains(order, name) {
				continue
			}
			order = append(order, name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, name), unsigned(b), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "order"), []byte(strings.Join(order, "\n")+"\n"), 0o644)
}

// unsigned is a module without its signature, which takes seconds to verify: it stands at the end, and its length before
// the word that says so.
func unsigned(module []byte) []byte {
	b, signed := bytes.CutSuffix(module, []byte("~Module signature appended~\n"))
	if !signed {
		return module
	}
	const info = 12 // bytes of struct module_signature, of which the last four are the length
	return b[:len(b)-info-int(binary.BigEndian.Uint32(b[len(b)-4:]))]
}
