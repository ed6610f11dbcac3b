package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// hostPackages are the Debian packages that booting the guest needs here.
var hostPackages = []string{
	"qemu-system-x86",       // the machine
	"qemu-utils",            // its disks that outlive it
	"mmdebstrap",            // makes the root file system
	"fakeroot", "e2fsprogs", // ... as an image, without root
	"uidmap",                 // mmdebstrap as an ordinary user
	"debian-archive-keyring", // what the guest's packages are checked with
}

// Require installs those of the named Debian packages that this host lacks.
// That takes root; for others the error names the apt-get command to run.
// What it does is told on log.
func Require(ctx context.Context, log io.Writer, packages ...string) error {
	missing, err := missingPackages(ctx, packages)
	if err != nil || len(missing) == 0 {
		return err
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("packages are missing on this host; run: sudo apt-get install --no-install-recommends %s", strings.Join(missing, " "))
	}
	fmt.Fprintf(log, "vm: installing on this host: %s\n", strings.Join(missing, " "))
	install := append([]string{"install", "--yes", "--no-install-recommends"}, missing...)
	if aptGet(ctx, install...) == nil {
		return nil
	}
	// The package lists are missing or name versions that are gone.
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	return aptGet(ctx, install...)
}

// missingPackages returns those of packages that dpkg does not call installed.
func missingPackages(ctx context.Context, packages []string) ([]string, error) {
	// dpkg-query exits 1 when it knows nothing of one of the names; its
	// output is complete for the others.
	query := append([]string{"--show", "--showformat", "${db:Status-Status} ${Package}\n"}, packages...)
	out, err := exec.CommandContext(ctx, "dpkg-query", query...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("ask dpkg-query for installed packages: %w (the VM needs a Debian host with: %s)", err, strings.Join(packages, " "))
	}
	return withoutInstalled(packages, string(out)), nil
}

// withoutInstalled drops from packages those that dpkg-query's answer, lines
// of "STATUS PACKAGE", calls installed.
func withoutInstalled(packages []string, answer string) []string {
	installed := make(map[string]bool)
	for line := range strings.Lines(answer) {
		if status, name, _ := strings.Cut(strings.TrimSpace(line), " "); status == "installed" {
			installed[name] = true
		}
	}
	var missing []string
	for _, name := range packages {
		if !installed[name] {
			missing = append(missing, name)
		}
	}
	return missing
}

// aptGet runs apt-get without questions; its output is in the error.
func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
