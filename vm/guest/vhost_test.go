//go:build guest

package guest

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// copyAhead says what the disk is, and copies its first 10 MiB to the next 10.
const copyAhead = `
cd /sys/block/sda/device
echo "inner: disk" $(cat vendor) $(cat model)
read -r go
dd if=/dev/sda of=/dev/sda bs=1M count=10 seek=10 conv=fsync && echo "inner: copied"
`

// A guest has a backstore of ours as its disk, by vhost, and reads and writes it.
func TestVhostDiskInAGuest(t *testing.T) {
	startDaemon(t)
	host := newRamdisk(t, "32M") // a LUN on this machine too, to look at what the guest does
	must(t, "modprobe", "vhost_scsi")
	target := tcmuctl(t, "/vhost", "create")
	t.Cleanup(func() { must(t, "tcmuctl", "/vhost", "delete", target.Name) })
	must(t, "tcmuctl", target.Path+"/tpg1/luns", "create", host.object.Path)
	file := randomFile(t, 10*mib)
	must(t, "dd", "if="+file, "of="+host.node, "bs=1M", "oflag=direct")

	guest := startInner(t, copyAhead, "-device", "vhost-scsi-pci,wwpn="+target.Name)
	guest.says("up")
	require.Equal(t, "LIO-ORG rd0", guest.says("disk"))

	o := run(t, "tcmuctl", "/vhost", "delete", target.Name)
	require.Equal(t, 1, o.status)
	require.Contains(t, o.stderr, target.Name+"/tpgt_1: device or resource busy: a virtual machine uses it: shut that down")
	guest.tell("go")
	guest.says("copied")
	guest.ends()
	sent, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, host.content(t, 10*mib, 10*mib)), "read and written by the guest, read here")
	require.True(t, bytes.Equal(sent, host.content(t, 10*mib, 0)))
}
