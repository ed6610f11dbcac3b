package sbc_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// sasPorts are port 1 in group 0 and port 2 in group 1.
func sasPorts() []spc.PortGroup {
	port := func(n uint16) []spc.Port {
		return []spc.Port{{Relative: n, Protocol: 0x06, Name: fmt.Sprintf("naa.500000000000001%d,t,0x0001", n), Device: "naa.5000000000000010"}}
	}
	return []spc.PortGroup{{Ports: port(1)}, {AccessGroup: spc.AccessGroup{ID: 1}, Ports: port(2)}}
}

// cast is a disk and the hosts that have a role to what is reserved.
type cast struct {
	store *recorder
	disk  *sbc.Disk
	hosts [3]*prHost // by role
}

// newCast makes a disk on which nothing is reserved; its hosts are A, C and D.
func newCast(t *testing.T) *cast {
	c := &cast{store: newRecorder(1 << 16)}
	c.disk = newDisk(t, c.store, removable, func(cfg *sbc.Config) { cfg.Ports = sasPorts })
	for role, initiator := range "ACD" {
		c.hosts[role] = joinHost(t, c.disk, nexusName{byte(initiator), 1})
	}
	c.hosts[scsitest.Stranger].key = 0
	return c
}

// newReserved is a cast of which A has reserved.
func newReserved(t *testing.T, typ byte) *cast {
	c := newCast(t)
	c.hosts[scsitest.Holder].register().Good()
	c.hosts[scsitest.Registrant].register().Good()
	c.hosts[scsitest.Holder].reserve(typ).Good()
	c.store.took()
	return c
}

// send sends a row of the standard's table.
func sendReserved(h *prHost, r scsitest.Reserved) *scsitest.Answer {
	if r.In > 0 {
		return h.Fetch(r.CDB, r.In)
	}
	return h.Send(r.CDB, scsitest.Hex(r.Out))
}

// eachRole runs f for each type and role.
func eachRole(t *testing.T, f func(t *testing.T, typ byte, role scsitest.Role)) {
	for _, typ := range scsitest.Types {
		for _, role := range []scsitest.Role{scsitest.Holder, scsitest.Registrant, scsitest.Stranger} {
			t.Run(fmt.Sprint(typ.Name, ", ", role), func(t *testing.T) { f(t, typ.Code, role) })
		}
	}
}

// TestReservedCommands sends each command under each type from each role. What is allowed ends as it does where nothing is
// reserved; what is not leaves the medium alone.
func TestReservedCommands(t *testing.T) {
	unreserved := map[string]scsi.Result{}
	for _, r := range scsitest.ReservedCommands {
		unreserved[r.Name] = sendReserved(newCast(t).hosts[scsitest.Stranger], r).Result
		require.NotEqual(t, scsi.InvalidCommandOperationCode, unreserved[r.Name], r.Name)
	}
	eachRole(t, func(t *testing.T, typ byte, role scsitest.Role) {
		for _, r := range scsitest.ReservedCommands {
			c := newReserved(t, typ)
			a := sendReserved(c.hosts[role], r)
			if r.Allowed(typ, role) {
				require.Equal(t, unreserved[r.Name], a.Result, r.Name)
				continue
			}
			a.Conflict()
			require.Empty(t, c.store.took(), r.Name)
		}
	})
}

// TestReservedActions does so for the service actions of PERSISTENT RESERVE OUT. Those that are not allowed change nothing.
func TestReservedActions(t *testing.T) {
	eachRole(t, func(t *testing.T, typ byte, role scsitest.Role) {
		for _, action := range scsitest.ReservedActions {
			c := newReserved(t, typ)
			h, observer := c.hosts[role], c.hosts[scsitest.Stranger]
			before := observer.Fetch("5e 03 0000000000 1000 00", 4096).Data()
			cdb, out := action.Request(typ, h.key)
			a := h.Send(fmt.Sprintf("%x", cdb), out)
			if action.Allowed(typ, role) {
				require.Equal(t, scsi.Result{}, a.Result, action.Name)
				continue
			}
			a.Conflict()
			require.Equal(t, before, observer.Fetch("5e 03 0000000000 1000 00", 4096).Data(), action.Name)
		}
	})
}

// TestReservedBySPC2 has A send RESERVE (6), and then A and C all else.
func TestReservedBySPC2(t *testing.T) {
	for _, r := range scsitest.ReservedCommands {
		for at, role := range []scsitest.Role{scsitest.Holder, scsitest.Stranger} {
			c := newCast(t)
			c.hosts[scsitest.Holder].Send("16 00 0000 00 00").Good()
			a := sendReserved(c.hosts[role], r)
			if r.SPC2[at] == 'A' {
				require.NotEqual(t, scsi.ReservationConflict, a.Status, r.Name)
				continue
			}
			a.Conflict()
			require.Empty(t, c.store.took(), r.Name)
		}
	}
	for _, action := range scsitest.ReservedActions {
		for _, role := range []scsitest.Role{scsitest.Holder, scsitest.Stranger} {
			c := newCast(t)
			c.hosts[scsitest.Holder].Send("16 00 0000 00 00").Good()
			cdb, out := action.Request(1, 0)
			c.hosts[role].Send(fmt.Sprintf("%x", cdb), out).Conflict()
			c.hosts[scsitest.Holder].Send("17 00 0000 00 00").Good()
			c.hosts[role].keys().Good("00000000 00000000")
		}
	}
}

// TestMatrixIsWhole: each command of the disk has a row in the tables.
func TestMatrixIsWhole(t *testing.T) {
	var cdbs [][]byte
	for _, r := range scsitest.ReservedCommands {
		cdbs = append(cdbs, scsitest.Hex(r.CDB))
	}
	for _, a := range scsitest.ReservedActions {
		cdbs = append(cdbs, scsitest.Hex(a.CDB))
	}
	for _, op := range newDisk(t, newRecorder(1<<16), removable).Ops() {
		if op.Name == "PERSISTENT RESERVE OUT, REPLACE LOST RESERVATION" {
			continue // for a unit that has lost what was reserved
		}
		require.True(t, slices.ContainsFunc(cdbs, func(cdb []byte) bool {
			code, sa, ok := action(cdb)
			return code == byte(op.Code) && (op.SA == 0) == !ok && (!ok || op.SA == scsi.SA(sa))
		}), op.Name)
	}
}
