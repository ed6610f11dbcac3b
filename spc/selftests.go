package spc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// SELF-TEST CODE values of SEND DIAGNOSTIC. Code 0 with SELFTEST=1 is the default self-test, which is the short one in the
// foreground.
const (
	backgroundShort    = 1
	backgroundExtended = 2
	abortTest          = 4
	foregroundShort    = 5
	foregroundExtended = 6
)

// extendedMinutes is EXTENDED SELF-TEST COMPLETION MINUTES: a device type's extended test takes less.
const extendedMinutes = 1

// SelfTestResult is a self-test as the Self-test Results log page tells of it (SPC-4 7.3).
type SelfTestResult struct {
	Code   byte        // SELF-TEST CODE
	Result byte        // SELF-TEST RESULTS, see the constants
	Hours  uint16      // ACCUMULATED POWER ON HOURS when it ended
	LBA    uint64      // ADDRESS OF FIRST FAILURE; all ones: there is none
	Sense  scsi.Result // of the failure; GOOD: there is none
}

// SELF-TEST RESULTS values.
const (
	TestPassed     byte = 0x0
	TestAborted    byte = 0x1 // by SEND DIAGNOSTIC
	TestEnded      byte = 0x2 // by anything else
	TestFailed     byte = 0x4 // in a segment that is not known
	TestInProgress byte = 0xf
)

// maxTestResults is how many a log page may hold.
const maxTestResults = 20

// noAddress is the LBA of a test that has met no failure at an address.
const noAddress = ^uint64(0)

// Why a test ends early.
var (
	errAborted   = errors.New("aborted by SEND DIAGNOSTIC")
	errClosing   = errors.New("the unit goes")
	errWithdrawn = errors.New("its command has been aborted")
)

// selfTests is the self-test that runs, if any, and those that have ended.
type selfTests struct {
	mu      sync.Mutex
	closed  bool                    // guarded by mu: none begins any more
	running bool                    // guarded by mu
	abort   context.CancelCauseFunc // guarded by mu: of one that runs in the background
	ended   chan struct{}           // guarded by mu: closed when that has ended
	results []SelfTestResult        // guarded by mu; newest first
}

// SelfTests are the latest self-tests, the newest first, and at most 20 of them; one that runs is among them. The default
// self-test is not: it says itself how it ended.
func (d *Device) SelfTests() []SelfTestResult {
	d.tests.mu.Lock()
	defer d.tests.mu.Unlock()
	return slices.Clone(d.tests.results)
}

// beginTest carries out a self-test, or begins one in the background: how that ends only the log tells. One in the
// foreground ends with its command.
func (d *Device) beginTest(c *scsi.Command, code byte) scsi.Result {
	ctx, abort := context.WithCancelCause(context.Background())
	background := code == backgroundShort || code == backgroundExtended
	if !d.tests.begin(code, background, abort) {
		abort(nil)
		return scsi.SelfTestInProgress
	}
	if background {
		go d.runTest(ctx, code)
		return scsi.Result{}
	}
	defer abort(nil)
	if c.Aborted != nil {
		go func() {
			select {
			case <-c.Aborted:
				abort(errWithdrawn)
			case <-ctx.Done():
			}
		}()
	}
	r := d.runTest(ctx, code)
	if context.Cause(ctx) == errWithdrawn {
		return scsi.Aborted
	}
	return r
}

// abortTest ends the test that runs in the background.
func (d *Device) abortTest(c *scsi.Command) scsi.Result {
	ended := d.tests.stop(errAborted)
	if ended == nil {
		return scsi.InvalidFieldInCDB.At(selfTestCode)
	}
	select {
	case <-ended:
		return scsi.Result{}
	case <-c.Aborted:
		return scsi.Aborted
	}
}

// begin puts a test at the head of the results, unless another runs.
func (t *selfTests) begin(code byte, background bool, abort context.CancelCauseFunc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running || t.closed {
		return false
	}
	t.running = true
	if background {
		t.abort, t.ended = abort, make(chan struct{})
	}
	if code != 0 {
		t.results = slices.Insert(t.results, 0, SelfTestResult{Code: code, Result: TestInProgress, LBA: noAddress})
		t.results = t.results[:min(len(t.results), maxTestResults)]
	}
	return true
}

// runTest is the test, and what becomes of its result.
func (d *Device) runTest(ctx context.Context, code byte) scsi.Result {
	failure, lba := d.cfg.SelfTest(ctx, code == backgroundExtended || code == foregroundExtended)
	r := SelfTestResult{Code: code, LBA: noAddress, Hours: uint16(min(time.Since(d.born).Hours(), 0xffff))}
	switch {
	case context.Cause(ctx) == errAborted:
		r.Result = TestAborted
	case ctx.Err() != nil:
		r.Result = TestEnded
	case !failure.OK():
		r.Result, r.LBA, r.Sense = TestFailed, lba, failure
	}
	d.tests.finish(r, d.keepTests)
	if r.Result != TestPassed {
		return scsi.LogicalUnitFailedSelfTest
	}
	return scsi.Result{}
}

// finish notes the result of a test, which keep is to make durable, before another may begin.
func (t *selfTests) finish(r SelfTestResult, keep func([]SelfTestResult)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.Code != 0 {
		t.results[0] = r
		keep(t.results)
	}
	t.running = false
	if t.ended != nil {
		t.abort(nil) // frees what the context holds
		close(t.ended)
		t.abort, t.ended = nil, nil
	}
}

// stop makes a test that runs in the background end soon: ended is closed when it has. It is nil when there is none.
func (t *selfTests) stop(why error) (ended <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		return nil
	}
	t.abort(why)
	return t.ended
}

// Close ends what the unit does by itself, before its store goes: a self-test in the background. None begins any more.
func (d *Device) Close() {
	d.tests.mu.Lock()
	d.tests.closed = true
	d.tests.mu.Unlock()
	if ended := d.tests.stop(errClosing); ended != nil {
		<-ended
	}
}
