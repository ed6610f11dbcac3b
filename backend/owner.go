package backend

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openJournal finishes what the file's journal in dir has a record of. A file that nothing identifies gets no journal: its
// records would not be found again, or be taken for those of another.
func (f *File) openJournal(dir string) error {
	if f.identity == "" {
		return nil
	}
	name := fmt.Sprintf("%x%s", sha256.Sum256([]byte(f.identity)), JournalSuffix)
	var err error
	f.journal, err = openJournal(filepath.Join(dir, name), f.identity, false, f.Size(), f.place)
	return err
}

// owner identifies the file or device across a reboot; "" where nothing does. The number of the device is no part of it:
// that changes with the order in which devices are found.
func (f *File) owner() string {
	if f.device {
		return f.deviceOwner()
	}
	var st unix.Statx_t
	err := unix.Statx(f.fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf("inode %d born %d.%09d", st.Ino, st.Btime.Sec, st.Btime.Nsec)
}

// deviceOwner is the name that whoever made it gave the device, or the disk that it is a partition of, with where the
// partition begins.
func (f *File) deviceOwner() string {
	for _, name := range []string{"dm/uuid", "md/uuid", "wwid", "device/wwid", "serial", "loop/backing_file"} {
		if id := f.attribute(name); id != "" {
			return fmt.Sprintf("%s %s %s", name, id, f.attribute("start"))
		}
	}
	return ""
}
