package sbc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// job is what a disk does to its whole medium by itself, for FORMAT UNIT or SANITIZE. It is kept in the State from its
// begin to its end, so that a disk made after a crash goes on with it: from the place that was saved last, and what was
// done beyond that is done again, which changes nothing.
type job struct {
	Sanitize     bool   `json:"sanitize"`     // else FORMAT UNIT
	Unrestricted bool   `json:"unrestricted"` // AUSE: its failure may be put up with
	Method       method `json:"method"`
	Pattern      []byte `json:"pattern,omitempty"` // of Overwriting: what each block begins with, again and again
	Invert       bool   `json:"invert"`            // in every other pass
	Passes       int64  `json:"passes"`
	Size         int64  `json:"size"`   // of the medium in bytes
	Done         int64  `json:"done"`   // bytes of all passes together
	Failed       bool   `json:"failed"` // that is where it ended
}

// method is how a pass treats the medium.
type method string

const (
	overwriting method = "overwrite" // with a pattern
	zeroing     method = "zero"      // as the store can
	freeing     method = "free"      // zeros, that take no space
)

// Pieces of the work, in bytes: after each a job can be interrupted, and its progress is seen.
const (
	writePiece = 1 << 20
	zeroPiece  = 64 << 20
)

// savedEvery is how often a job's place is made durable.
const savedEvery = 10 * time.Second

// jobRecord is the job's name in the State.
const jobRecord = "format or sanitize"

// work is a job under way.
type work struct {
	job   // as it was saved last
	disk  *Disk
	done  atomic.Int64  // job.Done by now
	chunk []byte        // overwriting: a piece of the pass
	stop  chan struct{} // closed to interrupt it
	ended chan struct{}
	// result is what the command ends in that waits for ended.
	result scsi.Result
}

// begin starts a job, and waits for its end unless immed is set. Who has aborted the command does not abort the job: nobody
// can use a medium that is half done (SBC-4 4.11).
func (d *Disk) begin(c *scsi.Command, j job, immed bool) scsi.Result {
	j.Size = int64(d.Blocks()) * d.block
	w, r := d.start(c, j)
	if !r.OK() || immed {
		return r
	}
	select {
	case <-w.ended:
		return w.result
	case <-c.Aborted:
		return scsi.Aborted
	}
}

func (d *Disk) start(c *scsi.Command, j job) (*work, scsi.Result) {
	d.changing.Lock()
	defer d.changing.Unlock()
	switch {
	case d.work != nil: // it has begun since c passed the gate
		return nil, d.work.gate(c.Op())
	case d.suspended:
		return nil, scsi.Result{Status: scsi.Busy}
	}
	if r := d.keep(c, &j); !r.OK() {
		return nil, r
	}
	return d.launch(j), scsi.Result{}
}

// launch closes the gate and puts the job to work. The caller holds changing.
func (d *Disk) launch(j job) *work {
	w := &work{job: j, disk: d, stop: make(chan struct{}), ended: make(chan struct{})}
	w.done.Store(j.Done)
	d.work, d.broken = w, nil
	d.streams.release() // SBC-4 4.32
	d.hold(w.gate, false)
	go w.run()
	return w
}

// keep saves a job, or with nil forgets it.
func (d *Disk) keep(c *scsi.Command, j *job) scsi.Result {
	if j == nil {
		return d.primary.Save(c, jobRecord, nil)
	}
	record, err := json.Marshal(j)
	if err != nil { // it has plain fields only
		return scsi.InternalTargetFailure
	}
	return d.primary.Save(c, jobRecord, record)
}

// restoreJob goes on with the job of an earlier disk.
func (d *Disk) restoreJob(record []byte) error {
	if record == nil {
		return nil
	}
	var j job
	if err := json.Unmarshal(record, &j); err != nil {
		return err
	}
	if j.Size != int64(d.Blocks())*d.block { // it has been resized meanwhile
		j.Size, j.Done = int64(d.Blocks())*d.block, 0
	}
	if err := j.check(d.block); err != nil {
		return err
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	switch {
	case j.Failed:
		d.broken = &j
		d.hold(j.failure, false)
	case !d.suspended:
		d.launch(j)
	}
	return nil
}

// check distrusts a job that was read from a file.
func (j *job) check(block int64) error {
	patterned := len(j.Pattern) > 0 && int64(len(j.Pattern)) <= block
	switch {
	case j.Method == overwriting && !patterned, j.Method != overwriting && j.Method != zeroing && j.Method != freeing:
		return fmt.Errorf("method %q with a pattern of %d bytes", j.Method, len(j.Pattern))
	case j.Passes < 1 || j.Passes > maxOverwrites:
		return fmt.Errorf("%d passes", j.Passes)
	case j.Done < 0 || j.Done%block != 0 || j.Done/j.Passes > j.Size:
		return fmt.Errorf("%d bytes done in %d passes over %d", j.Done, j.Passes, j.Size)
	}
	return nil
}

// gate lets nothing through (SBC-4 4.11, SBC-3 5.3), and says how far the work has come.
func (w *work) gate(*scsi.Op) scsi.Result {
	r := scsi.FormatInProgress
	if w.Sanitize {
		r = scsi.SanitizeInProgress
	}
	done := float64(w.done.Load()) / float64(w.Size) / float64(w.Passes)
	return r.WithProgress(uint16(min(done*65536, 65535)))
}

// failure is the gate after a job has failed: the medium holds nothing that can be relied on. After SANITIZE only another
// gets through (SBC-4 4.11), after FORMAT UNIT all that does not need the medium.
func (j *job) failure(op *scsi.Op) scsi.Result {
	switch {
	case op != nil && op.Code == sanitizeCode:
		return scsi.Result{}
	case j.Sanitize:
		return scsi.SanitizeCommandFailed
	case op != nil && (op.Code == formatCode || op.Flags&scsi.NeedsMedium == 0):
		return scsi.Result{}
	}
	return scsi.MediumFormatCorrupted
}

var errInterrupted = errors.New("interrupted")

func (w *work) run() {
	defer close(w.ended)
	all := extent{0, w.disk.Blocks()}
	w.disk.own(all) // commands that passed before the gate was closed come to their end
	w.disk.disown(all)
	err := w.carryOut()
	w.disk.changing.Lock()
	defer w.disk.changing.Unlock()
	w.result = w.settle(err)
}

// carryOut does the work, from done on.
func (w *work) carryOut() error {
	saved := time.Now()
	for w.done.Load() < w.Passes*w.Size {
		select {
		case <-w.stop:
			return errors.Join(errInterrupted, w.savePlace())
		default:
		}
		if err := w.step(); err != nil {
			return err
		}
		if time.Since(saved) > savedEvery {
			if err := w.savePlace(); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	if w.Sanitize {
		if err := w.disk.store.Forget(); err != nil {
			return err
		}
	}
	return w.disk.store.Flush()
}

// step is a piece of the work.
func (w *work) step() error {
	done := w.done.Load()
	off := done % w.Size
	left := w.Size - off
	var n int64
	var err error
	switch s := w.disk.store; w.Method {
	case overwriting:
		n = min(left, writePiece)
		if off == 0 || w.chunk == nil {
			w.chunk = w.fill(done / w.Size)
		}
		err = s.Writev([][]byte{w.chunk[:n]}, off, false)
	case zeroing:
		n = min(left, zeroPiece)
		err = s.Zero(off, n, false)
	case freeing:
		n = min(left, zeroPiece)
		err = s.Discard(off, n)
	}
	if err == nil {
		w.done.Add(n)
	}
	return err
}

// fill is a piece of what a pass writes: in each block the pattern, as often as there is room, inverted in every other
// pass if that was asked for.
func (w *work) fill(pass int64) []byte {
	block := make([]byte, w.disk.block)
	for at := 0; at < len(block); {
		at += copy(block[at:], w.Pattern)
	}
	if w.Invert && pass%2 == 1 {
		for i := range block {
			block[i] = ^block[i]
		}
	}
	return bytes.Repeat(block, writePiece/len(block))
}

// savePlace makes durable what has been done, and then that it has.
func (w *work) savePlace() error {
	done := w.done.Load()
	if err := w.disk.store.Flush(); err != nil {
		return err
	}
	j := w.job
	j.Done = done
	if r := w.disk.keep(nil, &j); !r.OK() {
		return errors.New("the place was not saved")
	}
	return nil
}

// settle is the end of the work: done, interrupted, or failed. A job that cannot be forgotten has failed as well: the next
// disk would do it again, to what had been written meanwhile. The caller holds changing.
func (w *work) settle(err error) scsi.Result {
	d := w.disk
	if errors.Is(err, errInterrupted) {
		return w.gate(nil)
	}
	d.work = nil
	if err == nil && d.keep(nil, nil).OK() {
		d.hold(nil, false)
		return scsi.Result{}
	}
	if err != nil && d.report != nil {
		d.report(nil, err)
	}
	j := w.job
	j.Failed = true
	d.keep(nil, &j) // if it cannot be, the next disk tries once more
	d.broken = &j
	d.hold(j.failure, false)
	if w.Sanitize {
		return scsi.SanitizeCommandFailed
	}
	return scsi.FormatCommandFailed
}

// Suspend interrupts what the disk does by itself, for a disk with the same State to go on with. Commands that wait for
// its end come to theirs, so that it is called before the last Do has returned. It may be called more than once.
func (d *Disk) Suspend() {
	d.changing.Lock()
	w := d.work
	if !d.suspended {
		d.suspended = true
		if w != nil {
			close(w.stop)
		}
	}
	d.changing.Unlock()
	d.primary.Suspend()
	if w != nil {
		<-w.ended
	}
}

// Close suspends the disk, and ends its self-test and copies from it and to it, also those that other disks make. It is
// called when the last Do has returned, and before the store is closed, which it does not do.
func (d *Disk) Close() {
	d.Suspend()
	d.primary.Close()
	d.copying.manager.leave(d)
}
