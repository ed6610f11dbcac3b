package backend

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// describeDevice asks the kernel what the device can do, and refuses one that does not fit the options. Punching a hole
// in a device is a WRITE ZEROES command that may unmap, so it takes both.
func (f *File) describeDevice() error {
	protected, err := unix.IoctlGetUint32(f.fd, unix.BLKROGET)
	if err != nil {
		return fmt.Errorf("%s: BLKROGET: %w", f.path, err)
	}
	if protected != 0 && !f.readOnly { // most devices let themselves be opened all the same, and fail each write
		return f.notWritable(unix.EROFS)
	}
	sector, err := unix.IoctlGetUint32(f.fd, unix.BLKSSZGET)
	if err != nil {
		return fmt.Errorf("%s: BLKSSZGET: %w", f.path, err)
	}
	if f.block%int64(sector) != 0 {
		return fmt.Errorf("%s has sectors of %d bytes: use a block size of %[2]d, not %d", f.path, sector, f.block)
	}
	f.discards = Emulated
	if f.limit("discard_max_bytes") > 0 && f.limit("write_zeroes_max_bytes") > 0 {
		f.discards = Native
	}
	f.granule = f.limit("discard_granularity")
	return nil
}

// limit reads one number of the device's request queue. What cannot be read is 0: not supported, or not known.
func (f *File) limit(name string) int64 {
	n, err := strconv.ParseInt(f.attribute("queue/"+name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// attribute reads a file of the device's directory in sysfs, or of the whole disk's when f is a partition that has it not
// itself; "" when there is none.
func (f *File) attribute(name string) string {
	var st unix.Stat_t
	if unix.Fstat(f.fd, &st) != nil {
		return ""
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d/", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	text, err := os.ReadFile(dir + name)
	if err != nil {
		text, err = os.ReadFile(dir + "../" + name) // not Join: ".." of a symbolic link's target
	}
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
