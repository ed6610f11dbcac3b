package backend

import (
	"fmt"
	"math"
	"syscall"
)

// span returns the sum of the lengths of iov, in bytes, after checking that the range lies within a store of size
// bytes. The unit above has checked it already; a store that maps memory or could grow a file does not rely on that.
func span(iov [][]byte, off, size int64) (int64, error) {
	var n int64
	for _, b := range iov {
		n += int64(len(b))
	}
	return n, within(off, n, size)
}

// within reports a range that does not lie within a store of size bytes.
func within(off, n, size int64) error {
	if off < 0 || n < 0 || n > size-off {
		return fmt.Errorf("%d bytes at offset %d do not lie within the %d bytes of the store: %w", n, off, size, syscall.EINVAL)
	}
	return nil
}

// cursor walks over the bytes of an iov, whatever the shape of its segments.
type cursor struct {
	iov  [][]byte
	done int // bytes of iov[0] already passed
}

// next passes and returns up to limit bytes that lie in one segment, nil at the end of the iov.
func (c *cursor) next(limit int64) []byte {
	for len(c.iov) > 0 && c.done == len(c.iov[0]) {
		c.iov, c.done = c.iov[1:], 0
	}
	if len(c.iov) == 0 {
		return nil
	}
	b := c.iov[0][c.done:]
	if int64(len(b)) > limit {
		b = b[:limit]
	}
	c.done += len(b)
	return b
}

// skip passes n bytes.
func (c *cursor) skip(n int64) {
	for n > 0 {
		n -= int64(len(c.next(n)))
	}
}

// empty reports whether all bytes have been passed.
func (c *cursor) empty() bool {
	rest := *c
	return rest.next(math.MaxInt64) == nil
}

// fill copies all of src into the segments.
func (c *cursor) fill(src []byte) {
	for len(src) > 0 {
		src = src[copy(c.next(int64(len(src))), src):]
	}
}

// drain copies from the segments until dst is full.
func (c *cursor) drain(dst []byte) {
	for len(dst) > 0 {
		dst = dst[copy(dst, c.next(int64(len(dst)))):]
	}
}

// zero clears n bytes of the segments.
func (c *cursor) zero(n int64) {
	for n > 0 {
		b := c.next(n)
		clear(b)
		n -= int64(len(b))
	}
}
