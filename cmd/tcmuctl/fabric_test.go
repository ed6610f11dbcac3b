package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

const (
	iqn       = "iqn.2003-01.org.example:disks"
	initiator = "iqn.1993-08.org.debian:01:host"
	tpg1      = "/iscsi/" + iqn + "/tpg1"
	acl       = tpg1 + "/acls/" + initiator
)

// newISCSI returns a host with a daemon, two backstores and an iSCSI target.
func newISCSI(t *testing.T) *host {
	h := newHost(t)
	h.start(servesAll)
	h.ramdisk("rd0")
	h.ramdisk("rd1")
	h.says("Created target "+iqn+`.
Created TPG 1.
Global pref auto_add_default_portal=true
Created default portal listening on all IPs (0.0.0.0), port 3260.`, "/iscsi", "create", iqn)
	return h
}

// ramdisk makes one of 1 MiB.
func (h *host) ramdisk(name string) {
	h.t.Helper()
	_, stderr, status := h.enter("/backstores/ramdisk", "create", name, "1M")
	require.Zero(h.t, status, stderr)
}

// shows checks what ls shows of a part of the tree, dots aside.
func (h *host) shows(want string, path ...string) {
	h.t.Helper()
	stdout, stderr, status := h.enter(append([]string{"ls"}, path...)...)
	require.Zero(h.t, status, stderr)
	require.Equal(h.t, strings.TrimPrefix(want, "\n"), dots(stdout))
}

// summary is what the brackets of a node say.
func (h *host) summary(path string) string {
	h.t.Helper()
	var v view
	h.json(&v, "ls", path, "1")
	return v.Summary
}

func TestFabricsAreThoseOfLIO(t *testing.T) {
	var names []string
	for _, k := range fabricKinds {
		names = append(names, k.name)
	}
	require.Equal(t, lio.FabricNames(), names)
}

func TestISCSIFromCreationToDeletion(t *testing.T) {
	h := newISCSI(t)
	h.shows(`
o- iscsi .... [Targets: 1]
  o- iqn.2003-01.org.example:disks .... [TPGs: 1]
    o- tpg1 .... [no-gen-acls, no-auth]
      o- acls .... [ACLs: 0]
      o- luns .... [LUNs: 0]
      o- portals .... [Portals: 1]
        o- 0.0.0.0:3260 .... [OK]
`, "/iscsi")

	h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Created Node ACL for "+initiator+"\nCreated mapped LUN 0.", tpg1+"/acls", "create", initiator)
	h.says("Created LUN 1.\nCreated LUN 1->1 mapping in node ACL "+initiator, tpg1+"/luns", "create", "/backstores/ramdisk/rd1")
	h.shows(`
o- tpg1 .... [no-gen-acls, no-auth]
  o- acls .... [ACLs: 1]
  | o- iqn.1993-08.org.debian:01:host .... [Mapped LUNs: 2]
  |   o- mapped_lun0 .... [lun0 ramdisk/rd0 (rw)]
  |   o- mapped_lun1 .... [lun1 ramdisk/rd1 (rw)]
  o- luns .... [LUNs: 2]
  | o- lun0 .... [ramdisk/rd0 (default_tg_pt_gp)]
  | o- lun1 .... [ramdisk/rd1 (default_tg_pt_gp)]
  o- portals .... [Portals: 1]
    o- 0.0.0.0:3260 .... [OK]
`, tpg1)

	h.says("Deleted LUN 0.", tpg1+"/luns", "delete", "lun0")
	h.shows(`
o- iqn.1993-08.org.debian:01:host .... [Mapped LUNs: 1]
  o- mapped_lun1 .... [lun1 ramdisk/rd1 (rw)]
`, acl)
	h.says("Deleted Target "+iqn+".", "/iscsi", "delete", iqn)
	h.shows("o- iscsi .... [Targets: 0]\n", "/iscsi")
	h.says("Deleted storage object rd1.", "/backstores/ramdisk", "delete", "rd1")
}

func TestVhostFromCreationToDeletion(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.ramdisk("rd0")
	h.says("Created target "+target+".\nCreated TPG 1.", "/vhost", "create", target)
	h.says("Created LUN 0.", "/vhost/"+target+"/tpg1/luns", "create", "/backstores/ramdisk/rd0")
	var tpg view
	h.json(&tpg, "/vhost/"+target+"/tpg1", "ls")
	require.Regexp(t, `^naa\.5001405[0-9a-f]{9}$`, tpg.Properties["nexus"])
	h.shows(`
o- vhost .... [Targets: 1]
  o- naa.5001405c81b9d906 .... [TPGs: 1]
    o- tpg1 .... [`+tpg.Summary+`]
      o- luns .... [LUNs: 1]
        o- lun0 .... [ramdisk/rd0 (default_tg_pt_gp)]
`, "/vhost")
	h.refuses([]string{"rd0 is in use by vhost/" + target + "/tpgt_1/lun/lun_0"}, "/backstores/ramdisk", "delete", "rd0")
	h.says("Deleted Target "+target+".", "/vhost", "delete", target)
	h.says("Deleted storage object rd0.", "/backstores/ramdisk", "delete", "rd0")
}

func TestRandomNames(t *testing.T) {
	h := newHost(t)
	for fabric, want := range map[string]string{
		"iscsi": `^iqn\.2003-01\.org\.linux-iscsi\..+\.x8664:sn\.[0-9a-f]{12}$`, "vhost": `^naa\.5001405[0-9a-f]{9}$`,
	} {
		var made view
		h.json(&made, "/"+fabric, "create")
		require.Regexp(t, want, made.Name)
		require.Equal(t, "/"+fabric+"/"+made.Name, made.Path)
		require.Equal(t, "TPGs: 1", made.Summary)
	}
}

func TestTPGs(t *testing.T) {
	h := newISCSI(t)
	top := "/iscsi/" + iqn
	h.says("Created TPG 2.\nDefault portal not created, TPGs within a target cannot share ip:port.", top, "create")
	h.says("Created TPG 7.\nDefault portal not created, TPGs within a target cannot share ip:port.", top, "create", "tpg7")
	h.says("The TPGT is already enabled.", top+"/tpg7", "enable")
	h.says("The TPGT has been disabled.", top+"/tpg7", "disable")
	h.says("The TPGT is already disabled.", top+"/tpg7", "disable")
	h.shows(`
o- iqn.2003-01.org.example:disks .... [TPGs: 3]
  o- tpg1 .... [no-gen-acls, no-auth]
  o- tpg2 .... [no-gen-acls, no-auth]
  o- tpg7 .... [disabled]
`, top, "1")
	h.says("The TPGT has been enabled.", top+"/tpg7", "enable")
	h.says("Deleted TPGT 7.", top, "delete", "7")
	h.says("Created TPG 3.\nDefault portal not created, TPGs within a target cannot share ip:port.", top, "create")
	h.refuses([]string{top + "/tpg2 exists", "another tag"}, top, "create", "2")
	h.refuses([]string{"no TPG 9 in " + top}, top, "delete", "tpg9")
	h.refuses([]string{"from 1 to 65535"}, top, "create", "0")
	h.refuses([]string{"from 1 to 65535"}, top, "create", "65536")
	h.refuses([]string{`"x" is no number`}, top, "create", "tpgx")
}

// TestNewTPGServesInitiators: what the words say of a new TPG is so in the kernel.
func TestNewTPGServesInitiators(t *testing.T) {
	h := newISCSI(t)
	tpg := h.tpg(t)
	enabled, err := tpg.Enabled()
	require.NoError(t, err)
	require.True(t, enabled)
	authentication, err := tpg.Attribute("authentication")
	require.NoError(t, err)
	require.Equal(t, "0", authentication)
	require.True(t, tpg.Portal(lio.DefaultPortal).Exists())
}

// tpg is the TPG of newISCSI's target.
func (h *host) tpg(t *testing.T) lio.TPG {
	t.Helper()
	fabric, err := h.kernel.Root().Fabric("iscsi")
	require.NoError(t, err)
	made, err := fabric.Target(iqn)
	require.NoError(t, err)
	tpgs, err := made.TPGs()
	require.NoError(t, err)
	return tpgs[0]
}

func TestTPGStatus(t *testing.T) {
	h := newISCSI(t)
	for _, tt := range []struct {
		set  string
		want string
	}{
		{"generate_node_acls=1", "gen-acls, no-auth"},
		{"authentication=1", "gen-acls, tpg-auth, 1-way auth"},
		{"generate_node_acls=0", "no-gen-acls, auth per-acl"},
	} {
		name, value, _ := strings.Cut(tt.set, "=")
		h.says("Parameter "+name+" is now '"+value+"'.", tpg1, "set", "attribute", tt.set)
		require.Equal(t, tt.want, h.summary(tpg1))
	}
}

func TestKernelThatFailsHalfWayThroughAFabric(t *testing.T) {
	luns := []string{tpg1 + "/luns", "create", "/backstores/ramdisk/rd1"}
	acls := []string{tpg1 + "/acls", "create", "iqn.1993-08.org.debian:01:other"}
	below := "iscsi/" + iqn + "/tpgt_1/"
	for _, tt := range []struct {
		op, path string // the change that fails
		line     []string
	}{
		{"mkdir", "iscsi/iqn.2003-01.org.example:b/tpgt_1", []string{"/iscsi", "create", "iqn.2003-01.org.example:b"}},
		{"write", "iscsi/iqn.2003-01.org.example:b/tpgt_1/attrib/authentication", []string{"/iscsi", "create", "iqn.2003-01.org.example:b"}},
		{"write", "iscsi/iqn.2003-01.org.example:b/tpgt_1/enable", []string{"/iscsi", "create", "iqn.2003-01.org.example:b"}},
		{"mkdir", "iscsi/iqn.2003-01.org.example:b/tpgt_1/np/0.0.0.0:3260", []string{"/iscsi", "create", "iqn.2003-01.org.example:b"}},
		{"write", "iscsi/" + iqn + "/tpgt_2/enable", []string{"/iscsi/" + iqn, "create"}},
		{"write", "vhost/" + target + "/tpgt_1/nexus", []string{"/vhost", "create", target}},
		{"symlink", below + "lun/lun_1/", luns},
		{"mkdir", below + "acls/" + initiator + "/lun_1", luns},
		{"symlink", below + "acls/" + initiator + "/lun_1/", luns},
		{"mkdir", below + "acls/iqn.1993-08.org.debian:01:other/lun_0", acls},
		{"symlink", below + "acls/" + initiator + "/lun_5/", []string{acl, "create", "5", "/backstores/ramdisk/rd1"}},
		{"write", below + "acls/" + initiator + "/lun_5/write_protect", []string{acl, "create", "5", "lun0", "true"}},
		{"mkdir", below + "np/[::]:3261", []string{tpg1 + "/portals", "create", "::0", "3261"}},
	} {
		t.Run(tt.op+" "+tt.path, func(t *testing.T) {
			h := newISCSI(t)
			h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
			h.says("Created Node ACL for "+initiator+"\nCreated mapped LUN 0.", tpg1+"/acls", "create", initiator)
			failed := false
			h.kernel.Fail = func(op, path string) error {
				if failed || op != tt.op || path != tt.path && !(op == "symlink" && strings.HasPrefix(path, tt.path)) {
					return nil
				}
				failed = true
				return syscall.ENOMEM
			}
			h.refuses([]string{strings.TrimSuffix(tt.path, "/"), "cannot allocate memory"}, tt.line...)
			require.True(t, failed)
		})
	}
}

func TestBadInputToFabrics(t *testing.T) {
	h := newISCSI(t)
	h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Created Node ACL for "+initiator+"\nCreated mapped LUN 0.", tpg1+"/acls", "create", initiator)
	for _, tt := range []struct {
		name string
		line []string
		want []string
	}{
		{"no iSCSI name", []string{"/iscsi", "create", "disk_0"}, []string{`"disk_0" is no iSCSI name`, "iqn."}},
		{"an iSCSI name for vhost", []string{"/vhost", "create", iqn}, []string{"is no NAA name"}},
		{"target in use", []string{"/iscsi", "create", iqn}, []string{iqn + " exists"}},
		{"no target", []string{"/iscsi", "delete", "iqn.2003-01.org.example:none"}, []string{"no target iqn.2003-01.org.example:none in /iscsi", `"tcmuctl ls /iscsi"`}},
		{"backstore in use", []string{"/backstores/ramdisk", "delete", "rd0"}, []string{"in use by iscsi/" + iqn}},
		{"no initiator", []string{tpg1 + "/acls", "create", "host"}, []string{`"host" is no iSCSI name`}},
		{"initiator twice", []string{tpg1 + "/acls", "create", initiator}, []string{"ACL of " + initiator + " exists"}},
		{"unknown initiator", []string{tpg1 + "/acls", "delete", "iqn.x"}, []string{"no node ACL of iqn.x in " + tpg1 + "/acls"}},
		{"mapped number in use", []string{acl, "create", "0", "lun0"}, []string{acl + "/mapped_lun0 exists", "another number"}},
		{"mapping no LUN", []string{acl, "create", "1", "lun9"}, []string{"no LUN 9 in " + tpg1 + "/luns"}},
		{"mapping no backstore", []string{acl, "create", "1", "/backstores/ramdisk/none"}, []string{"no such path: /backstores/ramdisk/none"}},
		{"mapping a node that is none", []string{acl, "create", "1", "/iscsi"}, []string{"/iscsi is no storage object"}},
		{"no mapped LUN", []string{acl, "delete", "4"}, []string{"no mapped LUN 4 in " + acl}},
		{"no LUN", []string{tpg1 + "/luns", "delete", "4"}, []string{"no LUN 4 in " + tpg1 + "/luns"}},
		{"backstore twice", []string{tpg1 + "/luns", "create", "/backstores/ramdisk/rd0", "3"}, []string{"rd0", "lun_0"}},
		{"enable is not for vhost", []string{"/vhost", "enable"}, []string{`/vhost: no command "enable"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			h.refuses(tt.want, tt.line...)
		})
	}
}

func TestFabricsWithoutADaemon(t *testing.T) {
	h := newHost(t)
	_, err := h.kernel.Root().CreateUser(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 512})
	require.NoError(t, err)
	h.says("Created target "+target+".\nCreated TPG 1.", "/vhost", "create", target)
	h.refuses([]string{"tcmud does not run"}, "/vhost/"+target+"/tpg1/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Deleted Target "+target+".", "/vhost", "delete", target)
}
