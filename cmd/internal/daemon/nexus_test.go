package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
	"github.com/tcmud/tcmud/tcmu/tcmutest"
)

// machine is a daemon on a host whose kernel is all fake: configfs and rings.
type machine struct {
	t *testing.T
	*Daemon

	mu      sync.Mutex
	rings   map[string]*tcmutest.Kernel
	created []tcmu.UIO
}

func newMachine(t *testing.T) *machine {
	root, _ := liotest.Open(t)
	m := &machine{t: t, rings: map[string]*tcmutest.Kernel{}}
	m.Daemon = New(Config{
		Root: root, Log: slog.New(slog.DiscardHandler), Version: "test",
		Memory: filepath.Join(t.TempDir(), "shm"), State: filepath.Join(t.TempDir(), "state"), Data: filepath.Join(t.TempDir(), "lib"),
	})
	require.NoError(t, os.MkdirAll(m.cfg.Memory, 0o700))
	m.open = func(ctx context.Context, u tcmu.UIO, h scsi.Handler, o tcmu.Options) (*tcmu.Device, error) {
		mem, fd, err := m.ring(u.Name).Open()
		if err != nil {
			return nil, err
		}
		return tcmu.Attach(tcmu.Port{Name: u.Name, Memory: mem, FD: fd}, h, o)
	}
	t.Cleanup(func() { require.NoError(t, m.drain()) })
	return m
}

func (m *machine) ring(name string) *tcmutest.Kernel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rings[name]
}

// create makes a device, of which the daemon hears.
func (m *machine) create(name, config string) lio.StorageObject {
	m.t.Helper()
	so, err := m.cfg.Root.CreateUser(lio.User{Name: name, Config: config, Size: 1 << 20})
	require.NoError(m.t, err)
	m.mu.Lock()
	m.rings[name] = tcmutest.New(m.t, tcmutest.Config{})
	m.mu.Unlock()
	m.created = append(m.created, tcmu.UIO{HBA: so.HBA, Name: name, Config: config})
	m.add(m.created[len(m.created)-1], tcmu.Fresh)
	return so
}

// restart ends the daemon and starts another, after something has happened.
func (m *machine) restart(meanwhile func()) {
	m.t.Helper()
	require.NoError(m.t, m.drain())
	meanwhile()
	next := New(m.cfg)
	next.open = m.open
	m.Daemon = next
	for _, u := range m.created {
		m.add(u, tcmu.Mark{})
	}
}

// remove deletes a device, and waits until the daemon has noticed.
func (m *machine) remove(so lio.StorageObject) {
	m.t.Helper()
	require.NoError(m.t, so.Delete())
	m.ring(so.Name).Remove()
	m.until(func() bool { return m.volume(so.Name) == nil })
}

func (m *machine) volume(name string) *volume {
	m.Daemon.mu.Lock()
	defer m.Daemon.mu.Unlock()
	for k, v := range m.volumes {
		if k.name == name {
			return v
		}
	}
	return nil
}

func (m *machine) until(what func() bool) {
	m.t.Helper()
	require.Eventually(m.t, what, 10*time.Second, time.Millisecond)
}

// said waits until a device is in a state, and returns what else is said of it.
func (m *machine) said(name string, want control.State) control.Device {
	m.t.Helper()
	var got control.Device
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		for _, d := range m.Devices() {
			if d.Name == name {
				got = d
			}
		}
		if got.State == want {
			return got
		}
		require.True(m.t, time.Now().Before(deadline), "%s is %s: %s", name, got.State, got.Error)
	}
}

// send has a device's initiator send a command.
func (m *machine) send(name string, cdb ...byte) scsi.Result {
	m.t.Helper()
	return m.do(name, &tcmutest.Command{CDB: append(cdb, make([]byte, 6)...)[:6]})
}

func (m *machine) do(name string, c *tcmutest.Command) scsi.Result {
	m.t.Helper()
	m.ring(name).Do(c)
	if c.Status != byte(scsi.CheckCondition) {
		return scsi.Result{Status: scsi.Status(c.Status)}
	}
	return scsi.Check(scsi.Key(c.Sense[2]&0xf), scsi.Code(c.Sense[12])<<8|scsi.Code(c.Sense[13]))
}

// engine is the configuration string of a backstore that keeps reservations; of that of one of its nexuses.
const engine = "tcmud/null;removable=1;reservations=engine"

func of(backstore, initiator string, port uint16) string {
	return lio.Nexus{Of: backstore, Initiator: initiator, Port: port}.String()
}

const hostA, hostB = "naa.5001405000000001", "naa.5001405000000002"

// Whatever comes first: nexuses are served once their backstore is, and as different initiators.
func TestNexusesShareAUnit(t *testing.T) {
	for name, early := range map[string]bool{"after it": false, "before it": true} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if !early {
				m.create("disk", engine)
			}
			m.create("disk.nexus0", of("disk", hostA, 1))
			if early {
				require.Contains(t, m.said("disk.nexus0", control.Failed).Error, "there is no backstore disk")
				require.Equal(t, scsi.LogicalUnitNotReadyManual, m.send("disk.nexus0"))
				m.create("disk", engine)
			}
			m.create("disk.nexus1", of("disk", hostB, 1))
			require.EqualValues(t, 1<<20, m.said("disk.nexus0", control.Serving).Size)
			m.said("disk.nexus1", control.Serving)

			require.True(t, m.send("disk.nexus0", 0x1e, 0, 0, 0, 1).OK()) // prevents
			require.Equal(t, scsi.MediumRemovalPrevented, m.send("disk.nexus1", eject...))
			require.True(t, m.send("disk.nexus0", 0x1e).OK())
			require.True(t, m.send("disk.nexus1", eject...).OK())
			require.Equal(t, scsi.MediumNotPresent, m.send("disk.nexus0"))
			require.True(t, m.send("disk.nexus0", 0x1b, 0, 0, 0, 3).OK()) // loads
			require.Equal(t, scsi.Check(scsi.UnitAttention, scsi.MediumMayHaveChanged), m.send("disk.nexus1"))
		})
	}
}

// A device that goes is the loss of its nexus.
func TestANexusIsLostWithItsDevice(t *testing.T) {
	m := newMachine(t)
	m.create("disk", engine)
	a := m.create("disk.nexus0", of("disk", hostA, 1))
	m.create("disk.nexus1", of("disk", hostB, 1))
	m.said("disk.nexus0", control.Serving)
	m.said("disk.nexus1", control.Serving)
	require.True(t, m.send("disk.nexus0", 0x1e, 0, 0, 0, 1).OK())
	require.Len(t, m.volume("disk").disk.Load().Nexuses(), 3)
	m.remove(a)
	require.Len(t, m.volume("disk").disk.Load().Nexuses(), 2)
	require.True(t, m.send("disk.nexus1", eject...).OK())
}

// A nexus outlives its backstore, and goes on with the next of that name.
func TestANexusWaitsForItsBackstore(t *testing.T) {
	m := newMachine(t)
	disk := m.create("disk", engine)
	m.create("disk.nexus0", of("disk", hostA, 1))
	m.said("disk.nexus0", control.Serving)
	require.True(t, m.send("disk.nexus0").OK())

	m.remove(disk)
	m.until(func() bool { return m.said("disk.nexus0", control.Failed).Error != "" })
	require.Contains(t, m.said("disk.nexus0", control.Failed).Error, "there is no backstore disk")
	require.Equal(t, scsi.LogicalUnitNotReadyManual, m.send("disk.nexus0"))

	m.create("disk", engine)
	m.said("disk.nexus0", control.Serving)
	require.True(t, m.send("disk.nexus0").OK())
}

// Of two backstores of one name neither is guessed at, and a nexus that has joined one stays with it.
func TestANexusOfTwoBackstores(t *testing.T) {
	m := newMachine(t)
	m.create("disk", engine)
	m.create("a", of("disk", hostA, 1))
	m.said("a", control.Serving)
	joined := m.volume("a")
	other := newVolume(m.Daemon, tcmu.UIO{HBA: 77, Name: "disk", Config: "tcmud/null"}, m.cfg.Root.User(77, "disk"), 1, tcmu.Fresh)
	m.Daemon.mu.Lock()
	m.volumes[key{77, "disk"}] = other
	m.Daemon.mu.Unlock()
	other.enter(control.Failed, errors.New("no store"))
	require.Same(t, joined, m.volume("a"))

	m.create("b", of("disk", hostB, 1))
	require.Contains(t, m.said("b", control.Failed).Error, "delete one of them")
	m.ended(other)
	m.said("b", control.Serving)
	require.Same(t, joined, m.volume("a"))
}

// A backstore that nobody uses is attached anew with another configuration, and its nexuses with it.
func TestNexusesFollowABackstoreThatIsAttachedAnew(t *testing.T) {
	m := newMachine(t)
	disk := m.create("disk", engine)
	m.create("disk.nexus0", of("disk", hostA, 1))
	m.said("disk.nexus0", control.Serving)
	event := func(config string) tcmu.Event {
		return tcmu.Event{Kind: tcmu.ConfigChanged, UIO: tcmu.UIO{HBA: disk.HBA, Name: "disk"}, Config: config}
	}
	m.reconfigure(event("tcmud/null"))
	require.Contains(t, m.said("disk.nexus0", control.Failed).Error, "leaves reservations to the kernel")
	require.Equal(t, scsi.LogicalUnitNotReadyManual, m.send("disk.nexus0"))
	m.said("disk", control.Serving)
	for _, name := range []string{"pgr_support", "alua_support"} {
		value, err := disk.Attribute(name)
		require.NoError(t, err)
		require.Equal(t, "1", value, "the kernel keeps reservations again")
	}
	m.reconfigure(event(engine))
	m.said("disk.nexus0", control.Serving)
	require.Equal(t, scsi.Result{}, m.send("disk.nexus0"))
}

// A backstore is in use when LUNs are made of its nexuses' devices.
func TestABackstoreWhoseNexusIsExportedKeepsItsStore(t *testing.T) {
	m := newMachine(t)
	disk := m.create("disk", engine)
	a := m.create("disk.nexus0", of("disk", hostA, 1))
	m.said("disk.nexus0", control.Serving)
	_, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: hostA, LUNs: []lio.StorageObject{a}})
	require.NoError(t, err)
	m.reconfigure(tcmu.Event{Kind: tcmu.ConfigChanged, UIO: tcmu.UIO{HBA: disk.HBA, Name: "disk"}, Config: "tcmud/ramdisk"})
	require.Contains(t, m.said("disk", control.Serving).Error, "keeps its store")
	m.reconfigure(tcmu.Event{Kind: tcmu.ConfigChanged, UIO: tcmu.UIO{HBA: a.HBA, Name: "disk.nexus0"}, Config: of("disk", hostB, 1)})
	require.Contains(t, m.said("disk.nexus0", control.Serving).Error, "stays that of its I_T nexus")
}

// What a nexus cannot be is said, and answered for.
func TestNexusesThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		backstores []string
		config     string
		reason     string
	}{
		"of none":        {nil, of("disk", hostA, 1), "there is no backstore disk: make it, or delete this device"},
		"kept by kernel": {[]string{"tcmud/null"}, of("disk", hostA, 1), "leaves reservations to the kernel: make it with reservations=engine"},
		"failed":         {[]string{"tcmud/fileio;reservations=engine/nowhere/at/all"}, of("disk", hostA, 1), "is not served: see to that first"},
		"malformed":      {nil, "tcmud/nexus;port=0/disk/x", "it wants an initiator, and a port from 1 on"},
		"of nobody":      {[]string{engine}, of("disk", "somebody", 1), "somebody"},
		"of itself":      {nil, of("a", hostA, 1), "there is no backstore a"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for _, config := range test.backstores {
				m.create("disk", config)
			}
			m.create("a", test.config)
			require.Contains(t, m.said("a", control.Failed).Error, test.reason)
			require.Equal(t, scsi.LogicalUnitNotReadyManual, m.send("a"))
		})
	}
}

// The kernel hands over the commands for reservations only when it is told to, and tells of task management functions.
func TestTheKernelLeavesReservationsToTheEngine(t *testing.T) {
	m := newMachine(t)
	disk, a := m.create("disk", engine), m.create("a", of("disk", hostA, 1))
	other := m.create("other", "tcmud/null")
	for _, name := range []string{"disk", "a", "other"} {
		m.said(name, control.Serving)
	}
	attributes := func(so lio.StorageObject) (all [4]string) {
		for i, name := range []string{"pgr_support", "alua_support", "emulate_pr", "tmr_notification"} {
			value, err := so.Attribute(name)
			require.NoError(t, err)
			all[i] = value
		}
		return all
	}
	require.Equal(t, [4]string{"0", "0", "1", "1"}, attributes(disk))
	require.Equal(t, [4]string{"0", "0", "1", "1"}, attributes(a))
	require.Equal(t, [4]string{"1", "1", "1", "1"}, attributes(other))
}

// Reservations that the kernel keeps for some are worth nothing: nothing is served.
func TestAKernelThatKeepsReservationsIsRefused(t *testing.T) {
	v := served(t, "tcmud/null")
	for _, name := range []string{"alua_support", "emulate_pr"} {
		attribute(t, v, "attrib/"+name, "1")
	}
	require.ErrorContains(t, v.keepReservations(), "this kernel cannot leave reservations to the disk")
	require.NoError(t, os.Mkdir(filepath.Join(v.so.Path(), "attrib/pgr_support"), 0o700))
	require.ErrorContains(t, v.keepReservations(), "set attribute pgr_support to 0")
}

// All come to their end whatever is stopped first, and the next daemon goes on.
func TestDrainOfNexuses(t *testing.T) {
	m := newMachine(t)
	for _, disk := range []string{"x", "y"} {
		m.create(disk+".nexus0", of(disk, hostA, 1))
		m.create(disk, engine)
		m.create(disk+".nexus1", of(disk, hostB, 2))
	}
	m.create("z.nexus0", of("z", hostA, 1))
	names := []string{"x", "x.nexus0", "x.nexus1", "y", "y.nexus0", "y.nexus1"}
	for _, name := range names {
		m.said(name, control.Serving)
		require.True(t, m.send(name).OK())
	}
	m.said("z.nexus0", control.Failed)
	volumes := map[string]*volume{}
	for _, name := range append(names, "z.nexus0") {
		volumes[name] = m.volume(name)
	}
	require.NoError(t, m.drain())
	require.Empty(t, m.Devices())
	for name, v := range volumes {
		require.FileExists(t, v.marker(), name)
	}
}

// A nexus whose ring was not left clean keeps the store open: commands may still be in it.
func TestAStoreIsNotClosedUnderANexus(t *testing.T) {
	d := idle(t)
	b, n := device(t, d, "disk"), device(t, d, "disk.nexus0")
	n.nexus = newNexus(of("disk", hostA, 1))
	b.unit = &unit{v: b, members: map[*volume]bool{n: true}}
	n.nexus.unit = b.unit
	waited := make(chan error)
	go func() { waited <- b.dismiss() }()
	n.left = errors.New("4 commands are still with the handler")
	n.leave()
	close(n.ended)
	require.Equal(t, n.left, <-waited)
}

// The ports of a unit are those of its nexuses, each once, in their groups.
func TestPortsOfNexuses(t *testing.T) {
	m := newMachine(t)
	m.create("disk", engine)
	devices := []lio.StorageObject{
		m.create("n0", of("disk", hostA, 1)),
		m.create("n1", lio.Nexus{Of: "disk", Initiator: "iqn.2003-01.org.example:a", Port: 2, Group: 16}.String()),
		m.create("n2", lio.Nexus{Of: "disk", Initiator: "iqn.2003-01.org.example:b", Port: 2, Group: 16}.String()),
	}
	for _, so := range devices {
		m.said(so.Name, control.Serving)
	}
	ports := m.volume("disk").nexusPorts
	require.Equal(t, []spc.Port{{Relative: 1, Protocol: 6}}, ports()[0].Ports, "no LUN is made of them")
	loopback, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: hostA, LUNs: devices[:1]})
	require.NoError(t, err)
	_, err = m.cfg.Root.Export(lio.Export{Fabric: "iscsi", WWN: "iqn.2003-01.org.example:t", LUNs: devices[1:]})
	require.NoError(t, err)
	for _, so := range devices {
		m.volume(so.Name).findLUN()
	}
	got := ports()
	require.Len(t, got, 2)
	require.EqualValues(t, 0, got[0].ID)
	require.Equal(t, sasPort(1, hostA), got[0].Ports[0])
	require.EqualValues(t, 16, got[1].ID)
	require.Len(t, got[1].Ports, 1)
	require.EqualValues(t, 2, got[1].Ports[0].Relative)
	require.Equal(t, "iqn.2003-01.org.example:t,t,0x0001", got[1].Ports[0].Name)
	require.EqualValues(t, 5, got[1].Ports[0].Protocol)

	require.NoError(t, loopback.Delete())
	m.remove(devices[0])
	require.Len(t, ports(), 1)
}

// A LUN that is being made cannot be looked at, and asks who it is meanwhile: commands do not wait for what is not known.
func TestPortsHaveNamesOnceTheyAreKnown(t *testing.T) {
	m := newMachine(t)
	m.create("disk", engine)
	so := m.create("n0", of("disk", hostA, 1))
	m.said("n0", control.Serving)
	_, err := m.cfg.Root.Export(lio.Export{Fabric: "loopback", WWN: hostA, LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	ports := m.volume("disk").nexusPorts
	m.until(func() bool { return ports()[0].Ports[0] == sasPort(1, hostA) })
}

// A logical unit reset by one nexus reaches the others: their initiators hear of it.
func TestAResetReachesTheSiblings(t *testing.T) {
	m, _ := cluster(t)
	require.True(t, m.send("disk.nexus1", 0x1e, 0, 0, 0, 1).OK()) // prevents
	require.True(t, m.ring("disk.nexus0").TMR(byte(tcmu.LogicalUnitReset)))
	m.until(func() bool { return len(m.volume("disk.nexus1").nexus.joined.Load().Pending()) > 0 })
	require.Equal(t, scsi.Check(scsi.UnitAttention, scsi.BusDeviceReset), m.send("disk.nexus1"))
	require.True(t, m.send("disk.nexus0", eject...).OK(), "whom the kernel tells, and nobody prevents it")
}

// What a reset has aborted need not be done where the initiator knows of it: with iSCSI.
func TestWhoKnowsOfHisResets(t *testing.T) {
	m := newMachine(t)
	attach := m.open
	withdraws := make(chan bool, 1)
	m.open = func(ctx context.Context, u tcmu.UIO, h scsi.Handler, o tcmu.Options) (*tcmu.Device, error) {
		withdraws <- o.WithdrawOnReset
		return attach(ctx, u, h, o)
	}
	m.create("disk", engine)
	require.False(t, <-withdraws, "nobody knows who asks")
	m.create("n0", of("disk", hostA, 1))
	require.False(t, <-withdraws)
	m.create("n1", of("disk", "iqn.2003-01.org.example:a", 2))
	require.True(t, <-withdraws)
}

// What a unit remembers is there before the first command of any nexus; what of it is damaged makes it write protected, for
// all of them.
func TestAllNexusesFindTheUnitAsItWas(t *testing.T) {
	m, _ := cluster(t)
	require.True(t, m.send("disk.nexus0", eject...).OK())
	m.restart(func() {})
	m.said("disk.nexus1", control.Serving)
	require.Equal(t, scsi.MediumNotPresent, m.send("disk.nexus1"))

	files, err := filepath.Glob(filepath.Join(m.cfg.Data, "units", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	m.restart(func() { require.NoError(t, os.WriteFile(files[0], []byte("?"), 0o600)) })
	m.said("disk.nexus0", control.Serving)
	m.said("disk.nexus1", control.Serving)
	write := []byte{0x0a, 0, 0, 0, 1, 0}
	require.Equal(t, scsi.WriteProtected, m.send("disk.nexus0", write...))
	require.Equal(t, scsi.WriteProtected, m.send("disk.nexus1", write...))
	require.Contains(t, m.said("disk", control.Serving).Error, "the disk is write protected")
}
