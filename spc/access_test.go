package spc_test

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// threeGroups are groups 1 to 3 with port 1 to 3.
func threeGroups() []spc.PortGroup {
	var groups []spc.PortGroup
	for i := uint16(1); i <= 3; i++ {
		groups = append(groups, spc.PortGroup{AccessGroup: spc.AccessGroup{ID: i}, Ports: []spc.Port{{Relative: i}}})
	}
	return groups
}

// newGroups is a device that keeps the states of three groups, with a host in each.
func newGroups(t *testing.T, change ...func(*spc.Config)) (*spc.Device, *scsi.Unit, []*scsitest.Host) {
	cfg := spc.Config{Ports: threeGroups, Reservations: true}
	for _, f := range change {
		f(&cfg)
	}
	d, u := newDevice(t, cfg)
	var hosts []*scsitest.Host
	for i := uint16(1); i <= 3; i++ {
		hosts = append(hosts, scsitest.JoinAs(t, u, scsi.Ends{Name: "host", Port: i, Group: i}, nil))
	}
	return d, u, hosts
}

// began is a group as it begins.
func began(id uint16) spc.AccessGroup {
	return spc.AccessGroup{ID: id, Supported: 0xcf, Implicit: true, Explicit: true}
}

// Groups are those of ports, those of nexuses, and those that somebody has set.
func TestAccessGroups(t *testing.T) {
	d, u, _ := newGroups(t)
	require.Equal(t, []spc.AccessGroup{began(1), began(2), began(3)}, d.AccessGroups())
	n := u.JoinAs(scsi.Ends{Port: 4, Group: 0})
	u.JoinAs(scsi.Ends{Port: 0, Group: 8}) // which nobody knows
	require.NoError(t, d.SetAccess(7, func(g *spc.AccessGroup) { g.Preferred = true }))
	seven := began(7)
	seven.Preferred = true
	require.Equal(t, []spc.AccessGroup{began(0), began(1), began(2), began(3), seven}, d.AccessGroups())
	u.Leave(n)
	require.NoError(t, d.SetAccess(7, func(g *spc.AccessGroup) { *g = spc.AccessGroup{Supported: 0xcf, Implicit: true, Explicit: true} }))
	require.Equal(t, []spc.AccessGroup{began(1), began(2), began(3)}, d.AccessGroups())
}

func TestSetAccessRefuses(t *testing.T) {
	d, _, hosts := newGroups(t)
	for name, test := range map[string]struct {
		change func(*spc.AccessGroup)
		say    string
	}{
		"reserved state":        {func(g *spc.AccessGroup) { g.State = 5 }, "access state 5h is not supported"},
		"block dependent":       {func(g *spc.AccessGroup) { g.State = spc.BlockDependent }, "logical block dependent is not supported"},
		"not supported":         {func(g *spc.AccessGroup) { g.State, g.Supported = spc.Standby, 0xcb }, "standby is not supported"},
		"the state it is in":    {func(g *spc.AccessGroup) { g.Supported = 0x02 }, "active/optimized is not supported"},
		"supports what none is": {func(g *spc.AccessGroup) { g.Supported = 0xdf }, "supported states dfh are not among cfh"},
		"negative delay":        {func(g *spc.AccessGroup) { g.Delay = -time.Millisecond }, "a transition of -1ms is not possible"},
		"long delay":            {func(g *spc.AccessGroup) { g.Delay = 20001 * time.Millisecond }, "a transition of 20.001s is not possible: use milliseconds, and at most 20s"},
		"microseconds":          {func(g *spc.AccessGroup) { g.Delay = time.Microsecond }, "a transition of 1µs is not possible"},
		"delay in no state":     {func(g *spc.AccessGroup) { g.Delay, g.Supported = time.Second, 0x4f }, "needs the state transitioning"},
		"not implicit":          {func(g *spc.AccessGroup) { g.State, g.Implicit = spc.Standby, false }, "only initiators change its state"},
	} {
		t.Run(name, func(t *testing.T) {
			err := d.SetAccess(2, test.change)
			require.ErrorContains(t, err, "target port group 2: ")
			require.ErrorContains(t, err, test.say)
			require.Equal(t, began(2), d.AccessGroups()[1])
			hosts[1].Send("00 00000000 00").Good()
		})
	}
	require.NoError(t, d.SetAccess(2, func(g *spc.AccessGroup) { g.ID, g.Status = 9, 9 })) // they are not for it to choose
	require.Equal(t, began(2), d.AccessGroups()[1])
	hosts[1].Send("00 00000000 00").Good()
}

// Where the transport keeps the states, they can be looked at, and that is all.
func TestAccessOfTransport(t *testing.T) {
	theirs := spc.AccessGroup{ID: 5, State: spc.BlockDependent, Supported: 0xdf, Implicit: true}
	d, _ := newDevice(t, spc.Config{Ports: func() []spc.PortGroup { return []spc.PortGroup{{AccessGroup: theirs}} }})
	require.Equal(t, []spc.AccessGroup{theirs}, d.AccessGroups())
	require.EqualError(t, d.SetAccess(5, func(*spc.AccessGroup) {}), "the transport keeps the access states of this unit")
	d, _ = newDevice(t, spc.Config{})
	require.Empty(t, d.AccessGroups())
}

// A group that the target has put into transition is so until the target ends it.
func TestOpenTransition(t *testing.T) {
	d, _, hosts := newGroups(t)
	require.NoError(t, d.SetAccess(2, func(g *spc.AccessGroup) { g.State, g.Delay = spc.Transitioning, time.Second }))
	hosts[0].Send("00 00000000 00").Sense("06 2a 06")
	hosts[1].Send("00 00000000 00").Sense("06 2a 06")
	hosts[1].Send("00 00000000 00").Sense("02 04 0a")
	hosts[0].Send("a4 0a 00000000 00000008 00 00", scsitest.Hex("00*4 00 00 0002")).Sense("02 04 0a")
	hosts[0].Send("a4 0a 00000000 00000008 00 00", scsitest.Hex("00*4 01 00 0001")).Good() // another
	require.NoError(t, d.SetAccess(2, func(g *spc.AccessGroup) { g.State, g.Delay = spc.ActiveNonOptimized, 0 }))
	hosts[1].Send("00 00000000 00").Sense("06 2a 06")
	hosts[1].Send("00 00000000 00").Good()
}

// A unit that keeps its states without knowing its ports bars nexuses all the same.
func TestAccessWithoutPorts(t *testing.T) {
	d, _, hosts := newGroups(t, func(c *spc.Config) { c.Ports = nil })
	require.NoError(t, d.SetAccess(2, func(g *spc.AccessGroup) { g.State = spc.Unavailable }))
	hosts[1].Send("00 00000000 00").Sense("06 2a 06")
	hosts[1].Send("00 00000000 00").Sense("02 04 0c")
	hosts[0].Send("a4 0a 00000000 00000008 00 00", make([]byte, 8)).Sense("05 24 00 cc 00 01")
}

// TestAccessRace has groups set from outside and by commands while nexuses come and go: in the end each is barred by what
// its group is.
func TestAccessRace(t *testing.T) {
	d, u, hosts := newGroups(t)
	var all sync.WaitGroup
	for i := range uint16(3) {
		all.Go(func() {
			for round := range 200 {
				state := []spc.AccessState{spc.ActiveOptimized, spc.Standby}[round%2]
				assert.NoError(t, d.SetAccess(i+1, func(g *spc.AccessGroup) { g.State = state }))
			}
		})
		all.Go(func() {
			for round := range 200 {
				list := scsitest.Hex(fmt.Sprintf("00*4 %02x 00 %04x", round%4, i+1))
				r := u.Do(&scsi.Command{CDB: scsitest.Hex("a4 0a 00000000 00000008 00 00"), Data: scsi.Buffer{list}})
				if !r.OK() {
					assert.Equal(t, scsi.AccessStateTransition, r)
				}
			}
		})
		all.Go(func() {
			for range 200 {
				u.Leave(u.JoinAs(scsi.Ends{Port: 9, Group: i + 1}))
			}
		})
	}
	all.Wait()
	late := u.JoinAs(scsi.Ends{Port: 9, Group: 1})
	for _, n := range u.Nexuses() {
		want := map[spc.AccessState]scsi.Bars{spc.Standby: scsi.InStandby, spc.Unavailable: scsi.InUnavailable}
		require.Equal(t, want[d.AccessGroups()[n.Group-1].State], n.Bars())
	}
	require.Equal(t, hosts[0].Nexus().Bars(), late.Bars())
}

// FuzzSetTargetPortGroups: whatever a list says, all groups are what it says, or none has changed; and the others hear of
// it when one has.
func FuzzSetTargetPortGroups(f *testing.F) {
	for _, list := range []string{"", "00*4", "00*4 00 00 0001", "00*4 01 00 0001 02 00 0002", "00*4 0e 00 0001", "00*4 02 00 0001 02 00 0001",
		"ff*4 f3 ff 0003", "00*4 00 00 0004", "00*7", "00*4 0f 00 0001", "00*4 02 00 0001 01 00 0002 03 00 0003 00 00 0003"} {
		f.Add(scsitest.Hex(list))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		d, u, hosts := newGroups(t)
		require.NoError(t, d.SetAccess(2, func(g *spc.AccessGroup) { g.State, g.Supported, g.Explicit = spc.Standby, 0x07, false }))
		for range 2 {
			hosts[0].Nexus().TakeAttention()
		}
		before := d.AccessGroups()
		cdb := binary.BigEndian.AppendUint32(scsitest.Hex("a4 0a 00000000"), uint32(len(list)))
		r := u.Do(&scsi.Command{CDB: append(cdb, 0, 0), Data: scsi.Buffer{list}})
		after := d.AccessGroups()
		if !r.OK() {
			require.Contains(t, []scsi.Code{scsi.InvalidFieldInCDB.Code, scsi.InvalidFieldInParameterList.Code}, r.Code)
			require.Equal(t, before, after)
		}
		for at := 4; r.OK() && at < len(list); at += 4 {
			g := after[binary.BigEndian.Uint16(list[at+2:])-1]
			require.Equal(t, spc.AccessState(list[at]&0x0f), g.State)
			require.Contains(t, []byte{0, spc.ByCommand, spc.ByTarget}, g.Status)
		}
		require.Equal(t, before[1], after[1], "it is not explicit")
		heard := hosts[0].Nexus().Pending()
		if fmt.Sprint(before) == fmt.Sprint(after) {
			require.Empty(t, heard)
		} else {
			require.Equal(t, []scsi.Code{scsi.AccessStateChanged}, heard)
		}
	})
}

// FuzzAccessRecord: a record is one that the unit would write, or it is refused.
func FuzzAccessRecord(f *testing.F) {
	for _, record := range []string{"", "0001 80 8f 01 00 07 00 05dc", "0001 02 cf 03 01 00 00 0000 0002 00 cf 03 02 00 00 0000", "00*10", "00", "ff*10"} {
		f.Add(scsitest.Hex(record))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		m := newMemory()
		m.records["access"] = record
		d, _, _ := newGroups(t, func(c *spc.Config) { c.State = m })
		if err := d.Restore(); err != nil {
			require.Equal(t, []spc.AccessGroup{began(1), began(2), began(3)}, d.AccessGroups())
			return
		}
		restored := d.AccessGroups()
		require.NoError(t, d.SetAccess(0xffff, func(g *spc.AccessGroup) { g.TransitionTime++ })) // which saves all
		again, _, _ := newGroups(t, func(c *spc.Config) { c.State = m })
		require.NoError(t, again.Restore())
		for _, g := range restored {
			if g.ID != 0xffff {
				require.Contains(t, again.AccessGroups(), g)
			}
		}
	})
}
