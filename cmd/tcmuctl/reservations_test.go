package main

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
)

// engine is what a daemon says of a backstore that keeps reservations itself.
type engine struct {
	reservations control.Reservations
	groups       []control.AccessGroup
	changes      []control.AccessChange
}

func (e *engine) Reservations() control.Reservations { return e.reservations }

func (e *engine) Access() []control.AccessGroup { return e.groups }

func (e *engine) SetAccess(c control.AccessChange) error {
	if int(c.Group) >= len(e.groups) {
		return errors.New("there is no such group")
	}
	e.changes = append(e.changes, c)
	if c.State != nil {
		e.groups[c.Group].State = *c.State
	}
	return nil
}

// withEngine is a host with a backstore of which a daemon says what e does.
func withEngine(t *testing.T, e *engine) *host {
	h := newHost(t)
	h.serve(daemon{root: h.kernel.Root(), verdict: servesAll, level: new(slog.LevelVar), engine: e})
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M", "reservations=engine")
	return h
}

var nexus1 = control.NexusStatus{
	HBA: 1, Name: "rd0.nexus1", Nexus: control.Nexus{Of: "rd0", Initiator: "naa.5001405000000001", Port: 1}, Pending: []string{},
}

func TestReservations(t *testing.T) {
	nexus2 := control.NexusStatus{
		HBA: 2, Name: "rd0.nexus2", Nexus: control.Nexus{Of: "rd0", Initiator: "iqn.1993-08.org.debian:01:host", Port: 2},
		Pending: []string{"RESERVATIONS PREEMPTED", "REGISTRATIONS PREEMPTED"}, Conflicts: 12,
	}
	nexuses := []control.NexusStatus{nexus1, nexus2}
	for _, tt := range []struct {
		name string
		says control.Reservations
		want string
	}{
		{"a holder and others", control.Reservations{
			Generation: 7, APTPL: true, Type: "Write Exclusive, registrants only", Scope: "logical unit",
			Registrations: []control.Registration{
				{Initiator: "naa.5001405000000001", Port: 1, Key: "0x000000000000000a", Holder: true},
				{Initiator: "iqn.1993-08.org.debian:01:host", Port: 2, Key: "0x00000000deadbeef", AllPorts: true},
			},
			Nexuses: nexuses,
		}, `reservation:  Write Exclusive, registrants only (logical unit)
generation:   7
APTPL:        yes

REGISTERED                      PORT  KEY                 HOLDER
naa.5001405000000001               1  0x000000000000000a  holder
iqn.1993-08.org.debian:01:host     2  0x00000000deadbeef          all ports

NEXUS       INITIATOR                       PORT  UNIT ATTENTIONS                                  CONFLICTS
rd0.nexus1  naa.5001405000000001               1  -                                                        0
rd0.nexus2  iqn.1993-08.org.debian:01:host     2  RESERVATIONS PREEMPTED, REGISTRATIONS PREEMPTED         12`},
		{"by RESERVE", control.Reservations{Reserved: "naa.5001405000000001", Nexuses: nexuses[:1]}, `reservation:  by RESERVE, of naa.5001405000000001
generation:   0
APTPL:        no

NEXUS       INITIATOR             PORT  UNIT ATTENTIONS  CONFLICTS
rd0.nexus1  naa.5001405000000001     1  -                        0`},
		{"nobody", control.Reservations{}, `reservation:  none
generation:   0
APTPL:        no`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := withEngine(t, &engine{reservations: tt.says})
			h.says(tt.want, "/backstores/ramdisk/rd0", "reservations")
			var said control.Reservations
			h.json(&said, "/backstores/ramdisk/rd0", "reservations")
			require.Equal(t, tt.says, said)
		})
	}
}

func TestReservationsOfTheKernel(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.ramdisk("rd0")
	h.says(`res_aptpl_active:         APTPL Bit Status: Disabled
res_holder:               No SPC-3 Reservation holder
res_pr_all_tgt_pts:       No SPC-3 Reservation holder
res_pr_generation:        0x00000000
res_pr_holder_tg_port:    No SPC-3 Reservation holder
res_pr_registered_i_pts:  SPC-3 PR Registrations:
                          None
res_pr_type:              No SPC-3 Reservation holder
res_type:                 SPC3_PERSISTENT_RESERVATIONS`, "/backstores/ramdisk/rd0", "reservations")
	var said map[string][]string
	h.json(&said, "/backstores/ramdisk/rd0", "reservations")
	require.Equal(t, []string{"SPC-3 PR Registrations:", "None"}, said["res_pr_registered_i_pts"])
}

func TestReservationsThatNobodyTellsOf(t *testing.T) {
	h := newEngine(t)
	h.refuses([]string{"tcmud has no device user_0/rd0"}, "/backstores/ramdisk/rd0", "reservations")
	h.refuses([]string{"tcmud has no device user_0/rd0"}, "/backstores/ramdisk/rd0", "alua")
}

func TestALUA(t *testing.T) {
	e := &engine{groups: []control.AccessGroup{
		{State: "active/optimized", Preferred: true, Implicit: true, Explicit: true, Ports: []control.Port{{Relative: 1, Name: "a"}, {Relative: 3, Name: "c"}}},
		{Group: 1, State: "active/non-optimized", Delay: 50},
	}}
	h := withEngine(t, e)
	const rd0 = "/backstores/ramdisk/rd0"
	h.says(`GROUP  STATE                 PREFERRED  CHANGED BY          TRANSITION  PORTS
    0  active/optimized      yes        target, initiators  0 ms        1 a, 3 c
    1  active/non-optimized  -          -                   50 ms       -`, rd0, "alua")
	h.says(`GROUP  STATE                 PREFERRED  CHANGED BY  TRANSITION  PORTS
    1  active/non-optimized  -          -           50 ms       -`, rd0, "alua", "1")
	require.Empty(t, e.changes)
	h.says(`GROUP  STATE    PREFERRED  CHANGED BY  TRANSITION  PORTS
    1  standby  -          -           50 ms       -`, rd0, "alua", "group=1", "state=standby")
	_, stderr, status := h.enter(rd0, "alua", "0", "nonoptimized", "preferred=false", "implicit=false", "explicit=false", "transition_time=9", "transition_millis=250")
	require.Zero(t, status, stderr)
	standby, state, no, seconds, millis := "standby", "active/non-optimized", false, byte(9), int64(250)
	require.Equal(t, []control.AccessChange{
		{Group: 1, State: &standby},
		{State: &state, Preferred: &no, Implicit: &no, Explicit: &no, Transition: &seconds, Delay: &millis},
	}, e.changes)
	var groups []control.AccessGroup
	h.json(&groups, rd0, "alua", "1")
	require.Equal(t, "standby", groups[0].State)

	h.refuses([]string{"there is no such group"}, rd0, "alua", "2", "standby")
	h.refuses([]string{rd0 + " has no target port group 2"}, rd0, "alua", "2")
	h.refuses([]string{"say which group"}, rd0, "alua", "state=standby")
	h.refuses([]string{`"asleep" is no access state: give nonoptimized, offline`}, rd0, "alua", "1", "asleep")
	h.refuses([]string{"65536 cannot be a target port group: give at most 65535"}, rd0, "alua", "65536")
	h.refuses([]string{"256 cannot be a time that initiators can be told"}, rd0, "alua", "1", "transition_time=256")
	h.ramdisk("rd1")
	h.refuses([]string{"the kernel keeps the access states of /backstores/ramdisk/rd1"}, "/backstores/ramdisk/rd1", "alua")
}
