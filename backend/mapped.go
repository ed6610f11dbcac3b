package backend

import (
	"fmt"
	"syscall"
)

// Mapper is a store that knows what of it is allocated.
type Mapper interface {
	// Mapped says whether the store has space allocated for the byte at off, and end, in (off, limit], up to where the
	// same is true of all bytes. What is not mapped reads as zeros. The stretch need not be the longest there is. With
	// off and limit, 0 <= off < limit <= Size, go the rules of Readv.
	Mapped(off, limit int64) (mapped bool, end int64, err error)
}

// Mapped implements Mapper, by the store. Of a store that does not know all is mapped.
func (m *Medium) Mapped(off, limit int64) (mapped bool, end int64, err error) {
	if err := stretch(off, limit, m.Size()); err != nil {
		return false, 0, err
	}
	if m.mapper == nil {
		return true, limit, nil
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
