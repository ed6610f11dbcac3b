package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// Replace implements control.Source: Run drains the volumes and returns, and Successor is p then. To initiators that is a
// clean end and a start at once. As a process with a thread that the kernel does not let go of cannot become another program,
// the daemon is not replaced while commands are overdue.
func (d *Daemon) Replace(p control.Program) error {
	if !filepath.IsAbs(p.Path) {
		return fmt.Errorf("%q does not begin with /: give the whole path of the program", p.Path)
	}
	if err := unix.Access(p.Path, unix.X_OK); err != nil {
		return fmt.Errorf("%s cannot be run where tcmud does: %w", p.Path, err)
	}
	for _, v := range d.all() {
		if n := v.overdue.Load(); n > 0 {
			return fmt.Errorf("the store of %v does not answer %d of its commands: see to it first (tcmud's log tells more)", v.uio, n)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending || d.successor != nil {
		return errors.New("tcmud is ending already")
	}
	d.successor = &p
	close(d.replaced)
	return nil
}

// goesOn says that what a volume leaves is taken up at once.
func (d *Daemon) goesOn() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.ending || d.successor != nil
}

// Successor is who is to go on in place of the daemon; nil: nobody.
func (d *Daemon) Successor() *control.Program {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.successor
}
