package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

// unitOf is a volume's disk, removable and 1 MiB, as open makes it.
func unitOf(t *testing.T, d *Daemon, name, serial string) *unit {
	t.Helper()
	v := device(t, d, name)
	require.NoError(t, os.WriteFile(filepath.Join(v.so.Path(), "wwn", "vpd_unit_serial"), []byte("T10 VPD Unit Serial Number: "+serial+"\n"), 0o600))
	disk, err := sbc.New(sbc.Config{Store: backend.NewNull(1 << 20), Identity: v.identity, Removable: true, State: &v.remembers})
	require.NoError(t, err)
	v.disk.Store(disk)
	t.Cleanup(v.suspend)
	return &unit{Disk: disk, v: v}
}

// remembering is idle with a directory of what outlives a reboot.
func remembering(t *testing.T) *Daemon {
	d := idle(t)
	d.cfg.Data = filepath.Join(t.TempDir(), "lib")
	return d
}

var (
	eject = []byte{0x1b, 0, 0, 0, 0x02, 0}
	ready = make([]byte, 6)
)

func (u *unit) send(cdb []byte) scsi.Result { return u.Do(&scsi.Command{CDB: cdb}) }

// A disk made anew of the same store under the same serial number is what it was, and no other is.
func TestAUnitRemembers(t *testing.T) {
	d := remembering(t)
	u := unitOf(t, d, "rd0", "1234")
	require.True(t, u.send(eject).OK())
	d.ended(u.v)

	u = unitOf(t, d, "rd0", "1234")
	require.Equal(t, scsi.MediumNotPresent, u.send(ready), "without a Restore of its own")
	require.Empty(t, u.v.describe().Error)
	d.ended(u.v)

	require.True(t, unitOf(t, d, "rd0", "5678").send(ready).OK(), "another serial number")
	u = unitOf(t, d, "rd0", "1234")
	u.v.uio.Config = "tcmud/fileio/srv/other.img"
	require.True(t, u.send(ready).OK(), "another store")
}

// The serial number counts that the unit has when the first command comes: rtslib writes it late.
func TestASerialNumberWrittenLateCounts(t *testing.T) {
	d := remembering(t)
	u := unitOf(t, d, "rd0", "")
	require.NoError(t, os.WriteFile(filepath.Join(u.v.so.Path(), "wwn", "vpd_unit_serial"), []byte("T10 VPD Unit Serial Number: late\n"), 0o600))
	require.True(t, u.send(eject).OK())
	entries, err := os.ReadDir(filepath.Join(d.cfg.Data, "units"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, strings.HasPrefix(entries[0].Name(), "late."), entries[0].Name())
}

func TestTwoUnitsDoNotShareAMemory(t *testing.T) {
	d := remembering(t)
	a, b := unitOf(t, d, "rd0", "1234"), unitOf(t, d, "rd1", "1234")
	require.True(t, a.send(ready).OK())
	require.True(t, b.send(ready).OK())
	require.False(t, a.Is(scsi.WriteProtect))
	require.True(t, b.Is(scsi.WriteProtect))
	require.Contains(t, b.v.describe().Error, "write protected")
	require.Contains(t, b.v.describe().Error, "has the same serial number and the same store")
	require.Equal(t, scsi.InternalTargetFailure, b.send(eject))

	d.ended(a.v)
	require.True(t, unitOf(t, d, "rd2", "1234").send(eject).OK())
}

func TestADamagedMemoryIsToldOf(t *testing.T) {
	d := remembering(t)
	u := unitOf(t, d, "rd0", "1234")
	path := d.unitFile("1234", "tcmud/ramdisk")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("?"), 0o600))
	require.True(t, u.send(ready).OK())
	require.True(t, u.Is(scsi.WriteProtect))
	require.Contains(t, u.v.describe().Error, path)
}

func TestUnitFilesHaveNamesThatFilesCanHave(t *testing.T) {
	d := remembering(t)
	path := d.unitFile("../a b\n"+strings.Repeat("x", 300), "tcmud/fileio/srv/disk.img")
	require.Equal(t, filepath.Join(d.cfg.Data, "units"), filepath.Dir(path))
	require.Less(t, len(filepath.Base(path)), 100)
	require.NotEqual(t, path, d.unitFile("../a_b\n"+strings.Repeat("x", 300), "tcmud/fileio/srv/disk.img"))
	require.Equal(t, d.unitFile("1", "tcmud/fileio/srv/disk.img"), d.unitFile("1", "tcmud/fileio;write_protect=1/srv/disk.img"),
		"options do not tell units apart")
}

// Of the notices of task management functions a disk minds the reset.
func TestALogicalUnitResetAllowsRemoval(t *testing.T) {
	u := unitOf(t, remembering(t), "rd0", "1234")
	require.True(t, u.send([]byte{0x1e, 0, 0, 0, 1, 0}).OK())
	u.manage(tcmu.TMR{Function: tcmu.AbortTask}, nil)
	require.Equal(t, scsi.MediumRemovalPrevented, u.send(eject))
	u.manage(tcmu.TMR{Function: tcmu.LogicalUnitReset}, nil)
	require.True(t, u.send(eject).OK())
}

// Once restored, a command costs a look more.
func TestRestoredUnitDoesNotAllocate(t *testing.T) {
	u := unitOf(t, remembering(t), "rd0", "1234")
	c := &scsi.Command{CDB: []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Data: scsi.Buffer{bytes.Repeat([]byte{1}, 512)}}
	require.True(t, u.Do(c).OK())
	require.Zero(t, testing.AllocsPerRun(100, func() { u.Do(c) }))
}
