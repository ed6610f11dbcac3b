//go:build guest

package guest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
)

// innerTime is how long the guest in the guest may take in all. Where both are emulated, and the host is busy, it takes
// minutes.
const innerTime = 8 * time.Minute

// inner is a virtual machine that runs in this one: this kernel, and an initrd of busybox and a few modules.
type inner struct {
	t     *testing.T
	input io.Writer   // its serial port, which the script reads
	lines chan string // what comes from there; closed when it has ended
	seen  []string    // what it has said up to now, with the time
	begun time.Time
	late  <-chan time.Time
}

// startInner boots it with the QEMU arguments given. It runs script when it has the disk /dev/sda, and ends.
func startInner(t *testing.T, script string, args ...string) *inner {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		// Few features: the kernel then copies by words, which TCG is better at than at bytes.
		"-machine", "pc,hpet=off", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1", "-m", "192",
		"-bios", "qboot.rom", // it boots such a kernel, and looks for no other
		"-kernel", innerKernel(t), "-initrd", innerInitrd(t, script), "-append", innerCommandLine,
	}, args...)...)
	out, err := qemu.StdoutPipe()
	require.NoError(t, err)
	qemu.Stderr = qemu.Stdout
	input, err := qemu.StdinPipe()
	require.NoError(t, err)
	in := &inner{t: t, input: input, lines: make(chan string, 1000), begun: time.Now(), late: time.After(innerTime)}
	require.NoError(t, qemu.Start())
	t.Cleanup(func() {
		cancel()
		for range in.lines {
		}
		_ = qemu.Wait() // killed, unless it has ended already
		if t.Failed() {
			t.Logf("the inner guest:\n%s", strings.Join(in.seen, "\n"))
		}
	})
	go func() {
		defer close(in.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			in.lines <- strings.TrimSpace(s.Text())
		}
	}()
	return in
}

// innerCommandLine leaves out what takes a kernel that is emulated twice seconds of its start, and is of no use to a disk:
// locks rewritten for one processor, and functions that it calls when it starts.
const innerCommandLine = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check nokaslr " +
	"cryptomgr.notests lsm=capability audit=0 noreplace-smp initcall_blacklist=init_kprobe_trace,crypto_kdf108_init," +
	"cubictcp_register,load_system_certificate_list,slab_sysfs_init,trace_eval_init,cmos_init,inet6_init"

// says waits for a line that begins with what, and returns the rest of it. How far it has come is logged.
func (in *inner) says(what string) string {
	in.t.Helper()
	for {
		select {
		case line, ok := <-in.lines:
			in.seen = append(in.seen, time.Since(in.begun).Round(time.Second/10).String()+" "+line)
			if rest, found := strings.CutPrefix(line, "inner: "+what); found {
				in.t.Logf("after %.1f s: %s", time.Since(in.begun).Seconds(), line)
				return strings.TrimSpace(rest)
			}
			require.True(in.t, ok, "the inner guest has ended without a word of %q", what)
		case <-in.late:
			require.FailNow(in.t, "the inner guest is too slow", "it has not come to %q in %v", what, innerTime)
		}
	}
}

// tell sends a line to the script.
func (in *inner) tell(line string) {
	in.t.Helper()
	_, err := io.WriteString(in.input, line+"\n")
	require.NoError(in.t, err)
}

// ends waits for its end.
func (in *inner) ends() {
	in.t.Helper()
	for {
		select {
		case line, ok := <-in.lines:
			if !ok {
				return
			}
			in.seen = append(in.seen, line)
		case <-in.late:
			require.FailNow(in.t, "the inner guest does not end")
		}
	}
}

// innerKernel is the kernel of this machine, unpacked: what takes a processor a moment takes one that is emulated twice
// a minute. QEMU starts such a file by the entry point that it has for Xen (PVH).
func innerKernel(t *testing.T) string {
	t.Helper()
	const packed = "/boot/vmlinuz"
	b, err := os.ReadFile(packed)
	require.NoError(t, err)
	// Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length. The size follows what is packed.
	le := binary.LittleEndian
	begin := 512*(int(b[0x1f1])+1) + int(le.Uint32(b[0x248:]))
	payload := b[begin:][:le.Uint32(b[0x24c:])-4]
	if le.Uint32(payload) != 0x184c2102 {
		return packed // not packed with LZ4, as Debian 12 does it: slow, but no reason to fail
	}
	path := filepath.Join(t.TempDir(), "vmlinux")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.Copy(f, lz4.NewReader(bytes.NewReader(payload)))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

// innerInit is what the inner guest runs first and last.
const innerInit = `#!/bin/busybox sh
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

// innerEnd is the quickest way out: QEMU is told not to reboot.
const innerEnd = "\necho b >/proc/sysrq-trigger\n"

// innerApplets are what the scripts need of busybox: links for all that it has take a second to make.
var innerApplets = []string{"sh", "mount", "insmod", "usleep", "cat", "dd"}

// innerModules reach a disk of virtio-scsi.
var innerModules = []string{"virtio_pci", "virtio_scsi", "sd_mod"}

// innerInitrd packs busybox, the modules in the order in which they load, and the script.
func innerInitrd(t *testing.T, script string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "initrd")
	for _, dir := range []string{"bin", "modules", "dev", "proc", "sys"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	must(t, "cp", "/bin/busybox", filepath.Join(root, "bin"))
	for _, applet := range innerApplets {
		require.NoError(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
	}
	var order []string
	for _, module := range innerModules {
		for _, line := range strings.Split(must(t, "modprobe", "--show-depends", "--ignore-install", module), "\n") {
			path, ok := strings.CutPrefix(strings.TrimSpace(line), "insmod ")
			name := filepath.Base(path)
			if !ok || slices.Contains(order, name) {
				continue
			}
			order = append(order, name)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(root, "modules", name), unsigned(b), 0o644))
		}
	}
	write(t, filepath.Join(root, "modules/order"), strings.Join(order, "\n")+"\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "init"), []byte(innerInit+script+innerEnd), 0o755))
	must(t, "sh", "-c", "cd "+root+" && find . | cpio --quiet -o -H newc >../initrd.cpio")
	return root + ".cpio"
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
