package lineartest

import (
	"encoding/binary"
	"fmt"

	"github.com/anishathalye/porcupine"
)

// blocks is a register for each block, zero at first. SBC-4 orders commands of several blocks only block by block.
var blocks = porcupine.NondeterministicModel{
	Partition: partition,
	Init:      func() []any { return []any{uint64(0)} },
	Step: func(state, input, output any) []any {
		return step(state.(uint64), input.(Request), output.(Answer))
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}

func partition(history []porcupine.Operation) [][]porcupine.Operation {
	of := map[int][]porcupine.Operation{}
	for _, op := range history {
		block := op.Input.(Request).Block
		of[block] = append(of[block], op)
	}
	var parts [][]porcupine.Operation
	for _, part := range of {
		parts = append(parts, part)
	}
	return parts
}

// step is what a block that holds now may hold after a request with that answer: nothing, if there is no such answer.
func step(now uint64, r Request, a Answer) []any {
	after := now
	if r.Kind == Write || r.Kind == Compare && now == r.Old {
		after = r.New
	}
	switch {
	case a.Outcome == Failed:
		return []any{now, after}
	case r.Kind == Read && a.Data != now,
		r.Kind == Compare && (a.Outcome == Differs) != (now != r.Old),
		a.Outcome == Differs && a.At != differ(now, r.Old):
		return nil
	}
	return []any{after}
}

// differ is the first byte in which blocks of two values differ.
func differ(a, b uint64) int {
	p, q := binary.BigEndian.AppendUint64(nil, a), binary.BigEndian.AppendUint64(nil, b)
	for i := range p {
		if p[i] != q[i] {
			return i
		}
	}
	return len(p)
}
