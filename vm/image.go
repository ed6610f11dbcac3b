package vm

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// suite is the Debian release the guest is made of, kernel included.
const suite = "bookworm"

// guestPackages are what the guest has besides Debian's minimal base. A line
// added here makes a new image at the next run.
var guestPackages = []string{
	"busybox-static", "cpio", // make the initrd
	"bash", "coreutils", "kmod", "procps", "udev", "util-linux", "iproute2", "strace",
	"e2fsprogs", "xfsprogs", "fio", "sg3-utils", "lsscsi", "libiscsi-bin",
	"targetcli-fb", "python3-rtslib-fb", "dbus", "tcmu-runner", // the peers
	"open-iscsi", "multipath-tools", "bash-completion",
	"systemd",                                        // to check the unit file with
	"qemu-system-x86", "qemu-system-data", "seabios", // the guest in the guest, for vhost
}

//go:embed rootfs.sh
var rootfsScript string

//go:embed initrd.sh
var initrdScript string

// An image is what QEMU boots: files in one folder of the cache.
type image struct{ dir string }

func (i image) root() string   { return filepath.Join(i.dir, "root.ext4") }
func (i image) kernel() string { return filepath.Join(i.dir, "vmlinuz") }
func (i image) initrd() string { return filepath.Join(i.dir, "initrd") }

// release is the kernel's version as uname -r prints it.
func (i image) release() string {
	b, err := os.ReadFile(filepath.Join(i.dir, "release"))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// cacheDir is where images are kept, outside of any checkout: $TCMUD_CACHE or
// tcmud/vm in the user's cache directory.
func cacheDir() (string, error) {
	if dir := os.Getenv("TCMUD_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the VM's image, set TCMUD_CACHE: %w", err)
	}
	return filepath.Join(base, "tcmud", "vm"), nil
}

// Setup makes ready what Run needs: this host's packages and the guest's
// image. Done already, it costs some milliseconds. Progress is told on log.
func Setup(ctx context.Context, log io.Writer) error {
	_, err := prepare(ctx, log)
	return err
}

func prepare(ctx context.Context, log io.Writer) (image, error) {
	if err := Require(ctx, log, hostPackages...); err != nil {
		return image{}, err
	}
	cache, err := cacheDir()
	if err != nil {
		return image{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return image{}, fmt.Errorf("make the VM's cache: %w", err)
	}
	img := image{filepath.Join(cache, "image-"+imageKey())}

	// Several runs may start at once; the first makes the image for all.
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return image{}, err
	}
	defer unlock()
	if _, err := os.Stat(img.dir); err == nil {
		return img, nil
	}
	return img, build(ctx, log, img)
}

// lock takes an advisory lock on the file name, waiting for it.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

// build makes the image in a folder beside its place and moves it there whole.
func build(ctx context.Context, log io.Writer, img image) error {
	began := time.Now()
	fmt.Fprintf(log, "vm: making the guest's image from Debian %s, once; about a minute\n", suite)
	parts := image{img.dir + ".part"}
	if err := os.RemoveAll(parts.dir); err != nil {
		return err
	}
	if err := os.Mkdir(parts.dir, 0o755); err != nil {
		return err
	}
	if err := fill(ctx, parts); err != nil {
		return err
	}
	if err := os.Rename(parts.dir, img.dir); err != nil {
		return err
	}
	fmt.Fprintf(log, "vm: image with Linux %s made in %.0f s: %s\n", img.release(), time.Since(began).Seconds(), img.dir)
	return nil
}

// commands fill the folder they run in with the image's files. The scripts are
// in the folder hook.
func commands(hook string) [][]string {
	return [][]string{
		{"mmdebstrap", "--quiet", "--variant=minbase", "--format=tar",
			"--include=" + strings.Join(guestPackages, ","),
			"--dpkgopt=path-exclude=/usr/share/doc/*",
			"--dpkgopt=path-exclude=/usr/share/man/*",
			"--dpkgopt=path-exclude=/usr/share/locale/*",
			"--customize-hook=" + filepath.Join(hook, "rootfs"),
			"--customize-hook=copy-out /boot/vmlinuz /boot/initrd /boot/release .",
			suite, "root.tar"},
		// In one fakeroot, so that mke2fs sees the owners and device nodes
		// that tar could not really make.
		{"fakeroot", "sh", "-ec", "mkdir root; tar -xf root.tar -C root; mke2fs -q -t ext4 -d root root.ext4 8G"},
		{"rm", "-rf", "root", "root.tar"},
	}
}

// imageKey names an image by all that it is made from.
func imageKey() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q", commands(""), rootfsScript, initrdScript)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// fill runs the commands in the image's folder.
func fill(ctx context.Context, img image) error {
	hook, err := hookDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(hook)
	for _, args := range commands(hook) {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = img.dir
		// An ordinary user's PATH may lack the file system tools.
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// hookDir writes the scripts to where mmdebstrap, which may run them as
// another user, can read them.
func hookDir() (string, error) {
	dir, err := os.MkdirTemp("", "tcmud-image-")
	if err != nil {
		return "", err
	}
	for name, script := range map[string]string{"rootfs": rootfsScript, "init": initrdScript} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			return "", err
		}
	}
	return dir, os.Chmod(dir, 0o755)
}
