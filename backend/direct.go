package backend

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alignment is what direct I/O asks of a file's offsets and lengths, segment by segment, and of memory, in bytes: powers of
// two. The zero value is that of I/O through the page cache, which asks nothing.
type alignment struct{ offset, memory int64 }

// maxAlignment is the most that any file system or device asks for: a page.
const maxAlignment = 4096

// describeDirect finds out the alignment, and refuses blocks that are smaller than it. Linux tells since 6.1; before, and
// where a file system does not, it shows in what can be read.
func (f *File) describeDirect() error {
	var st unix.Statx_t
	err := unix.Statx(f.fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	switch {
	case err != nil || st.Mask&unix.STATX_DIOALIGN == 0:
		if f.align, err = f.probeDirect(); err != nil {
			return err
		}
	case st.Dio_offset_align == 0: // so of a file that is encrypted, or has its data in a journal
		return f.notDirect(errors.ErrUnsupported)
	default:
		f.align = alignment{int64(st.Dio_offset_align), int64(st.Dio_mem_align)}
	}
	if f.block%f.align.offset != 0 {
		return fmt.Errorf("%s takes direct I/O in multiples of %d bytes: use a block size of %[2]d, not %d, or direct=0", f.path, f.align.offset, f.block)
	}
	return nil
}

// probeDirect is the least that can be read directly.
func (f *File) probeDirect() (alignment, error) {
	buf := directBuffers.Get().(*directBuffer)
	defer directBuffers.Put(buf)
	var err error
	for n := int64(512); n <= maxAlignment; n *= 2 {
		if _, err = unix.Pread(f.fd, buf.aligned()[:n], n); err == nil {
			return alignment{n, n}, nil
		}
	}
	return alignment{}, f.notDirect(err)
}

func (f *File) notDirect(err error) error {
	return fmt.Errorf("%s cannot be opened for direct I/O, which is not for every file system: use direct=0: %w", f.path, err)
}

// takes reports whether direct I/O can use the memory of iov. A ring's can be used nearly always: it consists of pages.
func (a alignment) takes(iov [][]byte) bool {
	if a.offset == 0 {
		return true
	}
	for _, b := range iov {
		if int64(len(b))&(a.offset-1) != 0 || int64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))&(a.memory-1) != 0 {
			return false
		}
	}
	return true
}

// directBuffer is what memory that is not aligned goes through, piece by piece.
type directBuffer [directPiece + maxAlignment]byte

const directPiece = 256 << 10

var directBuffers = sync.Pool{New: func() any { return new(directBuffer) }}

// aligned is the part of the buffer that direct I/O can use: directPiece bytes. Go does not move what is allocated.
func (b *directBuffer) aligned() []byte {
	skip := -uintptr(unsafe.Pointer(b)) & (maxAlignment - 1)
	return b[skip:][:directPiece]
}

// move is transfer of the file: through an aligned buffer where direct I/O cannot use the memory of iov.
func (f *File) move(trap uintptr, iov [][]byte, off int64, flags int) error {
	if f.align.takes(iov) {
		return transfer(trap, f.fd, iov, off, flags)
	}
	buf := directBuffers.Get().(*directBuffer)
	defer directBuffers.Put(buf)
	piece := buf.aligned()
	n, _ := span(iov, 0, math.MaxInt64)
	for c := (cursor{iov: iov}); n > 0; n -= int64(len(piece)) {
		piece = piece[:min(n, directPiece)]
		if trap == unix.SYS_PWRITEV2 {
			c.drain(piece)
		}
		if err := transfer(trap, f.fd, [][]byte{piece}, off, flags); err != nil {
			return err
		}
		if trap == unix.SYS_PREADV2 {
			c.fill(piece)
		}
		off += int64(len(piece))
	}
	return nil
}
