//go:build guest

package guest

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// identity is by what this machine knows a disk, in the kernel and in tools.
type identity struct {
	vendor, product, revision string // INQUIRY, as the kernel keeps it
	serial, wwid              string // VPD pages 80h and 83h
}

func identify(t *testing.T, d disk) identity {
	t.Helper()
	return identity{
		d.sys(t, "device/vendor"), d.sys(t, "device/model"), d.sys(t, "device/rev"),
		strings.TrimPrefix(strings.TrimSpace(lastLine(must(t, "sg_vpd", "--page=sn", d.node))), "Unit serial number: "),
		d.sys(t, "device/wwid"),
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// naaOf is the NAA designator that LIO makes of a unit serial number: its
// hexadecimal digits behind LIO's company id, 25 of them.
func naaOf(serial string) string {
	digits := strings.ReplaceAll(serial, "-", "") + strings.Repeat("0", 25)
	return "naa.6001405" + digits[:25]
}

func TestDiskIsWhoLIOSaysItIs(t *testing.T) {
	startDaemon(t)
	d := newRamdisk(t, "10M")
	id := identify(t, d)
	require.Equal(t, identity{"LIO-ORG", "rd0", "1.0", d.object.Properties.Serial, naaOf(id.serial)}, id)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id.serial)
	require.Contains(t, must(t, "sg_vpd", "--page=di", d.node), "0x"+strings.TrimPrefix(id.wwid, "naa."))
}

func TestDiskIsWhoItIsToldToBe(t *testing.T) {
	startDaemon(t)
	d := newFile(t, "10M", "vendor=ACME", "product=Anvil 16 tons", "revision=3.14",
		"wwn=11112222-3333-4444-5555-666677778888")
	require.Equal(t, identity{"ACME", "Anvil 16 tons", "3.14",
		"11112222-3333-4444-5555-666677778888", "naa.60014051111222233334444555566667"}, identify(t, d))
}

// A restart of tcmud changes no disk's identity, whoever gave it.
func TestIdentityOutlivesTheDaemon(t *testing.T) {
	daemon := startDaemon(t)
	given := newRamdisk(t, "10M")
	derived := attach(t, scripted(t, script{name: "nameless", config: "tcmud/ramdisk"}))
	before := []identity{identify(t, given), identify(t, derived)}
	pages := []string{vpd83(t, given), vpd83(t, derived)}

	daemon.terminate()
	daemon.start()

	require.Equal(t, before, []identity{identify(t, given), identify(t, derived)})
	require.Equal(t, pages, []string{vpd83(t, given), vpd83(t, derived)})
	require.NotEqual(t, before[0].wwid, before[1].wwid)
}

// vpd83 asks the disk, where sysfs shows what the kernel has kept.
func vpd83(t *testing.T, d disk) string {
	t.Helper()
	return hex.EncodeToString([]byte(must(t, "sg_vpd", "--page=di", "--raw", d.node)))
}
