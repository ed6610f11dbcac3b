package tcmutest

import "slices"

// Task management functions.
const (
	AbortTask = 1
	LUNReset  = 5
)

const statusTaskAborted = 0x40

// function is a task management function that is to be answered.
type function struct {
	ids  []uint16 // of commands that have not been completed
	done chan struct{}
}

// Abort carries out a task management function on commands, as LIO does: those that wait for room end, the ring's user is
// told of those that are in the ring, and the function is answered, by closing answered, when each of them has been
// completed. Commands that have ended are not named.
func (k *Kernel) Abort(kind byte, all ...*Command) (answered <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &function{done: make(chan struct{})}
	for id, c := range k.live {
		if c != nil && !c.kept && slices.Contains(all, c) {
			f.ids = append(f.ids, uint16(id))
		}
	}
	k.queue = slices.DeleteFunc(k.queue, func(c *Command) bool {
		named := slices.Contains(all, c)
		if named {
			c.end(statusTaskAborted)
		}
		return named
	})
	if !k.writeTMR(kind, f.ids) {
		k.t.Errorf("tcmutest: no room for a TMR of %d ids, of which the ring's user hears nothing", len(f.ids))
	}
	if len(f.ids) == 0 {
		close(f.done)
		return f.done
	}
	k.functions = append(k.functions, f)
	return f.done
}

// completed answers the functions that waited for a command. k.mu is held.
func (k *Kernel) completed(id uint16) {
	k.functions = slices.DeleteFunc(k.functions, func(f *function) bool {
		f.ids = slices.DeleteFunc(f.ids, func(have uint16) bool { return have == id })
		if len(f.ids) == 0 {
			close(f.done)
		}
		return len(f.ids) == 0
	})
}
