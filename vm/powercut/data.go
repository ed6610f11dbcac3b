package main

import (
	"context"
	"fmt"
)

// The storm of data is of writers, several to a disk, each of which has an area to itself and sends its next command when
// it has told of the answer to the last. The disks are files in the file system that outlives the power cut.

var disks = []struct {
	name, wwn string
	option    string
	through   bool // each write is durable when it is answered
}{
	{"cached", "naa.5001405000000003", "direct=0", false},
	{"direct", "naa.5001405000000004", "direct=1", false},
	{"through", "naa.5001405000000005", "write_back=false", true},
}

const (
	writersPerDisk = 2
	mostRead       = 128 // blocks at once
)

// alone is the disk that is the only one to have its storm, at every other boot: what others flush makes durable what
// nobody has asked for too, as they are in one file system.
func alone(boot int) (disk int, is bool) { return boot / 2 % len(disks), boot%2 == 0 }

// writer is one of them.
type writer struct {
	number int // from 0
	boot   int
	nexus
}

func (w writer) disk() int { return w.number / writersPerDisk }

// area is the first block of its own.
func (w writer) area() int { return w.number % writersPerDisk * areaBlocks }

// newWriters makes the disks, of the files that are there or of new ones, and their writers.
func newWriters(ctx context.Context, boot int) (all []writer, err error) {
	for _, d := range disks {
		size := fmt.Sprint(writersPerDisk * areaBlocks * blockSize)
		err := command(ctx, "tcmuctl", "/backstores/fileio", "create", d.name, scratch+"/"+d.name+".img", size, d.option)
		if err != nil {
			return nil, err
		}
		n, err := newNexus(ctx, d.wwn, "/backstores/fileio/"+d.name)
		if err != nil {
			return nil, err
		}
		for range writersPerDisk {
			all = append(all, writer{len(all), boot, n})
		}
	}
	return all, nil
}

// found is what there is in a writer's area.
type found struct {
	Writer int     `json:"writer"`
	Blocks []stamp `json:"blocks"`
}

// look reads the area.
func (w writer) look() (found, error) {
	f := found{Writer: w.number}
	for len(f.Blocks) < areaBlocks {
		first := w.area() + len(f.Blocks)
		data := make([]byte, mostRead*blockSize)
		if _, err := w.send(fmt.Sprintf("88 00 %016x %08x 00 00", first, mostRead), data); err != nil {
			return f, err
		}
		for i := range mostRead {
			s, err := look(data[i*blockSize:][:blockSize], place{w.disk(), first + i})
			if err != nil {
				return f, err
			}
			f.Blocks = append(f.Blocks, s)
		}
	}
	return f, nil
}

// answered is how many steps of a writer were answered.
type answered struct {
	Writer int `json:"writer"`
	Steps  int `json:"steps"`
}

// write goes from step to step until the power fails.
func (w writer) write() error {
	next := plan(w.boot, w.number)
	for step := 0; ; step++ {
		o := next()
		if _, err := w.send(o.cdb(w.area()), w.data(o, stamp{w.boot, step})); err != nil {
			return fmt.Errorf("writer %d, step %d: %w", w.number, step, err)
		}
		tell("answered", answered{w.number, step + 1})
	}
}

// data is what goes with a command.
func (w writer) data(o operation, s stamp) []byte {
	switch {
	case o.kind == synchronize:
		return nil
	case o.kind.zeroes(): // WRITE SAME: one block for all
		return make([]byte, blockSize)
	}
	var data []byte
	for i := range o.blocks {
		data = append(data, s.block(place{w.disk(), w.area() + o.first + i})...)
	}
	return data
}
