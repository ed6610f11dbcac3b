package main

import (
	"fmt"
	"slices"
)

// history is what is known of a writer since a boot. Its steps are those that may have been sent, of which as many as
// answered certainly were, and had their answer.
type history struct {
	boot     int
	through  bool    // each write is durable when it is answered
	before   []stamp // of its area when it began
	steps    []operation
	answered int
}

// judge holds what was found in the area after the power cut to that: each block is that of the last write that was
// answered as durable, or of a later one, and of an atomic write either all blocks are there or none.
func (h history) judge(found []stamp) error {
	of := make([]int, len(found))
	for block, s := range found {
		may := h.may(block)
		i := slices.IndexFunc(may, func(step int) bool { return h.left(step, block) == s })
		if i < 0 {
			return fmt.Errorf("block %d: %v is there; steps that may be, of boot %d: %v (-1: %v)", block, s, h.boot, may, h.before[block])
		}
		of[block] = may[i]
	}
	for step, o := range h.steps {
		if o.kind.atomic() {
			if err := whole(step, of[o.first:][:o.blocks]); err != nil {
				return fmt.Errorf("blocks from %d: %w", o.first, err)
			}
		}
	}
	return nil
}

// whole requires of the blocks of an atomic write, by the steps that they are of, that no older one is left where one of it
// is there. Blocks that were written again since tell nothing.
func whole(step int, of []int) error {
	if slices.Contains(of, step) && slices.Min(of) < step {
		return fmt.Errorf("step %d is an atomic write, and torn: the blocks are of the steps %v", step, of)
	}
	return nil
}

// may are the steps that a block may be of, the newest first; -1 is what was there before.
func (h history) may(block int) []int {
	steps := []int{-1}
	durable := h.durable()
	for i, o := range h.steps {
		if !o.writes(block) {
			continue
		}
		if durable[i] {
			steps = nil
		}
		steps = append(steps, i)
	}
	slices.Reverse(steps)
	return steps
}

// durable says of each step whether it was answered as durable: with FUA, as it was and then SYNCHRONIZE CACHE, or on a
// disk without a write cache.
func (h history) durable() []bool {
	durable := make([]bool, len(h.steps))
	synchronized := h.through
	for i := h.answered - 1; i >= 0; i-- {
		durable[i] = synchronized || h.steps[i].kind.durable()
		synchronized = synchronized || h.steps[i].kind == synchronize
	}
	return durable
}

// left is what a step leaves in a block.
func (h history) left(step, block int) stamp {
	if step < 0 {
		return h.before[block]
	}
	return h.steps[step].mark(stamp{h.boot, step})
}
