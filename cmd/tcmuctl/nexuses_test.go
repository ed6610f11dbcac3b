package main

import (
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

const other = "iqn.1993-08.org.debian:01:other"

// newEngine returns a host with a daemon, a backstore that keeps reservations itself, and one that does not.
func newEngine(t *testing.T) *host {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M", "reservations=engine", "wwn=s", "product=Rocket")
	h.ramdisk("rd1")
	return h
}

// attributeOf is an attribute of a storage object.
func (h *host) attributeOf(so lio.StorageObject, name string) string {
	h.t.Helper()
	v, err := so.Attribute(name)
	require.NoError(h.t, err)
	return v
}

// named is the storage object of that name.
func (h *host) named(name string) lio.StorageObject {
	h.t.Helper()
	all, err := h.kernel.Root().Named(name)
	require.NoError(h.t, err)
	require.Len(h.t, all, 1)
	return all[0]
}

// nexus is the name of the initiator of a loopback target.
func (h *host) nexus(target string) string {
	h.t.Helper()
	var v view
	h.json(&v, "ls", "/loopback/"+target, "1")
	return v.Properties["nexus"].(string)
}

func TestALoopbackLUNIsMadeOfANexus(t *testing.T) {
	const second = "naa.5001405000000002"
	h := newEngine(t)
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.says("Created target "+second+".", "/loopback", "create", second)
	h.says("Created LUN 0.", "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Created LUN 3.", "/loopback/"+second+"/luns", "create", "/backstores/ramdisk/rd0", "3")
	require.Equal(t, strings.NewReplacer("ONE", h.nexus(target), "TWO", h.nexus(second)).Replace(`o- / .... [...]
  o- backstores .... [...]
  | o- block .... [Storage Objects: 0]
  | o- fileio .... [Storage Objects: 0]
  | o- pscsi .... [Storage Objects: 0]
  | o- ramdisk .... [Storage Objects: 2]
  |   o- rd0 .... [(1.0MiB) reservations=engine activated]
  |   | o- rd0.nexus1 .... [port 1, ONE]
  |   | o- rd0.nexus2 .... [port 2, TWO]
  |   o- rd1 .... [(1.0MiB) deactivated]
  o- iscsi .... [Targets: 0]
  o- loopback .... [Targets: 2]
  | o- naa.5001405000000002 .... [TWO]
  | | o- luns .... [LUNs: 1]
  | |   o- lun3 .... [ramdisk/rd0 (/dev/sdc)]
  | o- naa.5001405c81b9d906 .... [ONE]
  |   o- luns .... [LUNs: 1]
  |     o- lun0 .... [ramdisk/rd0 (/dev/sdb)]
  o- vhost .... [Targets: 0]
`), dots(h.tree()))

	h.refuses([]string{"LUN of storage object rd0 exists (", "lun_0)"}, "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	h.refuses([]string{"rd0 is in use by loopback/" + target + "/tpgt_1/lun/lun_0, loopback/" + second + "/tpgt_1/lun/lun_3"},
		"/backstores/ramdisk", "delete", "rd0")
	h.says("Deleted LUN 0.", "/loopback/"+target+"/luns", "delete", "0")
	h.says("Deleted Target "+second+".", "/loopback", "delete", second)
	h.shows("o- rd0 .... [(1.0MiB) reservations=engine deactivated]\n", "/backstores/ramdisk/rd0")
	h.says("Deleted storage object rd0.", "/backstores/ramdisk", "delete", "rd0")
}

func TestANexusIsAsItsBackstore(t *testing.T) {
	h := newEngine(t)
	rd0 := h.named("rd0")
	for name, want := range map[string]string{"pgr_support": "0", "alua_support": "0", "emulate_pr": "1", "tmr_notification": "1", "dev_config": "tcmud/ramdisk;reservations=engine"} {
		require.Equal(t, want, h.attributeOf(rd0, name), name)
	}
	h.says("Parameter cmd_time_out is now '7'.", "/backstores/ramdisk/rd0", "set", "attribute", "cmd_time_out=7")
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.says("Created LUN 0.", "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0", "group=2")
	nexus := h.named("rd0.nexus1")
	for _, name := range []string{
		"pgr_support", "alua_support", "emulate_pr", "tmr_notification", "cmd_time_out", "dev_size", "hw_block_size",
		"hw_max_sectors", "max_data_area_mb", "cmd_ring_size_mb", "nl_reply_supported",
	} {
		require.Equal(t, h.attributeOf(rd0, name), h.attributeOf(nexus, name), name)
	}
	require.Equal(t, "tcmud/nexus;port=1;group=2/rd0/"+h.nexus(target), h.attributeOf(nexus, "dev_config"))
	id, err := nexus.Identity()
	require.NoError(t, err)
	require.Equal(t, lio.Identity{Vendor: "LIO-ORG", Product: "Rocket", Serial: "s"}, id)

	h.says("Parameter size is now '2097152'.", "/backstores/ramdisk/rd0", "set", "size=2M")
	require.Equal(t, "2097152", h.attributeOf(nexus, "dev_size"))
	h.says("Parameter qfull_time_out is now '5'.", "/backstores/ramdisk/rd0", "set", "attribute", "qfull_time_out=5")
	require.Equal(t, "5", h.attributeOf(nexus, "qfull_time_out"))
	h.refuses([]string{"pgr_support cannot be changed"}, "/backstores/ramdisk/rd0", "set", "attribute", "pgr_support=1")
	h.refuses([]string{"reservations cannot be changed"}, "/backstores/ramdisk/rd0", "set", "attribute", "reservations=kernel")

	var v view
	h.json(&v, "/backstores/ramdisk/rd0/rd0.nexus1", "info")
	require.Equal(t, map[string]any{"initiator": h.nexus(target), "port": 1.0, "group": 2.0, "hba": 2.0, "activated": true}, v.Properties)
}

func TestReservationsAreLeftToTheKernelAndBack(t *testing.T) {
	h := newEngine(t)
	h.says("Parameter reservations is now 'engine'.", "/backstores/ramdisk/rd1", "set", "attribute", "reservations=engine")
	h.says("Parameter reservations is now 'kernel'.", "/backstores/ramdisk/rd0", "set", "attribute", "reservations=kernel")
	require.Equal(t, "(1.0MiB) deactivated", h.summary("/backstores/ramdisk/rd0"))
	require.Equal(t, "(1.0MiB) reservations=engine deactivated", h.summary("/backstores/ramdisk/rd1"))
}

// withTwoInitiators has mapped a backstore that keeps reservations itself, and another, to two initiators.
func withTwoInitiators(t *testing.T) *host {
	h := newEngine(t)
	stdout, stderr, status := h.enter("/iscsi", "create", iqn)
	require.Zero(t, status, stdout+stderr)
	h.says("Created Node ACL for "+initiator, tpg1+"/acls", "create", initiator)
	h.says("Created LUN 0.\nCreated LUN 0->0 mapping in node ACL "+initiator, tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Created LUN 1.\nCreated LUN 1->1 mapping in node ACL "+initiator, tpg1+"/luns", "create", "/backstores/ramdisk/rd1")
	h.says("Created Node ACL for "+other+"\nCreated mapped LUN 0.\nCreated mapped LUN 1.", tpg1+"/acls", "create", other)
	return h
}

const twoInitiators = `
o- tpg1 .... [no-gen-acls, no-auth]
  o- acls .... [ACLs: 2]
  | o- iqn.1993-08.org.debian:01:host .... [Mapped LUNs: 2]
  | | o- mapped_lun0 .... [lun0 ramdisk/rd0 (rw)]
  | | o- mapped_lun1 .... [lun1 ramdisk/rd1 (rw)]
  | o- iqn.1993-08.org.debian:01:other .... [Mapped LUNs: 2]
  |   o- mapped_lun0 .... [lun0 ramdisk/rd0 (rw)]
  |   o- mapped_lun1 .... [lun1 ramdisk/rd1 (rw)]
  o- luns .... [LUNs: 2]
  | o- lun0 .... [ramdisk/rd0]
  | o- lun1 .... [ramdisk/rd1 (default_tg_pt_gp)]
  o- portals .... [Portals: 1]
    o- 0.0.0.0:3260 .... [OK]
`

func TestEachInitiatorIsANexusOfItsOwn(t *testing.T) {
	h := withTwoInitiators(t)
	h.shows(twoInitiators, tpg1)
	h.shows(`
o- rd0 .... [(1.0MiB) reservations=engine activated]
  o- rd0.nexus1 .... [port 1, iqn.1993-08.org.debian:01:host]
  o- rd0.nexus2 .... [port 1, iqn.1993-08.org.debian:01:other]
`, "/backstores/ramdisk/rd0")
	tpg := h.tpg(t)
	for number, name := range map[int]string{0: "rd0", 1: "rd1", 16384: "rd0.nexus1", 16385: "rd0.nexus2"} {
		so, err := tpg.LUN(number).StorageObject()
		require.NoError(t, err)
		require.Equal(t, name, so.Name)
	}
	for who, number := range map[string]int{initiator: 16384, other: 16385} {
		l, err := tpg.ACL(who).MappedLUN(0).LUN()
		require.NoError(t, err)
		require.Equal(t, number, l.Number)
	}

	var mapped view
	h.json(&mapped, acl+"/mapped_lun0", "ls")
	require.Equal(t, map[string]any{
		"mapped_lun": 0.0, "lun": 0.0, "write_protect": false, "storage_object": "/backstores/ramdisk/rd0", "nexus": "rd0.nexus1",
	}, mapped.Properties)
	h.says("alua\n  group  0 [ro]\n  port   1 [ro]", tpg1+"/luns/lun0", "get", "alua")

	h.says("Created target "+target+".", "/loopback", "create", target)
	h.says("Created LUN 0.", "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	require.Equal(t, "port 2, "+h.nexus(target), h.summary("/backstores/ramdisk/rd0/rd0.nexus3"))

	h.says("Warning: TPG LUN 0 already mapped to this NodeACL\nCreated Mapped LUN 7.", acl, "create", "7", "lun0", "true")
	require.Equal(t, "lun0 ramdisk/rd0 (ro)", h.summary(acl+"/mapped_lun7"))
	require.Equal(t, "port 1, "+initiator, h.summary("/backstores/ramdisk/rd0/rd0.nexus4"))
	h.refuses([]string{"LUN 16384 is for " + initiator + " alone", "backstore rd0"}, tpg1+"/acls/"+other, "create", "5", "lun16384")
	h.refuses([]string{"port 1 of rd0", "in target port group 0"}, acl, "create", "8", "lun0", "group=1")
}

func TestWhatIsUnmappedTakesItsNexusesAlong(t *testing.T) {
	luns := func(numbers ...int) []int { return numbers }
	for _, tt := range []struct {
		name    string
		line    []string
		nexuses int
		left    []int // LUNs of the TPG
	}{
		{"mapped LUN", []string{acl, "delete", "0"}, 1, luns(0, 1, 16385)},
		{"another mapped LUN", []string{acl, "delete", "1"}, 2, luns(0, 1, 16384, 16385)},
		{"ACL", []string{tpg1 + "/acls", "delete", other}, 1, luns(0, 1, 16384)},
		{"LUN", []string{tpg1 + "/luns", "delete", "0"}, 0, luns(1)},
		{"another LUN", []string{tpg1 + "/luns", "delete", "1"}, 2, luns(0, 16384, 16385)},
		{"TPG", []string{"/iscsi/" + iqn, "delete", "1"}, 0, nil},
		{"target", []string{"/iscsi", "delete", iqn}, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := withTwoInitiators(t)
			root := h.kernel.Root()
			_, stderr, status := h.enter(tt.line...)
			require.Zero(t, status, stderr)
			nexuses, err := h.named("rd0").Nexuses()
			require.NoError(t, err)
			require.Len(t, nexuses, tt.nexuses)
			all, err := root.LUNs()
			require.NoError(t, err)
			var left []int
			for _, l := range all {
				left = append(left, l.Number)
			}
			require.Equal(t, tt.left, left)
		})
	}
	h := withTwoInitiators(t)
	h.says("All configuration cleared", "clearconfig", "true")
	all, err := h.kernel.Root().StorageObjects()
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestInitiatorsWithoutANodeACLStayOutside(t *testing.T) {
	h := withTwoInitiators(t)
	h.refuses([]string{"generate_node_acls=1", "rd0 keeps reservations itself"}, tpg1, "set", "attribute", "generate_node_acls=1")
	h.says("Parameter generate_node_acls is now '0'.", tpg1, "set", "attribute", "generate_node_acls=0")
	h.says("Deleted LUN 0.", tpg1+"/luns", "delete", "0")
	h.says("Parameter generate_node_acls is now '1'.", tpg1, "set", "attribute", "generate_node_acls=1")
	h.refuses([]string{"rd0 keeps reservations itself", "generate_node_acls=0"}, tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	h.refuses([]string{"generate_node_acls=0"}, acl, "create", "5", "/backstores/ramdisk/rd0")
}

func TestWhatCannotBeCarriedIsRefused(t *testing.T) {
	h := newEngine(t)
	stdout, stderr, status := h.enter("/iscsi", "create", iqn)
	require.Zero(t, status, stdout+stderr)
	h.says("Created LUN 0.", tpg1+"/luns", "create", "/backstores/ramdisk/rd0")
	long := "iqn.1993-08.org.debian:" + strings.Repeat(":", 200)
	h.refuses([]string{"no device can be made for the I_T nexus of " + long, "the kernel takes 255"}, tpg1+"/acls", "create", long)

	name := strings.Repeat("n", 122)
	h.says("Created ramdisk "+name+" with size 1M.", "backstores/ramdisk", "create", name, "1M", "reservations=engine")
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.refuses([]string{"at most 127", "shorter name"}, "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/"+name)
	h.refuses([]string{`reservations: "mine" keeps no reservations: give kernel or engine`}, "backstores/ramdisk", "create", "a", "1M", "reservations=mine")
	h.refuses([]string{"the kernel keeps the target port groups of rd1"}, "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd1", "group=1")
}

func TestNothingIsLeftOfANexusThatCannotBe(t *testing.T) {
	loopback := []string{"/loopback/" + target + "/luns", "create", "/backstores/ramdisk/rd0"}
	mapped := []string{acl, "create", "5", "lun0"}
	for _, tt := range []struct {
		op, path string // the change that fails
		line     []string
	}{
		{"mkdir", "core/user_*", loopback},
		{"mkdir", "core/user_*/rd0.nexus*", loopback},
		{"write", "core/user_*/rd0.nexus*/control", loopback},
		{"write", "core/user_*/rd0.nexus*/attrib/pgr_support", loopback},
		{"write", "core/user_*/rd0.nexus*/enable", loopback},
		{"mkdir", "loopback/*/tpgt_1/lun/lun_0", loopback},
		{"symlink", "loopback/*/tpgt_1/lun/lun_0/*", loopback},
		{"write", "core/user_*/rd0.nexus*/enable", mapped},
		{"mkdir", "iscsi/*/tpgt_1/lun/lun_*", mapped},
		{"symlink", "iscsi/*/tpgt_1/lun/lun_*/*", mapped},
		{"mkdir", "iscsi/*/tpgt_1/acls/*/lun_5", mapped},
		{"symlink", "iscsi/*/tpgt_1/acls/*/lun_5/*", mapped},
		{"symlink", "iscsi/*/tpgt_1/acls/*/lun_1/*", []string{tpg1 + "/acls", "create", "iqn.1993-08.org.debian:01:third"}},
		{"symlink", "iscsi/*/tpgt_1/acls/*other/lun_*/*", []string{tpg1 + "/luns", "create", "/backstores/ramdisk/rd2"}},
	} {
		t.Run(tt.op+" "+tt.path, func(t *testing.T) {
			h := withTwoInitiators(t)
			h.says("Created ramdisk rd2 with size 1M.", "backstores/ramdisk", "create", "rd2", "1M", "reservations=engine")
			h.says("Created target "+target+".", "loopback/", "create", target)
			before, err := h.kernel.Root().StorageObjects()
			require.NoError(t, err)
			failed := false
			h.kernel.Fail = func(op, rel string) error {
				if ok, _ := path.Match(tt.path, rel); !ok || op != tt.op || failed {
					return nil
				}
				failed = true
				return syscall.ENOMEM
			}
			h.refuses([]string{"cannot allocate memory"}, tt.line...)
			require.True(t, failed)
			after, err := h.kernel.Root().StorageObjects()
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestANexusThatIsNotServedIsNotMapped(t *testing.T) {
	h := newHost(t)
	h.start(func(so lio.StorageObject) string {
		if strings.Contains(so.Name, ".nexus") {
			return "there is no backstore"
		}
		return ""
	})
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M", "reservations=engine")
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.refuses([]string{"tcmud cannot serve rd0.nexus1: there is no backstore"}, "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
}

// TestNexusesThatAScriptLeft: a device without a LUN goes with its backstore, one without a backstore can be seen.
func TestNexusesThatAScriptLeft(t *testing.T) {
	h := newEngine(t)
	for _, of := range []string{"rd0", "gone"} {
		_, err := h.kernel.Root().CreateUser(lio.User{Name: of + ".nexus1", Config: lio.Nexus{Of: of, Initiator: initiator, Port: 1}.String(), Size: 1 << 20})
		require.NoError(t, err)
	}
	require.Equal(t, "port 1, "+initiator+", no LUN", h.summary("/backstores/ramdisk/rd0/rd0.nexus1"))
	h.shows(`
o- nexus .... [Storage Objects: 1]
  o- gone.nexus1 .... [port 1, iqn.1993-08.org.debian:01:host, of gone deactivated]
`, "/backstores/nexus")
	h.says("Created target "+target+".", "/loopback", "create", target)
	h.refuses([]string{"gone.nexus1 stands for the I_T nexus of " + initiator}, "/loopback/"+target+"/luns", "create", "/backstores/nexus/gone.nexus1")
	h.says("Deleted storage object rd0.", "/backstores/ramdisk", "delete", "rd0")
	h.says("Deleted storage object gone.nexus1.", "/backstores/nexus", "delete", "gone.nexus1")
	all, err := h.kernel.Root().StorageObjects()
	require.NoError(t, err)
	require.Len(t, all, 1)

	_, err = h.kernel.Root().CreateUser(lio.User{Name: "rd1.nexus1", Config: lio.Nexus{Of: "rd1", Initiator: initiator, Port: 1}.String(), Size: 1 << 20})
	require.NoError(t, err)
	require.Equal(t, "Storage Objects: 1", h.summary("/backstores/nexus"), "rd1 leaves reservations to the kernel")
}
