package daemon

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
)

// idle is a daemon over a host whose root directory is empty but for what device makes.
func idle(t *testing.T) *Daemon {
	dir := t.TempDir()
	d := New(Config{
		Root: lio.Root{Dir: dir}, Log: slog.New(slog.DiscardHandler), Version: "test",
		Memory: filepath.Join(dir, "shm"), State: filepath.Join(dir, "state"),
	})
	require.NoError(t, os.MkdirAll(d.cfg.Memory, 0o700))
	return d
}

// device makes the configfs directory of user_7/NAME and returns a volume for it.
func device(t *testing.T, d *Daemon, name string) *volume {
	so := d.cfg.Root.User(7, name)
	require.NoError(t, os.MkdirAll(filepath.Join(so.Path(), "wwn"), 0o700))
	incarnation, err := so.Incarnation()
	require.NoError(t, err)
	return newVolume(d, tcmu.UIO{HBA: 7, Name: name, Config: "tcmud/ramdisk", Path: "/dev/uio3"}, so, incarnation, tcmu.Mark{})
}

func TestWhatNobodyHasSetIsAsLIOWouldHaveIt(t *testing.T) {
	so := idle(t).cfg.Root.User(7, "rd0")
	require.Equal(t, spc.Identity{Vendor: "LIO-ORG", Product: "rd0", Revision: "1.0", Serial: derivedSerial(machineID(), so)},
		withDefaults(lio.Identity{Vendor: "LIO-ORG"}, so))
	given := lio.Identity{Vendor: "ACME", Product: "Anvil", Revision: "9", Serial: "1234"}
	require.Equal(t, spc.Identity(given), withDefaults(given, so))
}

// Multipath merges disks of one serial number; the tests' numbers say that it changes with each thing that tells disks
// apart, and the literal that it never changes between versions.
func TestDerivedSerialIsStableAndDistinct(t *testing.T) {
	root := lio.Root{Dir: "/nowhere"}
	serial := derivedSerial("machine", root.User(7, "rd0"))
	require.Equal(t, "1bddbc48-1e10-8b45-a1e5-b93f23735c57", serial)
	require.NotEqual(t, serial, derivedSerial("other machine", root.User(7, "rd0")))
	require.NotEqual(t, serial, derivedSerial("machine", root.User(8, "rd0")))
	require.NotEqual(t, serial, derivedSerial("machine", root.User(7, "rd1")))
}

func TestIdentityOfADeviceOnItsWayOutIsTheLastOne(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	v.lastIdentity.Store(&spc.Identity{Product: "last"})
	require.NoError(t, os.RemoveAll(v.so.Path()))
	require.Equal(t, "last", v.identity().Product)
}

func TestMarkerCountsOnceAndForOneLifeOfTheDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "user_7.rd0.12")
	_, ok := takeMarker(path, 12)
	require.False(t, ok, "there is none")

	require.NoError(t, marker{Incarnation: 12, Tail: 4096}.write(path))
	m, ok := takeMarker(path, 12)
	require.True(t, ok)
	require.EqualValues(t, 4096, m.Tail)
	_, ok = takeMarker(path, 12)
	require.False(t, ok, "taken twice")

	require.NoError(t, marker{Incarnation: 12}.write(path))
	_, ok = takeMarker(path, 13)
	require.False(t, ok, "of an earlier device")

	require.NoError(t, os.WriteFile(path, []byte("{torn"), 0o600))
	_, ok = takeMarker(path, 12)
	require.False(t, ok, "damaged")
}

// A command that the kernel has given up may be a write: carried out late, it would overwrite what its initiator wrote
// when it had the error.
func TestMarkerIsNotCurrentOnceCommandsMayHaveExpired(t *testing.T) {
	m := marker{Left: time.Hour}
	require.True(t, m.current(time.Hour+14*time.Second, 30*time.Second))
	require.False(t, m.current(time.Hour+15*time.Second, 30*time.Second))
	require.True(t, m.current(48*time.Hour, 0), "no cmd_time_out")
}

func TestWhereARingBegins(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	attribute := filepath.Join(v.so.Path(), "attrib", "cmd_time_out")
	require.NoError(t, os.MkdirAll(filepath.Dir(attribute), 0o700))
	require.NoError(t, os.WriteFile(attribute, []byte("30\n"), 0o600))
	leave := func(ago time.Duration) {
		require.NoError(t, marker{Incarnation: v.incarnation, Tail: 64, Left: sinceBoot() - ago}.write(v.marker()))
	}

	leave(time.Second)
	require.Equal(t, tcmu.Mark{Clean: true, Tail: 64}, v.beginning())
	leave(time.Minute)
	require.Equal(t, tcmu.Mark{}, v.beginning(), "left too long ago")
	require.Equal(t, tcmu.Mark{}, v.beginning(), "nothing left")
	v.mark = tcmu.Fresh
	require.Equal(t, tcmu.Fresh, v.beginning(), "just created")

	v.mark, v.uio.Config = tcmu.Mark{}, "tcmud/ramdisk;recovery=fail"
	leave(time.Second)
	require.Equal(t, tcmu.Mark{}, v.beginning(), "another path may have been taken meanwhile")
	require.NoError(t, marker{Incarnation: v.incarnation, Tail: 64, Left: sinceBoot(), AtOnce: true}.write(v.marker()))
	require.Equal(t, tcmu.Mark{Clean: true, Tail: 64}, v.beginning(), "there was no time for that")
}

func TestOnlyWhatBelongsToADeletedDeviceIsForgotten(t *testing.T) {
	d := idle(t)
	v := device(t, d, "a.b")
	files := map[string]bool{ // whether it stays
		v.file():                true,
		v.file() + ".journal":   true,
		"user_8.rd0.77.journal": false,
		"user_7.a.b.1":          false, // an earlier life
		"user_8.rd0.77":         false, // deleted
		"user_x.rd0.77":         true,  // not ours
		"user_7.rd0":            true,
		"somebody's notes":      true,
	}
	for name := range files {
		require.NoError(t, os.WriteFile(filepath.Join(d.cfg.Memory, name), nil, 0o600))
	}
	d.forgetOrphans()
	for name, stays := range files {
		if path := filepath.Join(d.cfg.Memory, name); stays {
			require.FileExists(t, path)
		} else {
			require.NoFileExists(t, path)
		}
	}
}

func TestDevicesThatAreNotOursAreLeftAlone(t *testing.T) {
	d := idle(t)
	d.add(tcmu.UIO{HBA: 1, Name: "theirs", Config: "rbd/pool/image"}, tcmu.Mark{})
	d.add(tcmu.UIO{HBA: 1, Name: "prefix", Config: "tcmud"}, tcmu.Mark{})
	d.add(tcmu.UIO{HBA: 1, Name: "gone", Config: "tcmud/ramdisk"}, tcmu.Mark{}) // ours, but no longer there
	require.Empty(t, d.Devices())
}

// A device whose ring cannot be opened (here: no such uio device) is listed with the reason, once, until it goes.
func TestADeviceThatCannotBeServedSaysWhyUntilItGoes(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	d.add(v.uio, tcmu.Mark{})
	d.add(v.uio, tcmu.Mark{}) // found by scanning, too
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	got, err := d.Wait(ctx, 7, "rd0")
	require.NoError(t, err)
	require.Equal(t, control.Failed, got.State)
	require.NotEmpty(t, got.Error)
	require.Equal(t, []control.Device{got}, d.Devices())

	require.NoError(t, os.RemoveAll(v.so.Path()))
	require.Eventually(t, func() bool { return len(d.Devices()) == 0 }, 10*time.Second, 10*time.Millisecond)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := idle(t).Wait(ctx, 0, "nobody")
	require.ErrorIs(t, err, context.Canceled)
}

func TestNoVolumeIsAddedToADaemonThatEnds(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	require.NoError(t, d.drain())
	d.add(v.uio, tcmu.Mark{})
	require.Empty(t, d.Devices())
}

// A device that goes before its disk could be made of it, as while tcmud starts, leaves no more than one that was served.
func TestADeviceThatIsGoneIsForgotten(t *testing.T) {
	d := idle(t)
	v := device(t, d, "rd0")
	require.NoError(t, marker{Incarnation: v.incarnation}.write(v.marker()))
	for _, path := range []string{v.memory(), v.memory() + backend.JournalSuffix} {
		require.NoError(t, os.WriteFile(path, []byte("contents"), 0o600))
	}
	require.NoError(t, os.RemoveAll(v.so.Path()))
	v.run(nil)
	for _, dir := range []string{d.cfg.Memory, d.cfg.State} {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
