package tcmu

import (
	"encoding/binary"
	"fmt"
)

// TMR is a notice that the kernel carries out a task management function. It wants no answer; but the kernel withholds
// its own answer to the initiator until every command named has been completed, whatever its status.
type TMR struct {
	Function TaskFunction
	IDs      []uint16 // ring ids of commands that it aborts; some may have been completed meanwhile
}

// TaskFunction is a task management function (SAM-5 clause 7).
type TaskFunction uint8

// Task management functions, as TCMU numbers them. LIO sends ABORT TASK and the two kinds of LOGICAL UNIT RESET.
const (
	AbortTask        TaskFunction = 1
	AbortTaskSet     TaskFunction = 2
	ClearACA         TaskFunction = 3
	ClearTaskSet     TaskFunction = 4
	LogicalUnitReset TaskFunction = 5
	TargetWarmReset  TaskFunction = 6
	TargetColdReset  TaskFunction = 7
	// PreemptAndAbort is a LOGICAL UNIT RESET that PERSISTENT RESERVE OUT with that service action brought about.
	PreemptAndAbort TaskFunction = 128
)

var taskFunctionNames = map[TaskFunction]string{
	AbortTask: "ABORT TASK", AbortTaskSet: "ABORT TASK SET", ClearACA: "CLEAR ACA", ClearTaskSet: "CLEAR TASK SET",
	LogicalUnitReset: "LOGICAL UNIT RESET", TargetWarmReset: "TARGET WARM RESET", TargetColdReset: "TARGET COLD RESET",
	PreemptAndAbort: "PREEMPT AND ABORT",
}

func (f TaskFunction) String() string {
	if n, ok := taskFunctionNames[f]; ok {
		return n
	}
	return fmt.Sprintf("task management function %d", uint8(f))
}

// tmr copies the notice of entry h out of the ring.
func (r *ring) tmr(h header) (TMR, error) {
	p := r.bytes(h)
	n := binary.NativeEndian.Uint32(p[tmrCount:])
	if room := (h.len - tmrIDs) / 2; n > room {
		return TMR{}, r.broken(h.off, "TMR with %d ids and room for %d", n, room)
	}
	t := TMR{Function: TaskFunction(p[tmrType])}
	for i := range n {
		t.IDs = append(t.IDs, binary.NativeEndian.Uint16(p[tmrIDs+2*i:]))
	}
	return t, nil
}
