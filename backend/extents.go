package backend

import (
	"slices"
	"sync"
)

// extent is a range in use.
type extent struct {
	off, n int64
	write  bool
}

func (e extent) conflicts(with extent) bool {
	return (e.write || with.write) && e.off < with.off+with.n && with.off < e.off+e.n
}

// extents keeps writes apart from all else in the same range: in the order in which they come, so that nobody waits for ever
// behind those who share a range. There are as many as there are commands under way, few enough to look at each. To nil
// extents nothing conflicts.
type extents struct {
	mu     sync.Mutex
	freed  sync.Cond
	line   []turn // guarded by mu; whoever came earlier stands before
	number uint64 // of the next
}

// turn is one in the line: one who uses his extent, or waits for it.
type turn struct {
	extent
	number uint64
	using  bool
}

func newExtents() *extents {
	x := &extents{}
	x.freed.L = &x.mu
	return x
}

// take waits until no extent conflicts with e that came earlier, then uses it.
func (x *extents) take(e extent) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	number := x.enter(e)
	at := len(x.line) - 1
	for x.conflict(at) {
		x.freed.Wait()
		at = slices.IndexFunc(x.line, func(t turn) bool { return t.number == number })
	}
	x.line[at].using = true
}

// try is take, unless that would have to wait.
func (x *extents) try(e extent) bool {
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.enter(e)
	last := len(x.line) - 1
	if x.conflict(last) {
		x.line = x.line[:last]
		return false
	}
	x.line[last].using = true
	return true
}

// enter puts e at the end of the line.
func (x *extents) enter(e extent) (number uint64) {
	number = x.number
	x.number++
	x.line = append(x.line, turn{extent: e, number: number})
	return number
}

// conflict says whether anybody who stands before conflicts with it.
func (x *extents) conflict(at int) bool {
	for i := range x.line[:at] {
		if x.line[i].conflicts(x.line[at].extent) {
			return true
		}
	}
	return false
}

// release is for who uses e. Of several equal ones any will do.
func (x *extents) release(e extent) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	at := slices.IndexFunc(x.line, func(t turn) bool { return t.using && t.extent == e })
	x.line = slices.Delete(x.line, at, at+1)
	x.freed.Broadcast()
}
