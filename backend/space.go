package backend

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Spacer is a store that can run out of space.
type Spacer interface {
	// Space is how many bytes the store takes now, and how many are left to take. The latter are those of the file
	// system, or of the memory, that the store is in: others take from them too, and a quota or a control group may
	// forbid what is left.
	Space() (used, free int64, err error)
}

// Space implements Spacer, by the store; an error that wraps errors.ErrUnsupported says that the store does not know.
func (m *Medium) Space() (used, free int64, err error) {
	if m.spacer == nil {
		return 0, 0, fmt.Errorf("the store does not know how much space is left: %w", errors.ErrUnsupported)
	}
	return m.spacer.Space()
}

// Space implements Spacer, by the file system. What is below a device only the device knows.
func (f *File) Space() (used, free int64, err error) {
	if f.device {
		return 0, 0, fmt.Errorf("%s: the space of a device is its own: %w", f.path, errors.ErrUnsupported)
	}
	if used, free, err = space(f.fd); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", f.path, err)
	}
	return used, free, nil
}

// Space implements Spacer: what is left is what the tmpfs may still take and the machine still has.
func (r *Ramdisk) Space() (used, free int64, err error) {
	used, free, err = space(r.fd)
	if err == nil {
		var left int64
		left, err = freeMemory()
		free = min(free, left)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("ramdisk %q: %w", r.path, err)
	}
	return used, free, nil
}

// Space implements Spacer: a store that takes nothing never ends.
func (s *Null) Space() (used, free int64, err error) { return 0, math.MaxInt64, nil }

// space is what a file takes, and what its file system has left for those who are not root. A tmpfs without a limit has no
// size.
func space(fd int) (used, free int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, 0, os.NewSyscallError("fstat", err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, 0, os.NewSyscallError("fstatfs", err)
	}
	free = math.MaxInt64
	if fs.Blocks > 0 {
		free = int64(fs.Bavail) * int64(fs.Bsize)
	}
	return st.Blocks * 512, free, nil
}

// freeMemory is what a tmpfs can still get, in bytes: memory that nobody needs, and swap space.
func freeMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var free int64
	for line := range bytes.Lines(text) {
		var name string
		var kib int64
		if _, err := fmt.Sscanf(string(line), "%s %d kB", &name, &kib); err == nil && (name == "MemAvailable:" || name == "SwapFree:") {
			free += kib << 10
		}
	}
	return free, nil
}
