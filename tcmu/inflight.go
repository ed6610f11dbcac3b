package tcmu

import "slices"

// idSet is a set of ring ids, a bit for each. The kernel takes the lowest that is free, so a set has a word or two; it grows
// to 1024 at most.
type idSet []uint64

func (s idSet) has(id uint16) bool { return int(id/64) < len(s) && s[id/64]&(1<<(id%64)) != 0 }
func (s idSet) remove(id uint16)   { s[id/64] &^= 1 << (id % 64) }

func (s *idSet) add(id uint16) {
	for int(id/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id/64] |= 1 << (id % 64)
}

// awaited is commands whose end somebody waits for.
type awaited struct {
	ids  idSet
	left int           // how many are in ids
	done chan struct{} // closed when none is
}

// await returns what is closed when all commands have ended that are in flight now, but for one, which may be -1.
func (r *ring) await(except int) (done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.expect(except); a != nil {
		return a.done
	}
	over := make(chan struct{})
	close(over)
	return over
}

// expect makes it known what is in flight now, but for one, which may be -1; nil if that is nothing. r.mu is held.
func (r *ring) expect(except int) *awaited {
	if _, running := r.running(); r.inFlight == 0 && !running {
		return nil
	}
	a := &awaited{done: make(chan struct{})}
	a.ids, a.left = slices.Clone(r.live), r.inFlight
	if id, ok := r.running(); ok && !a.ids.has(id) {
		a.ids.add(id)
		a.left++
	}
	if except >= 0 {
		a.ended(uint16(except))
	}
	if a.left == 0 {
		return nil
	}
	r.awaited = append(r.awaited, a)
	return a
}

// forget is for who waits for a no longer, and returns the ids that have not ended. r.mu is held.
func (r *ring) forget(a *awaited) (left []uint16) {
	if a == nil || a.left == 0 {
		return nil
	}
	r.awaited = slices.DeleteFunc(r.awaited, func(b *awaited) bool { return a == b })
	for id := range 64 * len(a.ids) {
		if a.ids.has(uint16(id)) {
			left = append(left, uint16(id))
		}
	}
	return left
}

// ended takes the id of a command from what is in flight and what is awaited. r.mu is held.
func (r *ring) ended(id uint16) {
	if !r.live.has(id) {
		return
	}
	r.live.remove(id)
	r.inFlight--
	if len(r.awaited) > 0 {
		r.tell(id)
	}
}

// tell tells those that await the command with the given id that it has ended. r.mu is held.
func (r *ring) tell(id uint16) {
	r.awaited = slices.DeleteFunc(r.awaited, func(a *awaited) bool {
		if a.ended(id); a.left > 0 {
			return false
		}
		close(a.done)
		return true
	})
}

func (a *awaited) ended(id uint16) {
	if a.ids.has(id) {
		a.ids.remove(id)
		a.left--
	}
}
