//go:build guest

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

const (
	iqn       = "iqn.2003-01.org.example:disks"
	initiator = "iqn.1993-08.org.debian:01:guest"
	portal    = "127.0.0.1:3260"

	// exit statuses of iscsiadm
	noAccess    = 24 // the target does not believe the initiator
	wrongTarget = 19 // the initiator does not believe the target
)

// tpg is the target portal group of an iSCSI target, and goes with the test.
type tpg struct{ iqn, path string }

// newTPG makes a target of backstores.
func newTPG(t *testing.T, objects ...view) tpg {
	t.Helper()
	must(t, "ip", "link", "set", "lo", "up")
	target := tcmuctl(t, "/iscsi", "create", iqn)
	t.Cleanup(func() { must(t, "tcmuctl", "/iscsi", "delete", iqn) })
	p := tpg{iqn, target.Path + "/tpg1"}
	for _, o := range objects {
		tcmuctl(t, p.path+"/luns", "create", o.Path)
	}
	return p
}

// set changes settings of one of the nodes of the TPG.
func (p tpg) set(t *testing.T, below, group string, changes ...string) {
	t.Helper()
	must(t, "tcmuctl", append([]string{p.path + below, "set", group}, changes...)...)
}

// open lets every initiator in.
func (p tpg) open(t *testing.T) {
	t.Helper()
	p.set(t, "", "attribute", "authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0")
}

// url is a LUN as libiscsi's tools want it; login is "user%password@" or empty.
func (p tpg) url(login string, lun int) string {
	return fmt.Sprintf("iscsi://%s%s/%s/%d", login, portal, p.iqn, lun)
}

// startOpenISCSI makes this machine an initiator.
func startOpenISCSI(t *testing.T) {
	t.Helper()
	must(t, "modprobe", "iscsi_tcp")
	require.NoError(t, os.MkdirAll("/run/lock/iscsi", 0o755))
	write(t, "/etc/iscsi/initiatorname.iscsi", "InitiatorName="+initiator+"\n")
	iscsid := exec.Command("iscsid", "--foreground")
	iscsid.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it ends all of its process group
	require.NoError(t, iscsid.Start())
	t.Cleanup(func() {
		assert.NoError(t, iscsid.Process.Signal(syscall.SIGTERM))
		iscsid.Wait()
		for _, dir := range []string{"nodes", "send_targets"} {
			assert.NoError(t, os.RemoveAll("/etc/iscsi/"+dir))
		}
	})
	eventually(t, "iscsid answers", func() bool {
		return !strings.Contains(run(t, "iscsiadm", "-m", "session").stderr, "can not connect to iSCSI daemon")
	})
}

// node runs iscsiadm on what it knows of the target.
func (p tpg) node(t *testing.T, args ...string) outcome {
	t.Helper()
	return run(t, "iscsiadm", append([]string{"-m", "node", "-T", p.iqn, "-p", portal}, args...)...)
}

// login logs open-iscsi in, with settings "name=value" below node.session.auth, until the test ends.
func (p tpg) login(t *testing.T, settings ...string) outcome {
	t.Helper()
	if p.node(t).status != 0 { // discovery has not told of it
		require.Zero(t, p.node(t, "-o", "new").status)
	}
	if len(settings) > 0 {
		settings = append(settings, "authmethod=CHAP")
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		require.Zero(t, p.node(t, "-o", "update", "-n", "node.session.auth."+name, "-v", value).status, s)
	}
	o := p.node(t, "--login")
	if o.status == 0 {
		t.Cleanup(func() { p.node(t, "--logout") })
	}
	return o
}

func (p tpg) logout(t *testing.T) {
	t.Helper()
	o := p.node(t, "--logout")
	require.Zero(t, o.status, o.stderr)
}

// disk is a LUN to which open-iscsi is logged in.
func (p tpg) disk(t *testing.T, lun int) disk {
	t.Helper()
	link := fmt.Sprintf("/dev/disk/by-path/ip-%s-iscsi-%s-lun-%d", portal, p.iqn, lun)
	eventually(t, link, func() bool {
		_, err := os.Stat(link)
		return err == nil
	})
	must(t, "udevadm", "settle")
	node, err := filepath.EvalSymlinks(link)
	require.NoError(t, err)
	d := disk{node: node}
	generic, err := filepath.Glob("/sys/block/" + filepath.Base(node) + "/device/scsi_generic/*")
	require.NoError(t, err)
	require.Len(t, generic, 1)
	d.generic = "/dev/" + filepath.Base(generic[0])
	return d
}

// What the example of package lio shows: a program of ten lines, and both kinds of initiator find its disk.
func TestTargetOfATenLineProgram(t *testing.T) {
	startDaemon(t)
	must(t, "ip", "link", "set", "lo", "up")
	const size = 100 * mib
	path := filepath.Join(t.TempDir(), "disk0.img")
	_, err := backend.CreateFile(path, size)
	require.NoError(t, err)
	root, err := lio.Open()
	require.NoError(t, err)
	object, err := root.CreateUser(lio.User{Name: "disk0", Config: backend.Config{Kind: "fileio", Path: path}.String(), Size: size})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, object.Delete()) })
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{object}, OpenToAll: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, target.Delete()) })
	p := tpg{target.WWN, "/iscsi/" + target.WWN + "/tpg1"}

	require.Contains(t, must(t, "iscsi-inq", p.url("", 0)), "Product:disk0")
	require.Contains(t, must(t, "iscsi-readcapacity16", p.url("", 0)), "Total size:104857600")
	startOpenISCSI(t)
	require.Contains(t, must(t, "iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", portal), portal+",1 "+target.WWN)
	require.Zero(t, p.login(t).status)
	sent := randomFile(t, mib)
	p.disk(t, 0).copyTo(t, sent, 99*mib)
	p.logout(t)
	must(t, "cmp", "--ignore-initial=0:103809024", sent, path)
}

func TestISCSIInitiatorsSeeTwoLUNs(t *testing.T) {
	startDaemon(t)
	file := filepath.Join(t.TempDir(), "disk0.img")
	p := newTPG(t, create(t, "ramdisk", "rd0", "4M"), create(t, "fileio", "disk0", file, "8M"))
	p.open(t)

	require.Contains(t, must(t, "iscsi-inq", p.url("", 0)), "Vendor:LIO-ORG")
	require.Contains(t, must(t, "iscsi-inq", p.url("", 1)), "Product:disk0")
	require.Contains(t, must(t, "iscsi-readcapacity16", p.url("", 1)), "Total size:8388608")
	var listed string
	eventually(t, "iscsi-ls", func() bool { // it gives up at a unit attention, and new LUNs have one each
		o := run(t, "iscsi-ls", "--show-luns", "iscsi://"+portal)
		listed = o.stdout
		return o.status == 0
	})
	require.Contains(t, listed, "Target:"+iqn+" Portal:"+portal+",1")
	require.Regexp(t, `(?s)Lun:0 +Type:DIRECT_ACCESS.*Lun:1 +Type:DIRECT_ACCESS`, listed)
	must(t, "iscsi-perf", "-t", "1", p.url("", 1))

	startOpenISCSI(t)
	require.Zero(t, p.login(t).status)
	require.Contains(t, must(t, "tcmuctl", "--json", p.path, "info"), initiator, "who is logged in without an ACL")
	sent := []string{randomFile(t, 4*mib), randomFile(t, 8*mib)}
	for lun := range sent {
		p.disk(t, lun).copyTo(t, sent[lun], 0)
	}
	p.logout(t)
	must(t, "cmp", sent[1], file)
	require.Zero(t, p.node(t, "--login").status)
	for lun := range sent {
		must(t, "cmp", sent[lun], p.disk(t, lun).node)
	}
	p.logout(t)
}

// An initiator with an ACL sees what is mapped for it, and writes to none of it that is for reading.
func TestISCSIACLWithAReadOnlyLUN(t *testing.T) {
	startDaemon(t)
	p := newTPG(t, create(t, "ramdisk", "rd0", "1M"), create(t, "ramdisk", "rd1", "2M"))
	refused := run(t, "iscsi-inq", p.url("", 0))
	require.NotZero(t, refused.status)
	require.Contains(t, refused.stdout+refused.stderr, "Authorization failure")

	acl := tcmuctl(t, p.path+"/acls", "create", initiator, "add_mapped_luns=false")
	tcmuctl(t, acl.Path, "create", "0", "lun1", "true")
	tcmuctl(t, acl.Path, "create", "4", "lun0")
	startOpenISCSI(t)
	require.Zero(t, p.login(t).status)
	require.Contains(t, must(t, "tcmuctl", acl.Path, "info"), "logged_in:  true")
	readOnly, writable := p.disk(t, 0), p.disk(t, 4)
	require.Equal(t, "4096", readOnly.sys(t, "size"))
	require.Equal(t, "2048", writable.sys(t, "size"))

	// The kernel refuses writes before they get to us. We answer MODE SENSE, and do not know for whom.
	block := randomFile(t, 512)
	writeBlock := func(d disk) outcome {
		return run(t, "sg_raw", "--send=512", "--infile="+block, d.generic, "2a", "00", "00", "00", "00", "00", "00", "00", "01", "00")
	}
	o := writeBlock(readOnly)
	require.NotZero(t, o.status)
	require.Contains(t, o.stdout+o.stderr, "Sense key: Data Protect")
	require.Equal(t, make([]byte, 512), readOnly.content(t, 512, 0))
	require.Zero(t, writeBlock(writable).status)
	want, err := os.ReadFile(block)
	require.NoError(t, err)
	require.Equal(t, want, writable.content(t, 512, 0))
	p.logout(t)
}

// Both sides prove who they are, as far as they are asked to.
func TestISCSICHAP(t *testing.T) {
	startDaemon(t)
	p := newTPG(t, create(t, "ramdisk", "rd0", "1M"))
	tcmuctl(t, p.path+"/acls", "create", initiator)
	p.set(t, "", "attribute", "authentication=1")
	p.set(t, "/acls/"+initiator, "auth", "userid=alice", "password=open-sesame-1", "mutual_userid=disks", "mutual_password=the-cave-itself")
	startOpenISCSI(t)
	for _, c := range []struct {
		name   string
		auth   []string
		status int
	}{
		{"nothing", nil, noAccess},
		{"right", []string{"username=alice", "password=open-sesame-1"}, 0},
		{"wrong password", []string{"username=alice", "password=open-sesame-2"}, noAccess},
		{"wrong user", []string{"username=bob", "password=open-sesame-1"}, noAccess},
		{"both right", []string{"username=alice", "password=open-sesame-1", "username_in=disks", "password_in=the-cave-itself"}, 0},
		{"target wrong", []string{"username=alice", "password=open-sesame-1", "username_in=disks", "password_in=another-cave"}, wrongTarget},
	} {
		t.Run("open-iscsi/"+c.name, func(t *testing.T) {
			o := p.login(t, c.auth...)
			require.Equal(t, c.status, o.status, o.stdout+o.stderr)
			if c.status == 0 {
				p.logout(t)
			}
			require.Zero(t, p.node(t, "-o", "delete").status)
		})
	}
	for _, c := range []struct {
		name, login string
		in          bool
	}{
		{"right", "alice%open-sesame-1@", true},
		{"wrong password", "alice%open-sesame-2@", false},
		{"nothing", "", false},
	} {
		t.Run("libiscsi/"+c.name, func(t *testing.T) {
			o := run(t, "iscsi-inq", "-i", initiator, p.url(c.login, 0))
			require.Equal(t, c.in, o.status == 0, o.stdout+o.stderr)
			require.Equal(t, c.in, strings.Contains(o.stdout, "Product:rd0"))
		})
	}
}

// Who asks which targets there are can be made to prove who it is, too.
func TestISCSIDiscoveryCHAP(t *testing.T) {
	startDaemon(t)
	newTPG(t)
	discovery := func(args ...string) outcome {
		return run(t, "iscsiadm", append([]string{"-m", "discoverydb", "-t", "sendtargets", "-p", portal}, args...)...)
	}
	must(t, "tcmuctl", "/iscsi", "set", "discovery_auth", "userid=bob", "password=who-is-there", "enable=true")
	t.Cleanup(func() {
		must(t, "tcmuctl", "/iscsi", "set", "discovery_auth", "enable=false", "userid=", "password=")
	})
	require.Contains(t, must(t, "tcmuctl", "ls", "/iscsi", "1"), "[1-way disc auth, Targets: 1]")
	startOpenISCSI(t)
	require.Zero(t, discovery("-o", "new").status)
	require.Equal(t, noAccess, discovery("--discover").status)
	for name, value := range map[string]string{"authmethod": "CHAP", "username": "bob", "password": "who-is-there"} {
		require.Zero(t, discovery("-o", "update", "-n", "discovery.sendtargets.auth."+name, "-v", value).status)
	}
	o := discovery("--discover")
	require.Zero(t, o.status, o.stderr)
	require.Contains(t, o.stdout, portal+",1 "+iqn)
	require.Zero(t, discovery("-o", "update", "-n", "discovery.sendtargets.auth.password", "-v", "somebody-else").status)
	require.Equal(t, noAccess, discovery("--discover").status)
}

// Initiators that wait for a daemon that has died do not keep the administrator from taking the target away.
func TestISCSITargetGoesWithoutADaemon(t *testing.T) {
	daemon := startDaemon(t)
	object := create(t, "ramdisk", "rd0", "1M")
	write(t, fmt.Sprintf("%s/core/user_%d/rd0/attrib/cmd_time_out", configfs, object.Properties.HBA), "240")
	p := newTPG(t, object)
	p.open(t)
	startOpenISCSI(t)
	require.Zero(t, p.login(t).status)
	d := p.disk(t, 0)
	daemon.kill()
	sent := randomFile(t, 4096)
	writer := exec.Command("dd", "if="+sent, "of="+d.node, "bs=4096", "oflag=direct")
	require.NoError(t, writer.Start())
	eventually(t, "the write is in flight", func() bool { return strings.Fields(d.sys(t, "inflight"))[1] == "1" })

	start := time.Now()
	must(t, "tcmuctl", p.path+"/luns", "delete", "0")
	require.Less(t, time.Since(start), 2*time.Minute, "the kernel's time-out is four")
	require.Error(t, writer.Wait(), "there is no such LUN any more")
	p.logout(t)
	daemon.start()
}
