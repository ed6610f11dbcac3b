package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// blockSize is that of the disks of the storm of data, in bytes.
const blockSize = 512

// A stamp tells of which write a block is: of which step of its writer, since which boot. Boots count from 1, and the zero
// stamp is that of a block of zeros.
type stamp struct {
	Boot int `json:"boot"`
	Step int `json:"step"`
}

func (s stamp) String() string {
	if s == (stamp{}) {
		return "zeros"
	}
	return fmt.Sprintf("step %d of boot %d", s.Step, s.Boot)
}

// place is where a block belongs.
type place struct{ disk, lba int }

// block is the block at a place that a write leaves: nothing but its stamp and its place, again and again, so that each byte
// of it is known.
func (s stamp) block(at place) []byte {
	if s == (stamp{}) {
		return make([]byte, blockSize)
	}
	var head []byte
	for _, n := range []int{at.disk, at.lba, s.Boot, s.Step} {
		head = binary.LittleEndian.AppendUint64(head, uint64(n))
	}
	return bytes.Repeat(head, blockSize/len(head))
}

// read is the stamp and the place that a block begins with.
func read(block []byte) (s stamp, at place) {
	for i, n := range []*int{&at.disk, &at.lba, &s.Boot, &s.Step} {
		*n = int(binary.LittleEndian.Uint64(block[8*i:]))
	}
	return s, at
}

// look is the stamp of the block that was found at a place.
func look(block []byte, at place) (stamp, error) {
	s, written := read(block)
	switch {
	case !bytes.Equal(block, s.block(written)):
		return s, fmt.Errorf("block %d of disk %d is torn, its beginning is of %v", at.lba, at.disk, s)
	case s != (stamp{}) && written != at:
		return s, fmt.Errorf("block %d of disk %d is misplaced: it is that of block %d of disk %d, %v", at.lba, at.disk, written.lba, written.disk, s)
	}
	return s, nil
}
