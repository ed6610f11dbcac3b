//go:build guest

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/vm"
)

// scratch is where the tests' files are: an ext4 file system on a disk of the
// virtual machine, so that there is a stable storage to be written through to.
const scratch = "/scratch"

const configfs = "/sys/kernel/config/target"

func TestMain(m *testing.M) {
	if err := errors.Join(mountScratch(), easeUdev()); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// mountScratch also makes t.TempDir a folder there.
func mountScratch() error {
	const disk = "/dev/disk/by-id/virtio-scratch"
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", disk).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4 %s: %w: %s", disk, err, out)
	}
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(disk, scratch, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	return os.Setenv("TMPDIR", scratch)
}

// easeUdev takes two files of rules from udev, which run half a dozen programs each time a disk comes: a quarter of the time
// of all tests. scsi_id and blkid still read every disk, once: later, when somebody who may have written to it has closed
// it, they would at some moment or other take the unit attention that a test waits for.
func easeUdev() error {
	const dir = "/etc/udev/rules.d"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, rules := range []string{"55-scsi-sg3_id.rules", "60-multipath.rules"} {
		if err := os.Symlink("/dev/null", filepath.Join(dir, rules)); err != nil {
			return err
		}
	}
	unwatched := []byte(`SUBSYSTEM=="block", OPTIONS:="nowatch"` + "\n")
	if err := os.WriteFile(filepath.Join(dir, "99-unwatched.rules"), unwatched, 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("udevadm", "control", "--reload").CombinedOutput(); err != nil {
		return fmt.Errorf("udevadm control --reload: %w: %s", err, out)
	}
	return nil
}

// patience is how long anything may take that is not given work to do.
const patience = time.Minute

// outcome is what a program that has ended leaves.
type outcome struct {
	stdout, stderr string
	status         int
}

// run runs a program to its end, whatever its exit status. Some have work for half a minute, where the host is idle.
func run(t *testing.T, name string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience) // t.Context ends before the clean-up
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "%s %s\n%s", name, args, stderr.String())
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a program that has to succeed, and returns what it printed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	o := run(t, name, args...)
	require.Zero(t, o.status, "%s %s\n%s%s", name, strings.Join(args, " "), o.stdout, o.stderr)
	return strings.TrimSpace(o.stdout)
}

// read returns the text of a small file, as sysfs and configfs have many.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// eventually waits for something that comes about by itself.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "waited in vain: %s", what)
	}
}

// traces are the places where devices, targets and tcmud leave something.
var traces = []string{
	configfs + "/core/*_*", configfs + "/core/*_*/*", configfs + "/loopback/naa.*", configfs + "/loopback/naa.*/tpgt_*/lun/*",
	configfs + "/iscsi/iqn.*", configfs + "/vhost/naa.*",
	"/dev/sd*", "/dev/sg*", "/dev/uio*", "/sys/class/uio/*",
	"/dev/shm/*/*", "/run/tcmud/state/*",
}

// footprint lists what there is at these places.
func footprint(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range traces {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, paths...)
	}
	return found
}

// requireFootprint waits until these places look as they did before. The
// kernel has removed a device when the program that did it returns; udev may
// take a moment longer.
func requireFootprint(t *testing.T, before []string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && !slices.Equal(before, footprint(t)); {
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, before, footprint(t))
}

// kernelLog returns a function that tells what the kernel has logged since.
func kernelLog(t *testing.T) func() string {
	t.Helper()
	mark := fmt.Sprintf("%s at %d", t.Name(), time.Now().UnixNano())
	write(t, "/dev/kmsg", mark+"\n")
	return func() string {
		t.Helper()
		_, since, found := strings.Cut(must(t, "dmesg"), mark)
		require.True(t, found, "the kernel has logged so much that the beginning is gone")
		return since
	}
}

// requireQuiet requires that a kernel log tells of no fault of the kernel's
// and of no I/O that went wrong.
func requireQuiet(t *testing.T, log string) {
	t.Helper()
	require.Empty(t, vm.Complaints(log))
	for _, words := range []string{"I/O error", "Sense Key", "timed out", "rejecting I/O", "cmd_id", "FAILED Result"} {
		require.NotContains(t, log, words)
	}
}
