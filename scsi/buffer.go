package scsi

// Buffer is an initiator's buffer in segments, most often the kernel's ring memory. No segment is ever kept beyond the
// command it came with.
type Buffer [][]byte

// Len is the number of bytes in all segments.
func (b Buffer) Len() int64 {
	var n int64
	for _, s := range b {
		n += int64(len(s))
	}
	return n
}

// Write copies p to the bytes from off on, as far as there is room, and returns the number of bytes copied.
func (b Buffer) Write(p []byte, off int64) int {
	done := 0
	for _, s := range b {
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		done += copy(s[off:], p[done:])
		off = 0
		if done == len(p) {
			break
		}
	}
	return done
}

// Read copies the bytes from off on to p, as far as there are any, and returns the number of bytes copied.
func (b Buffer) Read(p []byte, off int64) int {
	done := 0
	for _, s := range b {
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		done += copy(p[done:], s[off:])
		off = 0
		if done == len(p) {
			break
		}
	}
	return done
}

// Clear zeroes the bytes from off to the end.
func (b Buffer) Clear(off int64) {
	for _, s := range b {
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		clear(s[off:])
		off = 0
	}
}

// Slice is the n bytes of b from off on; b holds at least off+n.
func (b Buffer) Slice(off, n int64) Buffer { return b.appendSlice(nil, off, n) }

// appendSlice appends the segments of the n bytes of b from off on to dst; b holds at least off+n.
func (b Buffer) appendSlice(dst Buffer, off, n int64) Buffer {
	for _, s := range b {
		if n == 0 {
			break
		}
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		s, off = s[off:], 0
		if int64(len(s)) > n {
			s = s[:n]
		}
		dst = append(dst, s)
		n -= int64(len(s))
	}
	return dst
}
