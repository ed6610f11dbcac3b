package backend

import "sync"

// extent is a range in use.
type extent struct {
	off, n int64
	write  bool
}

func (e extent) conflicts(with extent) bool {
	return (e.write || with.write) && e.off < with.off+with.n && with.off < e.off+e.n
}

// extents is the ranges in use. They are as many as there are commands under way, few enough to look at each.
type extents struct {
	mu    sync.Mutex
	freed sync.Cond
	inUse []extent // guarded by mu
}

func newExtents() *extents {
	x := &extents{}
	x.freed.L = &x.mu
	return x
}

// take waits until no range in use conflicts with e, then uses it.
func (x *extents) take(e extent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.conflict(e) {
		x.freed.Wait()
	}
	x.inUse = append(x.inUse, e)
}

func (x *extents) conflict(e extent) bool {
	for _, used := range x.inUse {
		if e.conflicts(used) {
			return true
		}
	}
	return false
}

func (x *extents) release(e extent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, used := range x.inUse {
		if used == e { // any of several equal ones will do
			last := len(x.inUse) - 1
			x.inUse[i] = x.inUse[last]
			x.inUse = x.inUse[:last]
			break
		}
	}
	x.freed.Broadcast()
}
