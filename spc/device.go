// Package spc answers the primary commands of SPC-4, those that any logical unit has: INQUIRY and the vital product data
// pages, mode pages, log pages, REQUEST SENSE, REPORT LUNS, REPORT SUPPORTED OPERATION CODES. A device type (package sbc)
// brings its own pages and rows and builds a unit of both.
package spc

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcmud/tcmud/scsi"
)

// Config is what a device type tells of itself.
type Config struct {
	// Type is the PERIPHERAL DEVICE TYPE.
	Type byte
	// Removable: the medium can be taken out of the unit (RMB).
	Removable bool
	// Versions are the version descriptors of standard INQUIRY data, at most 8.
	Versions []uint16
	// Identity is asked at each INQUIRY, so that a name may be given to a unit that is already in use.
	Identity func() Identity
	// Ports is asked whenever a command wants to know by which ports the unit is reached. Nil: nobody can know.
	Ports func() []PortGroup
	// ThirdPartyCopy: the device type has copy commands (3PC).
	ThirdPartyCopy bool
	// Referrals: there is REPORT REFERRALS (R_SUP of VPD page 86h).
	Referrals bool
	// SelfTest tries whether the unit can do its work, in seconds, or in less than a minute when it is to be extended.
	// It returns GOOD or what failed, and at which LBA (all ones: at none), and soon when ctx ends. Nil: there are no
	// self-tests.
	SelfTest func(ctx context.Context, extended bool) (failure scsi.Result, lba uint64)
	// VolatileCache: the unit may have a volatile write cache (V_SUP of VPD page 86h).
	VolatileCache bool
	// VPD, Modes and Logs are the pages of the device type, beside those of this package.
	VPD   []VPD
	Modes []ModePage
	Logs  []LogPage
	// DeviceSpecific is the DEVICE-SPECIFIC PARAMETER of the mode parameter header, without the WP bit.
	DeviceSpecific byte
	// State keeps what the unit remembers across a loss of power. Nil: nothing is kept.
	State State
	// Report hears of what could not be kept, with the command that asked for it. Nil: nobody hears.
	Report func(c *scsi.Command, err error)
	// Reservations: the unit keeps reservations and the access states of its target port groups itself. False where the
	// transport does: then there are no commands for them, and Ports tells of the states.
	Reservations bool
	// Blocks is the content of the mode parameter block descriptor: number of blocks and their size in bytes.
	Blocks func() (n uint64, size uint32)
}

// Device is the part of a logical unit that does not depend on its device type.
type Device struct {
	cfg   Config
	unit  *scsi.Unit   // set once by Bind
	vpd   []VPD        // sorted by Code
	parts []remembered // immutable once the unit is built
	// modes is sorted by Code and Sub; the current values in it are guarded by mu.
	modes     []ModePage
	modesKept bool // guarded by mu: State has a record of them
	mu        sync.Mutex
	log       logbook

	born    time.Time
	timeSet atomic.Pointer[setTime] // nil until SET TIMESTAMP
	buffers buffers
	reserve *reservations // nil: the transport's
	access  *access       // nil: the transport's
	tests   selfTests
}

// New makes the primary half of a unit. Its Ops go into the unit, which is then told to Bind.
func New(cfg Config) *Device {
	d := &Device{cfg: cfg, born: time.Now()}
	d.vpd = sortVPD(append(d.ownVPD(), cfg.VPD...))
	d.modes = sortModes(append(d.ownModes(), cfg.Modes...), d.Keeps())
	d.Remember(modesRecord, d.restoreModes)
	d.openLog()
	d.cfg.VPD, d.cfg.Modes, d.cfg.Logs = nil, nil, nil // a thousand idle units would keep them twice
	if cfg.Reservations {
		d.reserve = &reservations{device: d}
		d.Remember(reservationsRecord, d.reserve.restore)
		d.access = newAccess()
		d.Remember(accessRecord, d.restoreAccess)
	}
	return d
}

// Bind tells the device of the unit that its rows went into.
func (d *Device) Bind(u *scsi.Unit) { d.unit = u }

// Fields that several commands share.
var (
	alloc6  = scsi.Bytes("ALLOCATION LENGTH", 4, 1)
	alloc7  = scsi.Bytes("ALLOCATION LENGTH", 7, 2)
	alloc32 = scsi.Bytes("ALLOCATION LENGTH", 6, 4)
)

// anyState is the flags of a row that each asymmetric access state lets through (SPC-4 5.15.2.4).
const anyState = scsi.OnStandby | scsi.OnUnavailable

// Ops are the rows of the primary commands.
func (d *Device) Ops() []scsi.Op {
	rows := []scsi.Op{
		{Code: 0x00, Name: "TEST UNIT READY", Spec: "SPC-4 6.47", Len: 6,
			Access: scsi.Always, Flags: scsi.NeedsMedium | scsi.NeedsStart, Do: d.testUnitReady},
		{Code: 0x03, Name: "REQUEST SENSE", Spec: "SPC-4 6.39", Len: 6,
			Fields: []scsi.Field{desc, alloc6}, Xfer: scsi.AllocationIn(alloc6),
			Access: scsi.Always, Flags: scsi.BypassAttention, Do: d.requestSense},
		{Code: 0x12, Name: "INQUIRY", Spec: "SPC-4 6.6", Len: 6,
			Fields: []scsi.Field{scsi2LUN, evpd, pageCode, allocInquiry}, Xfer: scsi.AllocationIn(allocInquiry),
			Access: scsi.Always, Flags: scsi.BypassAttention, Do: d.inquiry},
		{Code: 0x15, Name: "MODE SELECT (6)", Spec: "SPC-4 6.11", Len: 6,
			Fields: []scsi.Field{pf, sp, list6}, Xfer: scsi.ParametersOut(list6),
			Access: scsi.Writes, Flags: scsi.OnStandby | scsi.Lengthy, Do: func(c *scsi.Command) scsi.Result { return d.modeSelect(c, header6) }},
		{Code: 0x1a, Name: "MODE SENSE (6)", Spec: "SPC-4 6.13", Len: 6,
			Fields: []scsi.Field{dbd, pc, modePage, subpage, alloc6}, Xfer: scsi.AllocationIn(alloc6),
			Access: scsi.Reads, Flags: scsi.OnStandby, Do: func(c *scsi.Command) scsi.Result { return d.modeSense(c, header6) }},
		{Code: 0x1c, Name: "RECEIVE DIAGNOSTIC RESULTS", Spec: "SPC-4 6.27", Len: 6,
			Fields: []scsi.Field{pcv, pageCode, alloc3}, Xfer: scsi.AllocationIn(alloc3),
			Access: scsi.Reads, Flags: scsi.OnStandby, Do: d.receiveDiagnostic},
		{Code: 0x1d, Name: "SEND DIAGNOSTIC", Spec: "SPC-4 6.42", Len: 6, Absent: d.cfg.SelfTest == nil,
			Fields: []scsi.Field{selfTestCode, pf, selfTest, devOffl, unitOffl, list3}, Xfer: scsi.ParametersOut(list3),
			Access: scsi.Writes, Flags: scsi.OnStandby | scsi.Lengthy, Do: d.sendDiagnostic},
		{Code: 0x4c, Name: "LOG SELECT", Spec: "SPC-4 6.5", Len: 10,
			Fields: append(d.saving(), pcr, pc, logCode, subpage, list10), Xfer: scsi.ParametersOut(list10),
			Access: scsi.Writes, Flags: scsi.OnStandby | scsi.Lengthy, Do: d.logSelect},
		{Code: 0x4d, Name: "LOG SENSE", Spec: "SPC-4 6.6", Len: 10,
			Fields: append(d.saving(), pc, logCode, subpage, logPointer, alloc7), Xfer: scsi.AllocationIn(alloc7),
			Access: scsi.Always, Flags: scsi.OnStandby, Do: d.logSense},
		{Code: 0x55, Name: "MODE SELECT (10)", Spec: "SPC-4 6.12", Len: 10,
			Fields: []scsi.Field{pf, sp, list10}, Xfer: scsi.ParametersOut(list10),
			Access: scsi.Writes, Flags: scsi.OnStandby | scsi.Lengthy, Do: func(c *scsi.Command) scsi.Result { return d.modeSelect(c, header10) }},
		{Code: 0x5a, Name: "MODE SENSE (10)", Spec: "SPC-4 6.14", Len: 10,
			Fields: []scsi.Field{llbaa, dbd, pc, modePage, subpage, alloc7}, Xfer: scsi.AllocationIn(alloc7),
			Access: scsi.Reads, Flags: scsi.OnStandby, Do: func(c *scsi.Command) scsi.Result { return d.modeSense(c, header10) }},
		{Code: 0xa0, Name: "REPORT LUNS", Spec: "SPC-4 6.33", Len: 12,
			Fields: []scsi.Field{selectReport, alloc32}, Xfer: scsi.AllocationIn(alloc32),
			Access: scsi.Always, Flags: scsi.BypassAttention, Do: d.reportLUNs},
		{Code: 0xa3, SA: scsi.SA(0x05), Name: "REPORT IDENTIFYING INFORMATION", Spec: "SPC-4 6.32", Len: 12, Absent: !d.Keeps(),
			Fields: []scsi.Field{alloc32, identifyingType}, Xfer: scsi.AllocationIn(alloc32),
			Access: scsi.Always, Do: d.reportIdentifying},
		{Code: 0xa3, SA: scsi.SA(0x0a), Name: "REPORT TARGET PORT GROUPS", Spec: "SPC-4 6.37", Len: 12, Absent: d.cfg.Ports == nil,
			Fields: []scsi.Field{parameterFormat, alloc32}, Xfer: scsi.AllocationIn(alloc32),
			Access: scsi.Always, Flags: anyState, Do: d.reportGroups},
		{Code: 0xa3, SA: scsi.SA(0x0c), Name: "REPORT SUPPORTED OPERATION CODES", Spec: "SPC-4 6.35", Len: 12,
			Fields: []scsi.Field{rctd, reportingOptions, requestedCode, requestedSA, alloc32},
			Xfer:   scsi.AllocationIn(alloc32),
			Access: scsi.Reads, Do: d.reportOps},
		{Code: 0xa3, SA: scsi.SA(0x0d), Name: "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", Spec: "SPC-4 6.36", Len: 12,
			Fields: []scsi.Field{repd, alloc32}, Xfer: scsi.AllocationIn(alloc32),
			Access: scsi.Reads, Do: d.reportTasks},
		{Code: 0xa3, SA: scsi.SA(0x0f), Name: "REPORT TIMESTAMP", Spec: "SPC-4 6.38", Len: 12,
			Fields: []scsi.Field{alloc32}, Xfer: scsi.AllocationIn(alloc32),
			Access: scsi.Always, Do: d.reportTimestamp},
		{Code: 0xa4, SA: scsi.SA(0x06), Name: "SET IDENTIFYING INFORMATION", Spec: "SPC-4 6.43", Len: 12, Absent: !d.Keeps(),
			Fields: []scsi.Field{list32, identifyingType}, Xfer: scsi.ParametersOut(list32),
			Access: scsi.Writes, Do: d.setIdentifying},
		{Code: 0xa4, SA: scsi.SA(0x0a), Name: "SET TARGET PORT GROUPS", Spec: "SPC-4 6.45", Len: 12, Absent: d.cfg.Ports == nil || d.access == nil,
			Fields: []scsi.Field{list32}, Xfer: scsi.ParametersOut(list32),
			Access: scsi.Writes, Flags: anyState | scsi.Lengthy, Do: d.setGroups},
		{Code: 0xa4, SA: scsi.SA(0x0f), Name: "SET TIMESTAMP", Spec: "SPC-4 6.46", Len: 12,
			Fields: []scsi.Field{list32}, Xfer: scsi.ParametersOut(list32),
			Access: scsi.Writes, Do: d.setTimestamp},
	}
	return slices.Concat(rows, d.inOps(), d.outOps(), d.reserveOps(), d.writeBufferOps(),
		d.readBufferOps(0x3c, 10, "READ BUFFER (10)", "SPC-4 6.18", read10),
		d.readBufferOps(0x9b, 16, "READ BUFFER (16)", "SPC-5 6.19", read16))
}

// testUnitReady has nothing left to find out: the pipeline answers for a unit that is stopped.
func (d *Device) testUnitReady(*scsi.Command) scsi.Result { return scsi.Result{} }

var desc = scsi.Bits("DESC", 1, 0, 1)

// requestSense returns the oldest unit attention as parameter data, else why the unit is not ready, or NO SENSE: every
// other sense has been delivered with its command (SPC-4 6.39).
func (d *Device) requestSense(c *scsi.Command) scsi.Result {
	r := c.Nexus.TakeAttention()
	if r.OK() {
		r = d.unit.NotReady()
	}
	if c.Is(desc) {
		r = r.InDescriptorFormat()
	}
	var p [scsi.SenseSize]byte
	c.Reply(p[:r.Sense(p[:])])
	return scsi.Result{}
}

var selectReport = scsi.Bytes("SELECT REPORT", 2, 1)

// reportLUNs answers for a target with this one logical unit, number 0. Behind LIO the kernel answers it.
func (d *Device) reportLUNs(c *scsi.Command) scsi.Result {
	switch c.Uint(selectReport) {
	case 0x00, 0x02: // all but well known logical units; all
		p := [16]byte{3: 8}
		c.Reply(p[:])
		c.Nexus.Heard(scsi.ReportedLUNsDataChanged)
	case 0x01: // well known logical units: none
		var p [8]byte
		c.Reply(p[:])
	default:
		return scsi.InvalidFieldInCDB.At(selectReport)
	}
	return scsi.Result{}
}
