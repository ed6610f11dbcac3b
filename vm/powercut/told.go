package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// told is what the machine has told between a boot and the power cut: what it found, and how far its storms had come. What
// it told last may have been lost on its way.
type told struct {
	boot  int
	begun bool // the storms: all that was found has been told

	// Of the registrations: each step up to did was answered, and none after tried was sent.
	reservations state
	did, tried   step

	// Of each writer.
	areas [][]stamp
	steps []int // answered
}

// lost is how many steps may have been taken that were not told of: what is on its way out of the machine.
const lost = 64

// nothing is told of a disk that is new.
func nothing() *told {
	n := len(disks) * writersPerDisk
	t := &told{did: -1, tried: -1, areas: make([][]stamp, n), steps: make([]int, n)}
	for i := range t.areas {
		t.areas[i] = make([]stamp, areaBlocks)
	}
	return t
}

// hear takes a line, unless it is no word of the storms.
func (t *told) hear(line string) (bool, error) {
	what, value, _ := strings.Cut(line, " ")
	var f found
	var a answered
	into := map[string]any{"found": &f, "have": &t.reservations, "try": &t.tried, "did": &t.did, "answered": &a}[what]
	if into == nil {
		return false, nil
	}
	if err := json.Unmarshal([]byte(value), into); err != nil {
		return true, err
	}
	switch what {
	case "found":
		t.areas[f.Writer] = f.Blocks
	case "have":
		t.begun = true
	case "answered":
		t.steps[a.Writer] = a.Steps
	}
	return true, nil
}

// judge holds what was found at the next boot to what was told, and returns the step of registrations that is there.
func (t *told) judge(next *told) (step, error) {
	for writer, found := range next.areas {
		disk := disks[writer/writersPerDisk]
		h := history{t.boot, disk.through, t.areas[writer], steps(t.boot, writer, t.steps[writer]+1+lost), t.steps[writer]}
		if err := h.judge(found); err != nil {
			return 0, fmt.Errorf("writer %d on %s: %w", writer, disk.name, err)
		}
	}
	return reached(next.reservations, t.did, t.tried+lost)
}

// from is what was told of storms that began with the registrations at a step.
func (t *told) from(at step) *told {
	t.did, t.tried = max(t.did, at), max(t.tried, at)
	return t
}

// commands is how many steps of data were answered.
func (t *told) commands() (n int) {
	for _, steps := range t.steps {
		n += steps
	}
	return n
}
