//go:build guest

package guest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// stage is an I_T nexus for each role, and one more that is registered.
type stage struct {
	byRole [3]path
	more   path
}

// keys of those that are registered.
var stageKeys = map[scsitest.Role]uint64{scsitest.Holder: 0xa, scsitest.Registrant: 0xb}

// reserve begins anew with a reservation of a type.
func (s stage) reserve(typ byte) {
	holder := s.byRole[scsitest.Holder]
	holder.settle()
	holder.prout(registerAndIgnore, 0, 0, 1, 0).Good()
	holder.prout(clearAll, 0, 1, 0, 0).Good()
	s.settle()
	for role, key := range stageKeys {
		s.byRole[role].prout(register, 0, 0, key, 0).Good()
	}
	s.more.prout(register, 0, 0, 0xcc, 0).Good()
	holder.prout(reserve, int(typ), stageKeys[scsitest.Holder], 0, 0).Good()
}

func (s stage) settle() {
	for _, p := range append(s.byRole[:], s.more) {
		p.settle()
	}
}

// TestConflictMatrix drives the standards' tables of what reservations leave room for through the kernel: each type, each
// role, each command and each service action of PERSISTENT RESERVE OUT.
func TestConflictMatrix(t *testing.T) {
	startDaemon(t)
	paths := newPaths(t, newEngineDisk(t, 4))
	s := stage{[3]path(paths), paths[3]}
	sent := 0
	for _, typ := range scsitest.Types {
		for role, p := range s.byRole {
			role := scsitest.Role(role)
			t.Run(fmt.Sprint(typ.Name, ", ", role), func(t *testing.T) {
				s.reserve(typ.Code)
				for _, r := range scsitest.ReservedCommands {
					requireRoom(t, r.Allowed(typ.Code, role), p.sendReserved(r), r.Name)
					sent++
				}
				for _, a := range scsitest.ReservedActions {
					s.reserve(typ.Code)
					cdb, list := a.Request(typ.Code, stageKeys[role])
					requireRoom(t, a.Allowed(typ.Code, role), p.Send(fmt.Sprintf("%x", cdb), list), a.Name)
					sent++
				}
			})
		}
	}
	t.Logf("%d commands", sent)
	s.reserve(writeExclusive)
	s.byRole[scsitest.Holder].prout(clearAll, 0, stageKeys[scsitest.Holder], 0, 0).Good()
}

// requireRoom requires that a command has been carried out, however it ended, or has met a reservation.
func requireRoom(t *testing.T, room bool, a *scsitest.Answer, name string) {
	t.Helper()
	require.Equal(t, room, a.Status != scsi.ReservationConflict, "%s: %v", name, a.Result)
	require.NotEqual(t, scsi.InvalidCommandOperationCode.Code, a.Code, name)
}

// sendReserved sends a command, again while it ends in a unit attention.
func (p path) sendReserved(r scsitest.Reserved) *scsitest.Answer {
	for {
		a := p.sendOnce(r)
		if a.Key != scsi.UnitAttention {
			return a
		}
	}
}

func (p path) sendOnce(r scsitest.Reserved) *scsitest.Answer {
	if r.In > 0 {
		return p.Fetch(r.CDB, r.In)
	}
	return p.Send(r.CDB, scsitest.Hex(r.Out))
}

// TestKilledInRegistrations kills tcmud at random moments of a storm of registrations with APTPL.
func TestKilledInRegistrations(t *testing.T) {
	withItsOwnDaemon(t, "powercut", "--kills", "10")
}

// Through the kernel's iSCSI target, with two initiators: libiscsi's tests of reservations, of the prevention of removal and
// of several paths, which the kernel's own reservations fail in part ("make conformance").
func TestLibiscsiReserves(t *testing.T) {
	withItsOwnDaemon(t, "conformance", "--dir", t.TempDir(), "--targets", "engine/iscsi",
		"--tests", "SCSI.Pr[io]*,SCSI.PreventAllow.*,SCSI.Reserve6.*,SCSI.MultipathIO.*")
}
