package backend

import (
	"errors"
	"fmt"
)

// Spacer is a store that can run out of space.
type Spacer interface {
	// Space is how many bytes the store takes now, and how many are left for it to take: of the file system or the
	// memory that it is in, which others may take from too. It is as true as the system's own figures.
	Space() (used, free int64, err error)
}

// Space implements Spacer, by the store; an error that wraps errors.ErrUnsupported says that the store does not know.
func (m *Medium) Space() (used, free int64, err error) {
	if m.spacer == nil {
		return 0, 0, fmt.Errorf("the store does not know how much space is left: %w", errors.ErrUnsupported)
	}
	return m.spacer.Space()
}
