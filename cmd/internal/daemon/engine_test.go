package daemon

import (
	"encoding/binary"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// cluster is a disk that two hosts reach, each by a loopback target of its own.
func cluster(t *testing.T) (m *machine, disk control.Engine) {
	m = newMachine(t)
	so := m.create("disk", engine)
	for name, config := range map[string]string{
		"disk.nexus0": lio.Nexus{Of: "disk", Initiator: hostA, Port: 1, Group: 0}.String(),
		"disk.nexus1": lio.Nexus{Of: "disk", Initiator: hostB, Port: 2, Group: 1}.String(),
	} {
		n := m.create(name, config)
		m.said(name, control.Serving)
		_, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: map[string]string{"disk.nexus0": hostA, "disk.nexus1": hostB}[name],
			LUNs: []lio.StorageObject{n}})
		require.NoError(t, err)
	}
	m.said("disk", control.Serving)
	e, err := m.Engine(so.HBA, "disk")
	require.NoError(t, err)
	return m, e
}

// Each nexus says what it stands for, and what its initiator has still to hear.
func TestNexusesAreToldOf(t *testing.T) {
	m, disk := cluster(t)
	require.True(t, m.send("disk.nexus0", eject...).OK())
	require.True(t, m.send("disk.nexus0", 0x1b, 0, 0, 0, 3).OK())
	a, b := m.said("disk.nexus0", control.Serving), m.said("disk.nexus1", control.Serving)
	require.Equal(t, &control.Nexus{Of: "disk", Initiator: hostA, Port: 1}, a.Nexus)
	require.Equal(t, &control.Nexus{Of: "disk", Initiator: hostB, Port: 2, Group: 1}, b.Nexus)
	require.Nil(t, m.said("disk", control.Serving).Nexus)
	require.Equal(t, []control.NexusStatus{
		{HBA: a.HBA, Name: "disk.nexus0", Nexus: *a.Nexus, Pending: []string{}},
		{HBA: b.HBA, Name: "disk.nexus1", Nexus: *b.Nexus, Pending: []string{scsi.MediumMayHaveChanged.String()}},
	}, disk.Reservations().Nexuses)
}

// The operator moves a group to another state; its initiators hear of it, and are refused there.
func TestAccessIsChangedFromOutside(t *testing.T) {
	m, disk := cluster(t)
	require.Equal(t, []control.AccessGroup{
		{Group: 0, State: "active/optimized", Supported: 0xcf, Implicit: true, Explicit: true,
			Ports: []control.Port{{Relative: 1, Name: hostA + ",t,0x0001"}}},
		{Group: 1, State: "active/optimized", Supported: 0xcf, Implicit: true, Explicit: true,
			Ports: []control.Port{{Relative: 2, Name: hostB + ",t,0x0001"}}},
	}, disk.Access())
	standby, preferred, delay := "standby", true, int64(10)
	began := time.Now()
	require.NoError(t, disk.SetAccess(control.AccessChange{Group: 1, State: &standby, Preferred: &preferred, Delay: &delay}))
	require.GreaterOrEqual(t, time.Since(began), 10*time.Millisecond)
	got := disk.Access()[1]
	require.Equal(t, control.AccessGroup{Group: 1, State: "standby", Status: 2, Supported: 0xcf, Preferred: true, Implicit: true,
		Explicit: true, Delay: 10, Ports: got.Ports}, got)
	read := []byte{0x08, 0, 0, 0, 1, 0}
	require.Equal(t, scsi.AccessStateChanged, m.send("disk.nexus0").Code)
	require.True(t, m.send("disk.nexus0", read...).OK())
	require.Equal(t, scsi.AccessStateChanged, m.send("disk.nexus1").Code)
	require.Equal(t, scsi.TargetPortInStandby, m.send("disk.nexus1", read...))

	for text, change := range map[string]control.AccessChange{
		"is no access state":  {State: new(string)},
		"is not supported":    {Supported: new(uint8)},
		"is not possible":     {Delay: func() *int64 { n := int64(1) << 62; return &n }()},
		"a transition of -1m": {Delay: func() *int64 { n := int64(-5); return &n }()},
	} {
		require.ErrorContains(t, disk.SetAccess(change), text)
	}
}

func TestWhoHasNoEngine(t *testing.T) {
	m, _ := cluster(t)
	other := m.create("other", "tcmud/null")
	lost := m.create("lost", "tcmud/fileio;reservations=engine/nowhere/at/all")
	m.said("other", control.Serving)
	m.said("lost", control.Failed)
	_, err := m.Engine(77, "disk")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = m.Engine(other.HBA, "other")
	require.ErrorContains(t, err, "the kernel keeps reservations and access states of user_")
	_, err = m.Engine(lost.HBA, "lost")
	require.ErrorContains(t, err, "is not served")
	_, err = m.Engine(m.said("disk.nexus0", control.Serving).HBA, "disk.nexus0")
	require.ErrorContains(t, err, "stands for an I_T nexus: ask for its backstore, disk")
}

// reserveOut sends PERSISTENT RESERVE OUT.
func (m *machine) reserveOut(name string, action, kind byte, key, newKey uint64, flags byte) scsi.Result {
	m.t.Helper()
	list := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, key), newKey)
	list = append(list, 0, 0, 0, 0, flags, 0, 0, 0)
	return m.do(name, &tcmutest.Command{CDB: []byte{0x5f, action, kind, 0, 0, 0, 0, 0, byte(len(list)), 0}, Out: list})
}

// What initiators have reserved is told, also after their devices have gone, and to the next daemon.
func TestReservationsAreToldOf(t *testing.T) {
	const register, reserve, aptpl = 0x00, 0x01, 0x01
	m, disk := cluster(t)
	require.Empty(t, disk.Reservations().Registrations)
	require.True(t, m.reserveOut("disk.nexus0", register, 0, 0, 0xab, aptpl).OK())
	require.True(t, m.reserveOut("disk.nexus1", register, 0, 0, 0xffffffffffffffff, aptpl).OK())
	require.True(t, m.reserveOut("disk.nexus0", reserve, 1, 0xab, 0, 0).OK())
	write := []byte{0x0a, 0, 0, 0, 1, 0}
	require.Equal(t, scsi.Conflict, m.send("disk.nexus1", write...))

	want := control.Reservations{
		Generation: 2, APTPL: true, Type: "Write Exclusive", Scope: "logical unit",
		Registrations: []control.Registration{
			{Initiator: hostA, Port: 1, Key: "0x00000000000000ab", Holder: true},
			{Initiator: hostB, Port: 2, Key: "0xffffffffffffffff"},
		},
	}
	got := disk.Reservations()
	require.EqualValues(t, 1, got.Nexuses[1].Conflicts)
	got.Nexuses = nil
	require.Equal(t, want, got)
	require.Equal(t, &control.Reserving{Generation: 2, Registrations: 2, Type: "Write Exclusive"}, m.said("disk", control.Serving).Reserving)
	require.EqualValues(t, 1, m.said("disk.nexus1", control.Serving).Counters.Errors["reservation_conflict"])

	m.restart(func() {})
	m.said("disk.nexus0", control.Serving)
	m.said("disk.nexus1", control.Serving)
	require.Equal(t, scsi.Conflict, m.send("disk.nexus1", write...))
	require.True(t, m.send("disk.nexus0").OK())
	disk, err := m.Engine(m.volume("disk").uio.HBA, "disk")
	require.NoError(t, err)
	got, want.Generation = disk.Reservations(), 0
	got.Nexuses = nil
	require.Equal(t, want, got)
}

// RESERVE is told of by who holds it, and ends with its nexus.
func TestAReservationOfSPC2IsToldOf(t *testing.T) {
	m, disk := cluster(t)
	require.True(t, m.send("disk.nexus0", 0x16).OK())
	require.Equal(t, scsi.Conflict, m.send("disk.nexus1"))
	require.Equal(t, hostA+" at port 1", disk.Reservations().Reserved)
	require.True(t, m.ring("disk.nexus1").TMR(byte(tcmu.LogicalUnitReset)))
	m.until(func() bool { return disk.Reservations().Reserved == "" })
	require.True(t, m.send("disk.nexus1").OK())
}
