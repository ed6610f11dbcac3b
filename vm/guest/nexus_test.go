//go:build guest

package guest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/scsi/sgio"
)

// path is an I_T nexus of a disk that keeps reservations itself: a loopback target of its own.
type path struct {
	disk
	*scsitest.Host // sends through the kernel; it has the disk to itself until the test ends
}

// newEngineDisk makes a ramdisk, named rd0, that keeps reservations itself, and as many disks of it, each on a target of its
// own.
func newEngineDisk(t *testing.T, nexuses int, args ...string) []disk {
	t.Helper()
	object := create(t, "ramdisk", append([]string{"rd0", "16M", "reservations=engine"}, args...)...)
	must(t, "tcmuctl", object.Path, "set", "attribute", "removable=1")
	var disks []disk
	for range nexuses {
		disks = append(disks, attach(t, object))
	}
	return disks
}

// newPaths opens disks for commands of any kind. The unit attentions that there are at the beginning have been told.
func newPaths(t *testing.T, disks []disk) []path {
	t.Helper()
	var paths []path
	for _, d := range disks {
		device, err := sgio.OpenNode(d.generic)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, device.Close()) })
		p := path{d, scsitest.On(t, device, nil)}
		p.settle()
		paths = append(paths, p)
	}
	return paths
}

// settle takes note of all unit attentions.
func (p path) settle() {
	for p.Send("00 00 00 00 00 00").Key == scsi.UnitAttention {
	}
}

// prout is PERSISTENT RESERVE OUT with the parameter list that all service actions but REGISTER AND MOVE have.
func (p path) prout(action, kind int, key, actionKey uint64, flags byte) *scsitest.Answer {
	list := scsitest.Hex(fmt.Sprintf("%016x %016x 00000000 %02x 00 0000", key, actionKey, flags))
	return p.Send(fmt.Sprintf("5f %02x %02x 0000 00000018 00", action, kind), list)
}

// Service actions of PERSISTENT RESERVE OUT, and flags of its parameter list.
const (
	register, reserve, release, clearAll, preempt, preemptAndAbort, registerAndIgnore = 0, 1, 2, 3, 4, 5, 6

	aptpl = 0x01
)

// Types of reservation.
const (
	writeExclusive, exclusiveAccess                     = 1, 3
	writeExclusiveRegistrants, exclusiveRegistrantsOnly = 5, 6
	writeExclusiveAll, exclusiveAll                     = 7, 8
)

const (
	readBlock  = "28 00 00000000 00 0001 00"
	writeBlock = "2a 00 00000000 00 0001 00"
)

// keys are what READ KEYS has, without the generation.
func (p path) keys() string {
	return fmt.Sprintf("%x", p.Fetch("5e 00 00000000 00 0200 00", 512).Data()[8:])
}

// reservation is what READ RESERVATION has: empty, or key and type.
func (p path) reservation() string {
	d := p.Fetch("5e 01 00000000 00 0200 00", 512).Data()
	if len(d) == 8 {
		return ""
	}
	return fmt.Sprintf("%x %d", d[8:16], d[21])
}

// A saved configuration brings nexuses back as they were, and what was registered with APTPL is theirs.
func TestNexusesAreRestored(t *testing.T) {
	startDaemon(t)
	before := remembered(t)
	file := t.TempDir() + "/saved.json"
	tcmuctl(t, "/backstores/ramdisk", "create", "rd0", "16M", "reservations=engine")
	target := tcmuctl(t, "/loopback", "create")
	lun := func(object string) string {
		return tcmuctl(t, target.Path+"/luns", "create", object).Properties.Generic
	}
	generic := lun("/backstores/ramdisk/rd0")
	p := newTPG(t)
	acl := tcmuctl(t, p.path+"/acls", "create", initiator)
	tcmuctl(t, p.path+"/luns", "create", "/backstores/ramdisk/rd0")
	require.Contains(t, must(t, "tcmuctl", "ls", acl.Path), "mapped_lun0")
	eventually(t, "the disk is ready", func() bool { return ready(t, disk{generic: generic}) })
	must(t, "sg_persist", "--no-inquiry", "--out", "--register", "--param-sark=0xa", "--param-aptpl", generic)

	tree := must(t, "tcmuctl", "ls")
	must(t, "tcmuctl", "saveconfig", file)
	must(t, "tcmuctl", "clearconfig", "confirm=true")
	must(t, "tcmuctl", "restoreconfig", file)
	require.Equal(t, tree, must(t, "tcmuctl", "ls"))
	require.Contains(t, must(t, "tcmuctl", "/backstores/ramdisk/rd0", "reservations"), "0x000000000000000a")

	must(t, "tcmuctl", "/loopback", "delete", target.Name)
	must(t, "tcmuctl", "/iscsi", "delete", iqn)
	must(t, "tcmuctl", "/backstores/ramdisk", "delete", "rd0")
	must(t, "tcmuctl", "/iscsi", "create", iqn) // which goes with the test
	require.NotEqual(t, before, remembered(t), "what outlives a loss of power outlives the disk")
}
