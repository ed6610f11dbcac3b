package tcmutest

import (
	"sync/atomic"
	"unsafe"
)

// word is a 32-bit word that both ends of the ring access.
func word(mem []byte, off int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off : off+4][0]))
}
