// Package lineartest records what concurrent initiators ask of the blocks of a disk and hear from it, and says whether
// one order of all of it, block by block, explains the answers.
package lineartest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what is asked of a block.
type Kind uint8

// The kinds. A write is of any command that leaves New in the block, UNMAP too.
const (
	Read Kind = iota
	Write
	Compare // and write
)

// Request is what is asked of one block, with the values as Block has them.
type Request struct {
	Block    int
	Kind     Kind
	Old, New uint64
}

// Outcome is how a command ended.
type Outcome uint8

// The outcomes. What has failed may have been done, but is over: it is not done later.
const (
	Done Outcome = iota
	Failed
	Differs // MISCOMPARE
)

// Answer is what was heard. Data is what was read, and At where a comparison found the first byte that differs.
type Answer struct {
	Outcome Outcome
	Data    uint64
	At      int
}

// Block is a block that is full of a value.
func Block(value uint64, size int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, value), size/8)
}

// Value is what a block is full of, or an error if it is torn.
func Value(block []byte) (uint64, error) {
	v := binary.BigEndian.Uint64(block)
	if !bytes.Equal(block, Block(v, len(block))) {
		return 0, fmt.Errorf("a torn block: % x", block)
	}
	return v, nil
}

// History is what has been recorded. Its zero value is empty.
type History struct {
	mu  sync.Mutex
	ops []porcupine.Operation
}

var start = time.Now()

// Now is the time for Add.
func Now() int64 { return int64(time.Since(start)) }

// Add records a request of an initiator that was sent at a time and is answered now.
func (h *History) Add(initiator int, sent int64, r Request, a Answer) {
	now := Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: initiator, Input: r, Call: sent, Output: a, Return: now})
}

// Check is nil if the history is linearizable. If not, path becomes a page for a browser that shows it.
func (h *History) Check(path string) error {
	model := blocks.ToModel()
	result, info := porcupine.CheckOperationsVerbose(model, h.ops, time.Minute)
	if result == porcupine.Ok {
		return nil
	}
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		return err
	}
	return fmt.Errorf("linearizable: %s, of %d operations: see %s", result, len(h.ops), path)
}

// Len is how many operations have been recorded.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}
