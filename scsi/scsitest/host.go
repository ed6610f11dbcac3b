// Package scsitest is the initiator's side of a logical unit, for tests that read like a trace of the bus:
//
//	host.Send("2a 00 00000000 00 0001 00", block).Good()
//	host.Fetch("28 00 00000000 00 0001 00", 512).Good("a5*512")
//	host.Send("28 01 00000000 00 0001 00").Sense("05 24 00 c8 00 01")
//
// Each exchange is also checked for what holds for all of them: Data-Out stays as it was, nothing is written past the
// Data-In that is reported, and sense data comes with CHECK CONDITION and with nothing else.
package scsitest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
)

// Host is an initiator port and its nexus to one logical unit.
type Host struct {
	t     testing.TB
	unit  scsi.Handler
	nexus *scsi.Nexus
	seen  *Coverage
}

// Join makes name known to the unit and returns it as a Host. Outcomes are kept in seen, which may be nil.
func Join(t testing.TB, u *scsi.Unit, name string, seen *Coverage) *Host {
	return JoinAs(t, u, scsi.Ends{Name: name}, seen)
}

// JoinAs is Join for an initiator port and a target port that are known.
func JoinAs(t testing.TB, u *scsi.Unit, e scsi.Ends, seen *Coverage) *Host {
	return &Host{t, u, u.JoinAs(e), seen}
}

// On is a host of which the handler knows the nexus by itself, as a device node does. Outcomes are kept in seen, which may be
// nil.
func On(t testing.TB, h scsi.Handler, seen *Coverage) *Host { return &Host{t, h, nil, seen} }

// Nexus is the nexus of h, for tests that look at it from within.
func (h *Host) Nexus() *scsi.Nexus { return h.nexus }

// Send sends a command that has no data, or the Data-Out given, in as many segments as there are arguments.
func (h *Host) Send(cdb string, out ...[]byte) *Answer {
	h.t.Helper()
	sent := bytes.Join(out, nil)
	c := &scsi.Command{CDB: Hex(cdb), Data: out, Nexus: h.nexus}
	r := h.unit.Do(c)
	a := h.answer(c, r, len(sent))
	require.Equal(h.t, sent, bytes.Join(out, nil), "%s: Data-Out has changed", a.trace)
	return a
}

// filling is what a Data-In buffer holds before a command.
const filling = 0xee

// Fetch sends a command with a buffer for n bytes of Data-In.
func (h *Host) Fetch(cdb string, n int) *Answer {
	h.t.Helper()
	buffer := bytes.Repeat([]byte{filling}, n)
	c := &scsi.Command{CDB: Hex(cdb), Data: scsi.Buffer{buffer}, Nexus: h.nexus}
	r := h.unit.Do(c)
	a := h.answer(c, r, n)
	if r.OK() || r.Delivers() {
		moved, in := c.Moved()
		require.True(h.t, in, "%s: claims to have no Data-In", a.trace)
		a.data = buffer[:moved]
		if rest := buffer[moved:]; h.nexus != nil { // a kernel clears it
			require.Equal(h.t, bytes.Repeat([]byte{filling}, len(rest)), rest, "%s: written past the Data-In", a.trace)
		}
	}
	return a
}

func (h *Host) answer(c *scsi.Command, r scsi.Result, offered int) *Answer {
	h.t.Helper()
	h.seen.record(c.Name(), r)
	a := &Answer{t: h.t, Result: r, trace: fmt.Sprintf("%s [%x]", c.Name(), c.CDB)}
	if r.Status == scsi.CheckCondition {
		var p [scsi.SenseSize]byte
		a.sense = bytes.Clone(p[:r.Sense(p[:])])
	}
	moved, _ := c.Moved()
	require.LessOrEqual(h.t, moved, int64(offered), "%s: moved more than was offered", a.trace)
	return a
}

// Answer is what came back.
type Answer struct {
	scsi.Result
	t     testing.TB
	trace string // the command, for messages
	data  []byte
	sense []byte
}

// Good requires GOOD status, with exactly the Data-In that the strings of hexadecimal digits stand for.
func (a *Answer) Good(want ...string) {
	a.t.Helper()
	require.Equal(a.t, scsi.Good, a.Status, "%s: %v", a.trace, a.Result)
	require.Equal(a.t, fmt.Sprintf("%x", Hex(want...)), fmt.Sprintf("%x", a.data), a.trace)
}

// Data requires GOOD status and returns the Data-In.
func (a *Answer) Data() []byte {
	a.t.Helper()
	require.Equal(a.t, scsi.Good, a.Status, "%s: %v", a.trace, a.Result)
	return a.data
}

// Delivered is the Data-In, with GOOD status or with sense data.
func (a *Answer) Delivered() []byte { return a.data }

// Sense requires CHECK CONDITION with, in hexadecimal: sense key, additional sense code, qualifier, and the three bytes
// of sense key specific data, which are all zero where they are left out.
func (a *Answer) Sense(want string) {
	a.t.Helper()
	require.Equal(a.t, scsi.CheckCondition, a.Status, "%s: %v", a.trace, a.Result)
	expect := append(Hex(want), 0, 0, 0)[:6]
	require.Equal(a.t, fmt.Sprintf("% x", expect), fmt.Sprintf("% x", digest(a.sense)), "%s: %v", a.trace, a.Result)
}

// Raw requires CHECK CONDITION with exactly these bytes of sense data.
func (a *Answer) Raw(want ...string) {
	a.t.Helper()
	require.Equal(a.t, scsi.CheckCondition, a.Status, "%s: %v", a.trace, a.Result)
	require.Equal(a.t, fmt.Sprintf("% x", Hex(want...)), fmt.Sprintf("% x", a.sense), a.trace)
}

// Conflict requires RESERVATION CONFLICT, which has no sense data.
func (a *Answer) Conflict() {
	a.t.Helper()
	require.Equal(a.t, scsi.ReservationConflict, a.Status, "%s: %v", a.trace, a.Result)
}

// digest is sense key, code, qualifier and sense key specific data of sense data in either format.
func digest(sense []byte) []byte {
	if sense[0] == 0x70 || sense[0] == 0xf0 {
		return []byte{sense[2], sense[12], sense[13], sense[15], sense[16], sense[17]}
	}
	d := []byte{sense[1], sense[2], sense[3], 0, 0, 0}
	for rest := sense[8:]; len(rest) > 0; rest = rest[2+int(rest[1]):] {
		if rest[0] == 0x02 { // sense key specific descriptor
			copy(d[3:], rest[4:7])
		}
	}
	return d
}
