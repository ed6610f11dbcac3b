package backend_test

import "io"

// byteDisk is the smallest disk: bytes in memory.
type byteDisk []byte

func (d byteDisk) ReadAt(p []byte, off int64) (int, error) {
	if n := copy(p, d[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (d byteDisk) WriteAt(p []byte, off int64) (int, error) {
	if n := copy(d[off:], p); n < len(p) {
		return n, io.ErrShortWrite
	}
	return len(p), nil
}
