package sbc

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// ROD types (SPC-4 table 106). A token of ours stands for what blocks held when it was made, and is revoked as soon as one
// of them may change. A token of zeros need not be made: anybody may write it down.
const (
	rodChangeVulnerable = 0x00800001 // point in time copy - change vulnerable
	rodZero             = 0xffff0001 // block device zero
)

// Limits of ROD tokens, reported in VPD page 8Fh.
const (
	tokenLength      = 512
	managementLength = 96 // of the part that REPORT ALL ROD TOKENS tells
	maxTokens        = 256
	maxRanges        = 128
	maxTokenBytes    = maxSegmentLength
	defaultInactive  = time.Minute
	maxInactive      = 10 * time.Minute
)

// token is a representation of data (SPC-4 5.17.6): blocks of a disk as they were when it was made.
type token struct {
	bytes   [tokenLength]byte
	source  *Disk
	ranges  []extent
	blocks  uint64 // in all ranges
	timeout time.Duration

	// All guarded by tokens.mu.
	used  time.Time // last, or made
	users int       // operations that copy from it
	end   scsi.Result
}

// newToken makes a token of ranges of d.
func newToken(d *Disk, l rangeList, timeout time.Duration) *token {
	t := &token{source: d, ranges: l.ranges, blocks: l.blocks, timeout: timeout, used: time.Now()}
	be := binary.BigEndian
	p := t.bytes[:]
	be.PutUint32(p[0:], rodChangeVulnerable) // ROD TYPE
	be.PutUint16(p[6:], tokenLength-8)       // ROD TOKEN LENGTH
	_, _ = rand.Read(p[8:16])                // COPY MANAGER ROD TOKEN IDENTIFIER; it never fails
	creator := d.cscdOf()
	copy(p[16:48], creator[:])                     // CREATOR LOGICAL UNIT DESCRIPTOR
	be.PutUint64(p[56:], l.blocks*uint64(d.block)) // NUMBER OF BYTES REPRESENTED, low half
	be.PutUint32(p[96:], uint32(d.block))          // device type specific: LOGICAL BLOCK LENGTH IN BYTES
	_, _ = rand.Read(p[128:])                      // what nobody can guess
	return t
}

// tokens are those of a CopyManager: the live ones, and of those that are not some, to say why. The zero value is ready.
type tokens struct {
	mu  sync.Mutex
	all []*token // oldest first; guarded by mu
}

// tokenCount is how many live tokens a disk is the source of.
type tokenCount struct{ atomic.Int32 }

// everything is all blocks of a disk, whatever its size.
var everything = extent{0, math.MaxInt64}

// add makes a token known.
func (l *tokens) add(t *token) scsi.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	dead := func(t *token) bool { return !t.end.OK() }
	live := 0
	for _, have := range l.all {
		if !dead(have) {
			live++
		}
	}
	if live >= maxTokens {
		return scsi.InsufficientResourcesForToken
	}
	if len(l.all) >= 2*maxTokens {
		at := slices.IndexFunc(l.all, dead)
		l.all = slices.Delete(l.all, at, at+1)
	}
	l.all = append(l.all, t)
	t.source.copying.tokens.Add(1)
	return scsi.Result{}
}

// use is the token that p is, to be copied from until unuse. Else the result says what is wrong with p (SPC-4 5.17.6.5).
func (l *tokens) use(p *[tokenLength]byte) (*token, scsi.Result) {
	switch {
	case binary.BigEndian.Uint32(p[0:]) != rodChangeVulnerable:
		return nil, scsi.UnsupportedTokenType
	case binary.BigEndian.Uint16(p[6:]) != tokenLength-8:
		return nil, scsi.InvalidTokenLength
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	for _, t := range l.all {
		if !slices.Equal(t.bytes[8:16], p[8:16]) {
			continue
		}
		if subtle.ConstantTimeCompare(t.bytes[:], p[:]) == 0 {
			return nil, scsi.TokenCorrupt
		}
		if t.end.OK() {
			t.users++
		}
		return t, t.end
	}
	return nil, scsi.TokenUnknown
}

// unuse ends use. A token that is to be deleted is not there any more afterwards (DEL_TKN).
func (l *tokens) unuse(t *token, deleted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.users--
	t.used = time.Now()
	if deleted {
		t.kill(scsi.TokenDeleted)
	}
}

// good says that t still stands for what it was made of.
func (l *tokens) good(t *token) scsi.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	return t.end
}

// end ends the tokens of d that have a block of e.
func (l *tokens) end(d *Disk, e extent, why scsi.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.all {
		if t.source == d && slices.ContainsFunc(t.ranges, e.meets) {
			t.kill(why)
		}
	}
}

// of is the tokens that d has made and that are live.
func (l *tokens) of(d *Disk) (live []*token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	for _, t := range l.all {
		if t.source == d && t.end.OK() {
			live = append(live, t)
		}
	}
	return live
}

// expire ends the tokens that nobody has used in their time. The caller holds l.mu.
func (l *tokens) expire() {
	now := time.Now()
	for _, t := range l.all {
		if t.users == 0 && now.Sub(t.used) >= t.timeout {
			t.kill(scsi.TokenExpired)
		}
	}
}

// kill ends a token, if it has not ended already. The caller holds tokens.mu.
func (t *token) kill(why scsi.Result) {
	if t.end.OK() {
		t.end = why
		t.source.copying.tokens.Add(-1)
	}
}

// meets says whether e and other have a block in common.
func (e extent) meets(other extent) bool {
	return e.lba < other.lba+other.n && other.lba < e.lba+e.n
}

// represented says whether there are tokens of d.
func (d *Disk) represented() bool { return d.copying.tokens.Load() != 0 }

// changes revokes the tokens of what is about to be changed, or has been.
func (d *Disk) changes(e extent) {
	if d.represented() {
		d.copying.manager.tokens.end(d, e, scsi.TokenRevoked)
	}
}

// watched is ops, of which those that alter the medium revoke the tokens of what they alter: before, so that no copy is
// made of what is new, and after, in case a token has been made meanwhile. Third-party copies do so themselves.
func (d *Disk) watched(ops []scsi.Op) []scsi.Op {
	for i := range ops {
		do := ops[i].Do
		if ops[i].Flags&scsi.AltersMedium == 0 || ops[i].Code == thirdPartyCopyOut {
			continue
		}
		ops[i].Do = func(c *scsi.Command) scsi.Result {
			if d.represented() {
				d.changesBy(c)
			}
			r := do(c)
			if d.represented() {
				d.changesBy(c)
			}
			return r
		}
	}
	return ops
}

// changesBy is changes of what c may alter: all, where the CDB does not say what.
func (d *Disk) changesBy(c *scsi.Command) {
	e := extentOf(c)
	if e.n == 0 { // to the end of the medium, or unsaid
		e.n = everything.n - e.lba
	}
	d.changes(e)
}
