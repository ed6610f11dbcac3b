package tcmu

import (
	"sync/atomic"
	"unsafe"
)

// word is the 32-bit word at off of the map, as both sides of the ring access it. The caller has checked that off is
// a multiple of 4 and lies inside; the map begins at a page.
func word(mem []byte, off int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off : off+4][0]))
}
