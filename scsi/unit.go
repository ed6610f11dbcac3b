package scsi

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Setting is one of a unit's settings that the pipeline looks at for every command.
type Setting uint32

// Settings.
const (
	WriteProtect         Setting = 1 << iota // AltersMedium rows are refused: the medium cannot be written
	SoftwareWriteProtect                     // the same, by SWP of the Control mode page
	Stopped                                  // NeedsStart rows are refused
	Empty                                    // NeedsMedium rows are refused: there is no medium
	Away                                     // NeedsMedium rows are refused: the medium cannot be reached, and may come back
	Lost                                     // the same, and somebody has to see to it
	DescriptorFormat                         // sense data in descriptor format (D_SENSE)
)

// Config is what a Unit is made from.
type Config struct {
	Ops []Op
	// Blocks is the capacity in logical blocks, which every row with an Extent is held to.
	Blocks func() uint64
	// Joined and Left hear of I_T nexuses: of each before its first command, and of its loss. The first is Unit.Stranger.
	Joined, Left func(*Nexus)
	// Reset is what is to be done when the unit is reset, beside what Unit.Reset does. It must not wait.
	Reset func()
	// Waits says that handlers may wait for a device, or for others: with Command.AtOnce, what is not Prompt ends in Later.
	Waits bool
}

// Gate says whether a unit that is busy with itself, as while it is formatted, carries out commands of a row: GOOD, or
// what they end with. For nil it says why the unit is not ready, which is what REQUEST SENSE tells.
type Gate func(*Op) Result

// Unit is a logical unit: its rows, found by operation code and service action, and the checks that every command
// passes before its handler. Do may be called from several goroutines.
type Unit struct {
	*table                               // immutable after NewUnit
	do           []func(*Command) Result // handlers of the rows; immutable after NewUnit
	blocks       func() uint64
	joined, left func(*Nexus) // nil: nobody wants to know
	reset        func()       // nil: nothing to do
	waits        bool
	settings     atomic.Uint32
	gate         atomic.Pointer[Gate] // nil: open
	stranger     Nexus

	mu      sync.Mutex
	nexuses []*Nexus // guarded by mu
	joins   uint     // guarded by mu: how many nexuses there have been
}

// NewUnit builds a unit; a row that is incomplete, malformed or there twice is an error.
func NewUnit(cfg Config) (*Unit, error) {
	u := &Unit{blocks: cfg.Blocks, joined: cfg.Joined, left: cfg.Left, reset: cfg.Reset, waits: cfg.Waits}
	u.stranger.Name, u.stranger.unit = "stranger", u
	ops := slices.DeleteFunc(slices.Clone(cfg.Ops), func(o Op) bool { return o.Absent })
	slices.SortStableFunc(ops, func(a, b Op) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.SA, b.SA)) })
	u.do = make([]func(*Command) Result, len(ops))
	for i := range ops {
		o := &ops[i]
		if err := o.build(); err != nil {
			return nil, err
		}
		if o.Extent.LBA.Width > 0 && u.blocks == nil {
			return nil, fmt.Errorf("%s has an extent, and nobody says how many blocks there are", o.Name)
		}
		u.do[i] = o.Do
	}
	t, err := newTable(ops)
	if err != nil {
		return nil, err
	}
	u.table = t.shared()
	if u.joined != nil {
		u.joined(&u.stranger)
	}
	return u, nil
}

// Set switches settings on or off, for commands that begin from now on.
func (u *Unit) Set(s Setting, on bool) {
	if on {
		u.settings.Or(uint32(s))
	} else {
		u.settings.And(^uint32(s))
	}
}

// Is says whether any of the settings s is on.
func (u *Unit) Is(s Setting) bool { return Setting(u.settings.Load())&s != 0 }

// Hold sets a gate before all commands but those that BypassAttention, or with nil takes it away. It is asked by
// several goroutines at once, and must not wait.
func (u *Unit) Hold(g Gate) {
	if g == nil {
		u.gate.Store(nil)
		return
	}
	u.gate.Store(&g)
}

// NotReady says why the unit is not ready; GOOD when it is.
func (u *Unit) NotReady() Result {
	if r := u.held(nil); !r.OK() {
		return r
	}
	return u.ready(NeedsMedium | NeedsStart)
}

func (u *Unit) held(op *Op) Result {
	if g := u.gate.Load(); g != nil {
		return (*g)(op)
	}
	return Result{}
}

// ready says what of the medium's state keeps a row with these flags from being carried out.
func (u *Unit) ready(f Flags) Result {
	switch {
	case f&NeedsMedium != 0 && u.Is(Empty):
		return MediumNotPresent
	case f&NeedsStart != 0 && u.Is(Stopped):
		return LogicalUnitNotReadyStopped
	case f&NeedsMedium != 0 && u.Is(Lost):
		return LogicalUnitNotReadyManual
	case f&NeedsMedium != 0 && u.Is(Away):
		return LogicalUnitBecomingReady
	}
	return Result{}
}

// Do carries out a command: it finds the row, passes the checks, and calls the handler. The first check that fails ends
// the command. One that has been pending has passed them.
func (u *Unit) Do(c *Command) Result {
	var r Result
	if c.resumed {
		r = u.do[c.op.row](c)
	} else {
		r = u.carryOut(c)
	}
	if r.Status == CheckCondition && u.Is(DescriptorFormat) {
		return r.InDescriptorFormat()
	}
	return r
}

func (u *Unit) carryOut(c *Command) Result {
	c.Begin()
	op, r := u.find(c.CDB)
	if op == nil {
		return r
	}
	c.op = op
	later := c.AtOnce && (op.Flags&Lengthy != 0 || u.waits && op.Flags&Prompt == 0)
	if later && !(op.Flags&NeedsMedium != 0 && u.Is(Away|Lost)) { // of what is refused nobody should wait for a worker
		return Later
	}
	if r := u.admit(op, c); !r.OK() {
		return r
	}
	if later {
		return Later
	}
	return u.do[op.row](c)
}

// admit is the list of checks between the row and its handler, in the order in which their failures are reported.
func (u *Unit) admit(op *Op, c *Command) Result {
	if r := op.check(c.CDB); !r.OK() {
		if busy := u.held(op); op.Flags&BypassAttention == 0 && !busy.OK() {
			return busy // SBC-4 4.11: it says so to all, whatever else is wrong with them
		}
		return r
	}
	if op.Flags&BypassAttention == 0 {
		if r := c.Nexus.TakeAttention(); !r.OK() {
			return r
		}
	}
	who := c.Nexus
	if who == nil {
		who = &u.stranger
	}
	return u.permit(op, c, who)
}

// Row is the row that a CDB is of; nil if there is none.
func (u *Unit) Row(cdb []byte) *Op {
	op, _ := u.find(cdb)
	return op
}

// Check says what would end c before it reached its handler, but for unit attentions: they are for whom the unit answers.
// A copy manager asks it of the units that it reads and writes in the name of another unit's I_T nexus.
func (u *Unit) Check(c *Command) Result {
	c.Begin()
	op, r := u.find(c.CDB)
	if op == nil {
		return r
	}
	c.op = op
	if r := op.check(c.CDB); !r.OK() {
		return r
	}
	return u.permit(op, c, u.local(c.Nexus))
}

// permit is the checks that depend on what state the unit is in.
func (u *Unit) permit(op *Op, c *Command, who *Nexus) Result {
	if r := who.admit(op, c.CDB); !r.OK() {
		return r
	}
	if g := u.gate.Load(); g != nil && op.Flags&BypassAttention == 0 {
		if r := (*g)(op); !r.OK() {
			return r
		}
	}
	if r := u.ready(op.Flags); !r.OK() {
		return r
	}
	if op.placed {
		c.lba, c.blocks = op.lba.Uint(c.CDB), op.blocks.Uint(c.CDB)
		if !u.Holds(c.lba, c.blocks) {
			return LBAOutOfRange.At(op.Extent.LBA)
		}
	}
	if op.Flags&AltersMedium != 0 && u.Is(WriteProtect) {
		return WriteProtected
	}
	if op.Flags&AltersMedium != 0 && u.Is(SoftwareWriteProtect) {
		return LogicalUnitSoftwareWriteProtected
	}
	if op.Xfer.Rule == Allocation || op.Xfer.Rule == ParameterList {
		return c.measure(op)
	}
	return Result{}
}

// Holds says whether n blocks from lba on are on the medium. It is written so that no sum can overflow.
func (u *Unit) Holds(lba, n uint64) bool {
	blocks := u.blocks()
	return lba <= blocks && n <= blocks-lba
}

// measure sets how much data the command may move, by its transfer rule.
func (c *Command) measure(op *Op) Result {
	switch op.Xfer.Rule {
	case Allocation:
		c.room = min(int64(c.Uint(op.Xfer.Len)), c.size)
	case ParameterList:
		if c.Uint(op.Xfer.Len) > uint64(c.size) {
			return ParameterListLengthError
		}
	}
	return Result{}
}
