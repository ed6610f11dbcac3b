package sbc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// twoPorts are port 1 in group 0 and port 2 in group 1.
func twoPorts() []spc.PortGroup {
	return []spc.PortGroup{
		{Ports: []spc.Port{{Relative: 1, Protocol: 0x05, Name: "iqn.a,t,0x0001", Device: "iqn.a"}}},
		{AccessGroup: spc.AccessGroup{ID: 1}, Ports: []spc.Port{{Relative: 2, Protocol: 0x06, Name: "naa.5,t,0x0001", Device: "naa.5"}}},
	}
}

func behindTwoPorts(c *sbc.Config) { c.Ports = twoPorts }

// joinBoth joins host A through port 1 and host B through port 2.
func joinBoth(t *testing.T, d *sbc.Disk) (a, b *scsitest.Host) {
	at := func(port, group uint16) scsi.Ends {
		return scsi.Ends{Name: "host", Initiator: string(scsitest.Hex("06 00*3", fmt.Sprintf("50000000000000%02x", port), "00*12")), Port: port, Group: group}
	}
	return scsitest.JoinAs(t, d.Unit, at(1, 0), &seen), scsitest.JoinAs(t, d.Unit, at(2, 1), &seen)
}

// newPair is a disk behind two ports with a host at each.
func newPair(t *testing.T, change ...func(*sbc.Config)) (d *sbc.Disk, a, b *scsitest.Host) {
	d = newDisk(t, newRecorder(1<<20), append([]func(*sbc.Config){behindTwoPorts}, change...)...)
	a, b = joinBoth(t, d)
	return d, a, b
}

// setGroups sends SET TARGET PORT GROUPS with these descriptors.
func setGroups(h *scsitest.Host, descriptors ...string) *scsitest.Answer {
	list := append(make([]byte, 4), scsitest.Hex(descriptors...)...)
	return h.Send(fmt.Sprintf("a4 0a 00000000 %08x 00 00", len(list)), list)
}

// states is REPORT TARGET PORT GROUPS of a disk behind two ports: the first two bytes of each descriptor and the status code.
func states(t *testing.T, h *scsitest.Host, group0, status0, group1, status1 string) {
	t.Helper()
	h.Fetch("a3 0a 00000000 00000100 00 00", 256).Good("00000018",
		group0, "0000 00", status0, "00 01 0000 0001", group1, "0001 00", status1, "00 01 0000 0002")
}

// to is a change to a state.
func to(s spc.AccessState) func(*spc.AccessGroup) {
	return func(g *spc.AccessGroup) { g.State = s }
}

// passing is the commands that states other than the active ones let through (SPC-4 5.15.2.4.4 to 5.15.2.4.6, 5.15.2.5):
// "standby" alone, or "all". READ CAPACITY is what more there may be on standby; Linux asks for it. PERSISTENT RESERVE IN and
// OUT are let through on standby, all of them.
var passing = map[string]string{
	"INQUIRY": "all", "REPORT LUNS": "all", "REQUEST SENSE": "all", "REPORT TARGET PORT GROUPS": "all", "SET TARGET PORT GROUPS": "all",
	"WRITE BUFFER, echo buffer": "all", "READ BUFFER (10), echo buffer": "all", "READ BUFFER (10), echo buffer descriptor": "all",
	"READ BUFFER (16), echo buffer": "all", "READ BUFFER (16), echo buffer descriptor": "all",
	"LOG SELECT": "standby", "LOG SENSE": "standby", "MODE SELECT (6)": "standby", "MODE SELECT (10)": "standby",
	"MODE SENSE (6)": "standby", "MODE SENSE (10)": "standby", "RECEIVE DIAGNOSTIC RESULTS": "standby", "SEND DIAGNOSTIC": "standby",
	"READ CAPACITY (10)": "standby", "READ CAPACITY (16)": "standby",
}

// TestAccessStates brings the port of each row's command into each state, and out of it.
func TestAccessStates(t *testing.T) {
	for _, test := range []struct {
		state spc.AccessState
		sense string
	}{
		{spc.ActiveNonOptimized, ""},
		{spc.Standby, "02 04 0b"},
		{spc.Unavailable, "02 04 0c"},
		{spc.Offline, "02 04 12"},
		{spc.Transitioning, "02 04 0a"},
	} {
		for i, row := range rows {
			t.Run(fmt.Sprintf("%v, %s", test.state, row.name), func(t *testing.T) {
				d := rowDisk(t, newRecorder(1<<20), row.name, behindTwoPorts)
				a, b := joinBoth(t, d)
				prepare(a, i)
				require.NoError(t, d.Primary().SetAccess(0, to(test.state)))
				a.Send(ready).Sense("06 2a 06")
				b.Send(ready).Sense("06 2a 06")
				b.Fetch("28 00 00000000 00 0001 00", 512).Data() // through a port of the other group
				let := passing[row.name]
				if strings.HasPrefix(row.name, "PERSISTENT RESERVE ") {
					let = "standby"
				}
				switch {
				case row.name == "SET TARGET PORT GROUPS" && test.state == spc.Transitioning: // the only difference to unavailable
					send(a, i).Sense(test.sense)
				case row.name == "SET TARGET PORT GROUPS" && test.state == spc.Offline: // by the target; it is let through
					send(a, i).Sense("05 26 00 80 00 06")
				case test.sense == "", let == "all", let == "standby" && test.state == spc.Standby:
					send(a, i).Data()
				default:
					send(a, i).Sense(test.sense)
				}
			})
		}
	}
}

// TestPassingAreRows: each name in the transcription is that of a row.
func TestPassingAreRows(t *testing.T) {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	for name := range passing {
		require.Contains(t, names, name)
	}
}

// Failover as multipath does it: B's port is on standby, which a path checker sees as a ghost. A's path is lost; B's
// initiator makes its group active, and asks until it is.
func TestFailover(t *testing.T) {
	d, a, b := newPair(t)
	require.NoError(t, d.Primary().SetAccess(1, to(spc.Standby)))
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 2a 06")
	}
	states(t, b, "00 cf", "00", "02 cf", "02")
	b.Send(ready).Sense("02 04 0b")
	b.Fetch("25 00 00000000 0000 00 00", 8).Good("000007ff 00000200")
	b.Fetch("28 00 00000000 00 0001 00", 512).Sense("02 04 0b")
	a.Fetch("28 00 00000000 00 0001 00", 512).Data()

	setGroups(b, "00 00 0001").Good()
	states(t, b, "00 cf", "00", "00 cf", "01")
	b.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Good()
	a.Send(ready).Sense("06 2a 06")
	a.Send(ready).Good()
	b.Send(ready).Good() // who sent it need not be told
}

// Array controllers are swapped by one command that names all groups, as sg_stpg has it.
func TestGroupsAreSetTogether(t *testing.T) {
	_, a, b := newPair(t)
	setGroups(a, "01 00 0000", "03 00 0001").Good()
	states(t, a, "01 cf", "01", "03 cf", "01")
	b.Send(ready).Sense("06 2a 06")
	b.Send(ready).Sense("02 04 0c")
	a.Send(ready).Good()
	setGroups(a, "01 00 0000", "00 00 0001").Good() // group 0 stays
	setGroups(a, "01 00 0000").Good()               // nothing changes
	setGroups(a).Good()
	a.Send("a4 0a 00000000 00000000 00 00").Good()
	b.Send(ready).Sense("06 2a 06")
	b.Send(ready).Good()
	setGroups(a, "f2 ff 0001").Good() // reserved bits
	states(t, a, "01 cf", "01", "02 cf", "01")
}

// One descriptor that is wrong, and no group changes.
func TestSetTargetPortGroupsRefuses(t *testing.T) {
	d, a, b := newPair(t)
	require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Supported, g.Explicit = 0x05, false }))
	require.NoError(t, d.Primary().SetAccess(3, func(g *spc.AccessGroup) { g.Supported = 0x03 }))
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 3f 03") // TPGS
		h.Send(ready).Sense("06 2a 06") // supported states
	}
	for name, test := range map[string]struct{ descriptors, sense string }{
		"logical block dependent":  {"02 00 0000  04 00 0000", "05 26 00 8b 00 08"},
		"offline":                  {"02 00 0000  0e 00 0002", "05 26 00 8b 00 08"},
		"transitioning":            {"0f 00 0000", "05 26 00 8b 00 04"},
		"reserved state":           {"05 00 0000", "05 26 00 8b 00 04"},
		"no such group":            {"02 00 0000  00 00 0002", "05 26 00 80 00 0a"},
		"a group twice":            {"02 00 0000  02 00 0000", "05 26 00 80 00 0a"},
		"changes implicitly only":  {"02 00 0000  02 00 0001", "05 26 00 80 00 0a"},
		"state it has not":         {"02 00 0000  03 00 0003", "05 26 00 8b 00 08"},
		"state it has not, either": {"02 00 0000  01 00 0001", "05 26 00 8b 00 08"},
	} {
		t.Run(name, func(t *testing.T) {
			setGroups(a, test.descriptors).Sense(test.sense)
			states(t, a, "00 cf", "00", "00 05", "00")
			b.Send(ready).Good()
		})
	}
	setGroups(a, "00 00 0001").Good() // in which it is
	for _, n := range []int{1, 2, 3, 5, 7} {
		a.Send(fmt.Sprintf("a4 0a 00000000 %08x 00 00", n), make([]byte, n)).Sense("05 24 00 cf 00 06")
	}
	a.Send("a4 0a 00000000 00000008 00 00", make([]byte, 7)).Sense("05 1a 00")
}

// A state that cannot be kept is not taken up, and what an initiator has asked for ends in an error of its own.
func TestAccessCannotBeKept(t *testing.T) {
	m := newMemory()
	var reported []error
	d, a, b := newPair(t, func(c *sbc.Config) {
		c.State = m
		c.Report = func(_ *scsi.Command, err error) { reported = append(reported, err) }
	})
	m.broken = errors.New("no space left")
	setGroups(a, "02 00 0001").Sense("04 67 0a")
	require.Len(t, reported, 1)
	require.EqualError(t, reported[0], "access not saved: no space left")
	b.Send(ready).Good()

	require.EqualError(t, d.Primary().SetAccess(1, to(spc.Standby)), "target port group 1 is as it was: access not saved: no space left")
	for _, h := range []*scsitest.Host{a, b} {
		h.Send(ready).Sense("06 2a 07")
		h.Send(ready).Good()
	}
	require.Error(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Preferred = true }))
	a.Send(ready).Good() // no state was to change
	states(t, a, "00 cf", "00", "00 cf", "00")
}

// TestTransitionDelay: as long as a transition lasts, the group's ports are in transition, and another is not begun.
func TestTransitionDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, b := newPair(t)
		require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.State, g.Delay, g.TransitionTime = spc.Standby, 4*time.Second, 5 }))
		a.Send(ready).Sense("06 2a 06")
		b.Send(ready).Sense("06 2a 06")
		a.Fetch("a3 2a 00000000 00000008 00 00", 8).Good("0000001c 10 05 0000")

		began := time.Now()
		done := make(chan time.Duration)
		go func() {
			setGroups(b, "00 00 0000", "01 00 0001").Good()
			done <- time.Since(began)
		}()
		synctest.Wait()
		states(t, a, "00 cf", "00", "0f cf", "01")
		b.Send(ready).Sense("02 04 0a")
		setGroups(a, "00 00 0001").Sense("02 04 0a")
		setGroups(a, "02 00 0000").Sense("02 04 0a")
		a.Send(ready).Good()
		require.Equal(t, 4*time.Second, <-done)
		a.Send(ready).Sense("06 2a 06")
		states(t, a, "00 cf", "00", "01 cf", "01")
		b.Send(ready).Good()

		began = time.Now()
		require.NoError(t, d.Primary().SetAccess(1, to(spc.ActiveOptimized)))
		require.Equal(t, 4*time.Second, time.Since(began))
		a.Send(ready).Sense("06 2a 06")
		require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Preferred = true }))
		require.Equal(t, 4*time.Second, time.Since(began), "it is in the same state")
		a.Send(ready).Sense("06 2a 06")
		states(t, a, "00 cf", "00", "80 cf", "02")
	})
}

// A disk that is to go does not wait for a transition to end: it has come to its end.
func TestTransitionIsHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, b := newPair(t)
		require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Delay = spc.MaxDelay }))
		began := time.Now()
		go func() {
			synctest.Wait()
			d.Suspend()
		}()
		setGroups(a, "02 00 0001").Good()
		b.Send(ready).Sense("06 2a 06")
		b.Send(ready).Sense("02 04 0b")
		require.Zero(t, time.Since(began))
	})
}

// A transition that is aborted leaves the groups as they were, and none hears of it.
func TestTransitionIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		d, a, b := newPair(t, func(c *sbc.Config) { c.State = m })
		require.NoError(t, d.Primary().SetAccess(1, func(g *spc.AccessGroup) { g.Delay = time.Second }))
		kept := slices.Clone(m.records["access"])
		aborted := make(chan struct{})
		c := &scsi.Command{CDB: scsitest.Hex("a4 0a 00000000 00000008 00 00"), Data: scsi.Buffer{scsitest.Hex("00*4 02 00 0001")},
			Nexus: a.Nexus(), Aborted: aborted}
		go func() {
			synctest.Wait()
			close(aborted)
		}()
		require.Equal(t, scsi.Aborted, d.Do(c))
		states(t, a, "00 cf", "00", "00 cf", "00")
		require.Equal(t, kept, m.records["access"])
		b.Send(ready).Good()
	})
}

// Access states outlive the disk, with all else that was set; groups that are as they began are not kept.
func TestAccessIsKept(t *testing.T) {
	m := newMemory()
	keeping := func(c *sbc.Config) { c.State = m }
	d, a, _ := newPair(t, keeping)
	require.NoError(t, d.Primary().SetAccess(0, func(g *spc.AccessGroup) {
		g.Preferred, g.Explicit, g.Supported, g.TransitionTime, g.Delay = true, false, 0x8f, 7, 1500*time.Millisecond
	}))
	require.NoError(t, d.Primary().SetAccess(0x1234, to(spc.Standby)))
	a.Nexus().TakeAttention()
	a.Nexus().TakeAttention()
	setGroups(a, "02 00 0001").Good()
	require.Equal(t, hex(scsitest.Hex("0000 80 8f 01 00 07 00 05dc", "0001 02 cf 03 01 00 00 0000", "1234 02 cf 03 02 00 00 0000")),
		hex(m.records["access"]))

	again := newDisk(t, newRecorder(1<<20), behindTwoPorts, keeping)
	a, b := joinBoth(t, again) // before the state is found, as the daemon has it
	require.NoError(t, again.Restore())
	require.Equal(t, d.Primary().AccessGroups(), again.Primary().AccessGroups())
	require.Len(t, again.Primary().AccessGroups(), 3)
	states(t, a, "80 8f", "00", "02 cf", "01")
	b.Send(ready).Sense("02 04 0b")
	scsitest.JoinAs(t, again.Unit, scsi.Ends{Name: "host c", Port: 2, Group: 1}, &seen).Send(ready).Sense("02 04 0b")
	scsitest.Join(t, again.Unit, "of no port", &seen).Send(ready).Good()
	scsitest.On(t, again.Unit, &seen).Send(ready).Good()

	setGroups(b, "00 00 0001").Good()
	require.NoError(t, again.Primary().SetAccess(0, func(g *spc.AccessGroup) { *g = d.Primary().AccessGroups()[2] })) // as 1234h
	require.NoError(t, again.Primary().SetAccess(0x1234, to(spc.ActiveOptimized)))
	require.Equal(t, hex(scsitest.Hex("0000 02 cf 03 02 00 00 0000", "0001 00 cf 03 01 00 00 0000", "1234 00 cf 03 02 00 00 0000")),
		hex(m.records["access"]))
}

// A record that makes no sense leaves the groups as they begin, and the disk says so.
func TestAccessRecordIsDamaged(t *testing.T) {
	for name, record := range map[string]string{
		"cut short":             "0000 00 cf 03 00 00 00 00",
		"unknown state":         "0000 05 cf 03 00 00 00 0000",
		"bits 6 to 4":           "0000 10 cf 03 00 00 00 0000",
		"state not supported":   "0000 02 cb 03 00 00 00 0000",
		"block dependent":       "0000 00 df 03 00 00 00 0000",
		"TPGS of three bits":    "0000 00 cf 07 00 00 00 0000",
		"unknown status":        "0000 00 cf 03 03 00 00 0000",
		"the reserved byte":     "0000 00 cf 03 00 00 01 0000",
		"too long a delay":      "0000 00 cf 03 00 00 00 4e21",
		"delay without a state": "0000 00 4f 03 00 00 00 0001",
		"a group twice":         "0001 00 cf 03 01 00 00 0000  0001 00 cf 03 01 00 00 0000",
		"out of order":          "0001 00 cf 03 01 00 00 0000  0000 00 cf 03 01 00 00 0000",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			m.records["access"] = scsitest.Hex("ffff 02 cf 03 01 00 00 0000") // one that is as it should be
			keeping := func(c *sbc.Config) { c.State = m }
			whole, _, _ := newPair(t, keeping)
			require.NoError(t, whole.Restore())
			m.records["access"] = scsitest.Hex(record)
			d, a, _ := newPair(t, keeping)
			require.ErrorContains(t, d.Restore(), "access: ")
			states(t, a, "00 cf", "00", "00 cf", "00")
			a.Send("2a 00 00000000 00 0001 00", make([]byte, 512)).Sense("07 27 00")
		})
	}
}
