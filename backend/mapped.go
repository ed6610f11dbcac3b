package backend

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Mapper is a store that knows what of it is allocated.
type Mapper interface {
	// Mapped says whether there is anything in the store at off, and up to which end, in (off, limit], the same is true.
	// What is not mapped reads as zeros. The stretch need not be the longest there is, so that a call ends soon.
	// 0 <= off < limit <= Size.
	Mapped(off, limit int64) (mapped bool, end int64, err error)
}

// Mapped implements Mapper, by the store. In a store that does not know all is mapped.
func (m *Medium) Mapped(off, limit int64) (mapped bool, end int64, err error) {
	if m.mapper == nil {
		return true, limit, stretch(off, limit, m.Size())
	}
	return m.mapper.Mapped(off, limit)
}

// stretch reports that [off, limit) is empty or does not lie within a store of size bytes.
func stretch(off, limit, size int64) error {
	if limit <= off {
		return fmt.Errorf("nothing lies between %d and %d: %w", off, limit, syscall.EINVAL)
	}
	return within(off, limit-off, size)
}

// Mapped implements Mapper, by the holes of the file. Space that was allocated and never written is a hole. Where the file
// system does not know its holes, and in a device, all is mapped.
func (f *File) Mapped(off, limit int64) (mapped bool, end int64, err error) {
	if err := stretch(off, limit, f.Size()); err != nil || f.device {
		return true, limit, err
	}
	data, err := unix.Seek(f.fd, off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO: // a hole to the end of the file
		return false, limit, nil
	case err == nil && data > off:
		return false, min(data, limit), nil
	case err == nil:
		end, err = unix.Seek(f.fd, off, unix.SEEK_HOLE)
	}
	switch {
	case err == unix.EINVAL || errors.Is(err, errors.ErrUnsupported):
		return true, limit, nil
	case err == unix.ENXIO || err == nil && end <= off: // punched, or cut off, meanwhile
		return true, limit, nil
	case err != nil:
		return false, 0, fmt.Errorf("%s: looking for holes at offset %d: %w", f.path, off, err)
	}
	return true, min(end, limit), nil
}

// Mapped implements Mapper, by the pages that the file has.
func (r *Ramdisk) Mapped(off, limit int64) (mapped bool, end int64, err error) {
	if err := stretch(off, limit, r.Size()); err != nil {
		return false, 0, err
	}
	mapped, end = r.state(off, limit)
	for range 1 << leafBits { // regions, or leaves that are not there
		if end == limit {
			break
		}
		same, next := r.state(end, limit)
		if same != mapped {
			break
		}
		end = next
	}
	return mapped, end, nil
}

// state is Mapped within one region, or within a leaf that is not there.
func (r *Ramdisk) state(off, limit int64) (mapped bool, end int64) {
	reg := r.region(off)
	if reg == nil {
		return false, min(limit, (r.leafOf(off)+1)<<r.leafShift)
	}
	reg.mu.RLock()
	defer reg.mu.RUnlock()
	end, mapped = r.run(reg, off, min(limit, r.regionEnd(off)))
	return mapped, end
}

// Mapped implements Mapper: there is nothing.
func (s *Null) Mapped(off, limit int64) (mapped bool, end int64, err error) {
	return false, limit, stretch(off, limit, s.Size())
}
