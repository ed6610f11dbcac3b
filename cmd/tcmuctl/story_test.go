package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

const target = "naa.5001405c81b9d906"

// dots shortens the rows of dots of a tree, whose length depends on names that differ from run to run.
func dots(tree string) string {
	return regexp.MustCompile(` \.{3,} `).ReplaceAllString(tree, " .... ")
}

func TestFromNothingToTwoDisksAndBack(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "disk0.img")

	h.says("Created ramdisk rd0 with size 10M.", "/backstores/ramdisk", "create", "rd0", "10M")
	h.says("Created fileio disk0 with size 10485760", "backstores/fileio", "create", "name=disk0", "size=10MiB", "file_or_dev="+file)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 10<<20, info.Size())

	h.says("Created target "+target+".", "/loopback", "create", "5001405C:81b9d906")
	h.says("Created LUN 0.", "/loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Created LUN 7.", "loopback/"+target+"/luns/", "create", "/backstores/fileio/disk0", "lun=lun7")

	luns, err := h.kernel.Root().LUNs()
	require.NoError(t, err)
	nexus, err := luns[0].TPG.Nexus()
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(`o- / .... [...]
  o- backstores .... [...]
  | o- block .... [Storage Objects: 0]
  | o- fileio .... [Storage Objects: 1]
  | | o- disk0 .... [FILE (10.0MiB) write-back activated]
  | o- pscsi .... [Storage Objects: 0]
  | o- ramdisk .... [Storage Objects: 1]
  |   o- rd0 .... [(10.0MiB) activated]
  o- iscsi .... [Targets: 0]
  o- loopback .... [Targets: 1]
  | o- naa.5001405c81b9d906 .... [NEXUS]
  |   o- luns .... [LUNs: 2]
  |     o- lun0 .... [ramdisk/rd0 (/dev/sdb)]
  |     o- lun7 .... [fileio/disk0 (/dev/sdc)]
  o- vhost .... [Targets: 0]
`, "FILE", file), "NEXUS", nexus), dots(h.tree()))

	h.says("Deleted LUN 7.", "/loopback/"+target+"/luns", "delete", "7")
	h.says("Deleted storage object disk0.", "/backstores/fileio", "delete", "disk0")
	require.FileExists(t, file, "the file is the user's")
	h.says("Deleted Target "+target+".", "/loopback", "delete", target)
	h.says("Deleted storage object rd0.", "/backstores/ramdisk", "delete", "rd0")
	require.Equal(t, `o- / .... [...]
  o- backstores .... [...]
  | o- block .... [Storage Objects: 0]
  | o- fileio .... [Storage Objects: 0]
  | o- pscsi .... [Storage Objects: 0]
  | o- ramdisk .... [Storage Objects: 0]
  o- iscsi .... [Targets: 0]
  o- loopback .... [Targets: 0]
  o- vhost .... [Targets: 0]
`, dots(h.tree()))
}

func TestWhatIsAskedForReachesTheDevice(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "4k.img")
	require.NoError(t, os.WriteFile(file, make([]byte, 8192), 0o600))

	h.says("Created fileio four with size 8192", "backstores/fileio", "create", "four", file,
		"write_back=false", "block_size=4096", "wwn=serial-1", "vendor=ACME", "product=Rocket", "revision=7")
	so := h.kernel.Root().User(0, "four")
	for attribute, want := range map[string]string{
		"dev_config": "tcmud/fileio" + file, "dev_size": "8192", "hw_block_size": "4096", "hw_max_sectors": "2048",
		"emulate_write_cache": "0", "nl_reply_supported": "-1",
	} {
		got, err := so.Attribute(attribute)
		require.NoError(t, err)
		require.Equal(t, want, got, attribute)
	}
	id, err := so.Identity()
	require.NoError(t, err)
	require.Equal(t, lio.Identity{Vendor: "ACME", Product: "Rocket", Revision: "7", Serial: "serial-1"}, id)
	require.Contains(t, h.tree(), "write-thru deactivated]")
}

func TestJSON(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)

	var made view
	h.json(&made, "backstores/ramdisk", "create", "rd0", "1G", "wwn=s")
	require.Equal(t, view{
		Name: "rd0", Path: "/backstores/ramdisk/rd0", Summary: "(1.0GiB) deactivated",
		Properties: map[string]any{
			"activated": false, "plugin": "user", "hba": 0.0, "size": float64(1 << 30),
			"config": "tcmud/ramdisk", "write_back": false, "wwn": "s", "reservations": "kernel",
		},
	}, made)
	var target, lun view
	h.json(&target, "loopback/", "create")
	require.Regexp(t, `^naa\.5001405[0-9a-f]{9}$`, target.Name)
	luns := target.Path + "/luns"
	h.json(&lun, luns, "create", "/backstores/ramdisk/rd0")
	require.Equal(t, map[string]any{"lun": 0.0, "storage_object": "/backstores/ramdisk/rd0", "disk": "/dev/sdb", "generic": "/dev/sg1"}, lun.Properties)

	var whole view
	h.json(&whole, "ls")
	require.Equal(t, lun, whole.Children[2].Children[0].Children[0].Children[0])

	var gone deleted
	h.json(&gone, luns, "delete", "0")
	require.Equal(t, luns+"/lun0", gone.Path)
}

func TestBadInput(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M")
	h.says("Created target "+target+".", "loopback/", "create", target)
	h.says("Created LUN 0.", "loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	short := filepath.Join(h.dir, "short")
	require.NoError(t, os.WriteFile(short, make([]byte, 700), 0o600))
	odd := filepath.Join(h.dir, "a,b")

	for _, tt := range []struct {
		name string
		line []string
		want []string
	}{
		{"only a path", []string{"/backstores"}, []string{"no command for /backstores:", `"tcmuctl ls /backstores"`}},
		{"unknown flag", []string{"--jsn", "ls"}, []string{"--jsn", "--json"}},
		{"unknown command", []string{"/loopback", "make"}, []string{`/loopback: no command "make": create, delete, cd, pwd, ls, `}},
		{"unknown path", []string{"/loopback/naa.1/luns", "create", "x"}, []string{"no such path: /loopback/naa.1:", `"tcmuctl ls /loopback"`}},
		{"unknown path to ls", []string{"ls", "/fcoe"}, []string{"no such path: /fcoe"}},
		{"missing size", []string{"backstores/ramdisk", "create", "a"}, []string{"size is missing", "create NAME SIZE"}},
		{"one too many", []string{"backstores/ramdisk", "create", "a", "1M", "2M"}, []string{`"2M" is one argument too many`}},
		{"given twice", []string{"backstores/ramdisk", "create", "a", "1M", "name=b"}, []string{"name is given twice"}},
		{"unknown parameter", []string{"backstores/ramdisk", "create", "a", "1M", "nullio=true"}, []string{"no parameter nullio"}},
		{"empty name", []string{"backstores/ramdisk", "create", "", "1M"}, []string{"name: it is empty"}},
		{"bad name", []string{"backstores/ramdisk", "create", "a/b", "1M"}, []string{`"a/b" cannot be the name`, "letters"}},
		{"name in use", []string{"backstores/ramdisk", "create", "rd0", "1M"}, []string{"rd0 exists: /backstores/ramdisk/rd0", "another name"}},
		{"name in use by the other kind", []string{"backstores/fileio", "create", "rd0", filepath.Join(h.dir, "new"), "1M"}, []string{"rd0 exists: /backstores/ramdisk/rd0"}},
		{"negative size", []string{"backstores/ramdisk", "create", "a", "-1M"}, []string{"more than 0"}},
		{"size zero", []string{"backstores/ramdisk", "create", "a", "0"}, []string{"more than 0"}},
		{"absurd size", []string{"backstores/ramdisk", "create", "a", "99999999999P"}, []string{"too large"}},
		{"no size at all", []string{"backstores/ramdisk", "create", "a", "big"}, []string{`"big" is no size`}},
		{"not whole blocks", []string{"backstores/ramdisk", "create", "a", "1000"}, []string{"multiple of the block size, 512"}},
		{"not whole 4k blocks", []string{"backstores/ramdisk", "create", "a", "512", "block_size=4096"}, []string{"multiple of the block size, 4096"}},
		{"odd block size", []string{"backstores/ramdisk", "create", "a", "1M", "block_size=520"}, []string{"block_size", "512 or 4096"}},
		{"long vendor", []string{"backstores/ramdisk", "create", "a", "1M", "vendor=123456789"}, []string{"vendor_id", "at most 8"}},
		{"no boolean", []string{"backstores/fileio", "create", "a", short, "write_back=maybe"}, []string{"write_back", "neither true nor false"}},
		{"no file and no size", []string{"backstores/fileio", "create", "a", filepath.Join(h.dir, "none")}, []string{"does not exist", "give a size"}},
		{"a file of odd size", []string{"backstores/fileio", "create", "a", short}, []string{short, "multiple of the block size"}},
		{"a file of another size", []string{"backstores/fileio", "create", "a", short, "1M"}, []string{short, "700 bytes"}},
		{"a directory", []string{"backstores/fileio", "create", "a", h.dir}, []string{"is a directory"}},
		{"a comma in the path", []string{"backstores/fileio", "create", "a", odd, "1M"}, []string{"cannot carry", "symbolic link"}},
		{"a directory that is not there", []string{"backstores/fileio", "create", "a", filepath.Join(h.dir, "no/where"), "1M"}, []string{"directory first"}},
		{"deleting what is in use", []string{"backstores/ramdisk", "delete", "rd0"}, []string{"in use by loopback/" + target + "/tpgt_1/lun/lun_0", "delete the LUN first"}},
		{"deleting what is not there", []string{"backstores/ramdisk", "delete", "rd1"}, []string{"no storage object rd1 in /backstores/ramdisk"}},
		{"bad WWN", []string{"loopback/", "create", "naa.6001405"}, []string{"naa.6001405", "16 hexadecimal digits"}},
		{"WWN in use", []string{"loopback/", "create", target}, []string{"target " + target + " exists"}},
		{"deleting no target", []string{"loopback/", "delete", "naa.1"}, []string{"no target naa.1 in /loopback"}},
		{"LUN of nothing", []string{"loopback/" + target + "/luns", "create", "/backstores/ramdisk/nope"}, []string{"no such path: /backstores/ramdisk/nope"}},
		{"LUN of a target", []string{"loopback/" + target + "/luns", "create", "/loopback"}, []string{"/loopback is no storage object"}},
		{"LUN made already", []string{"loopback/" + target + "/luns", "create", "/backstores/ramdisk/rd0", "3"}, []string{"LUN of storage object rd0 exists (", "/tpgt_1/lun/lun_0) and has the number 0"}},
		{"LUN of no number", []string{"loopback/" + target + "/luns", "delete", "x"}, []string{`lun: "x" is no number`}},
		{"no such LUN", []string{"loopback/" + target + "/luns", "delete", "5"}, []string{"no LUN 5"}},
		{"help for nothing", []string{"help", "frobnicate"}, []string{`no command "frobnicate"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			h.refuses(tt.want, tt.line...)
		})
	}
	h.t = t
	entries, err := os.ReadDir(h.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no file was made by a command that failed")
}

func TestNoDaemon(t *testing.T) {
	h := newHost(t)
	h.refuses([]string{"tcmud does not run", h.socket, "start it"}, "backstores/ramdisk", "create", "rd0", "1M")
	file := filepath.Join(h.dir, "f")
	h.refuses([]string{"tcmud does not run"}, "backstores/fileio", "create", "f", file, "1M")
	require.NoFileExists(t, file)

	// What is there already can be shown and removed, but not given to the kernel to ask.
	_, err := h.kernel.Root().CreateUser(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 512})
	require.NoError(t, err)
	h.says("Created target "+target+".", "loopback/", "create", target)
	h.refuses([]string{"tcmud does not run"}, "loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	h.says("Deleted storage object rd0.", "backstores/ramdisk", "delete", "rd0")
}

func TestDaemonThatCannotServe(t *testing.T) {
	h := newHost(t)
	h.start(func(so lio.StorageObject) string { return "the disk of " + so.Name + " is on fire" })
	file := filepath.Join(h.dir, "f")
	h.refuses([]string{"tcmud cannot serve f: the disk of f is on fire"}, "backstores/fileio", "create", "f", file, "1M")
	require.NoFileExists(t, file, "what create made, it removes")
	require.NoError(t, os.WriteFile(file, make([]byte, 512), 0o600))
	h.refuses([]string{"on fire"}, "backstores/fileio", "create", "f", file)
	require.FileExists(t, file, "what was there stays")
}

func TestKernelThatFails(t *testing.T) {
	for _, tt := range []struct {
		op, path string // the change that fails
		line     []string
	}{
		{"mkdir", "core/user_1", []string{"backstores/ramdisk", "create", "a", "1M"}},
		{"mkdir", "core/user_1/a", []string{"backstores/ramdisk", "create", "a", "1M"}},
		{"write", "core/user_1/a/control", []string{"backstores/ramdisk", "create", "a", "1M"}},
		{"write", "core/user_1/a/wwn/vpd_unit_serial", []string{"backstores/ramdisk", "create", "a", "1M"}},
		{"write", "core/user_1/a/enable", []string{"backstores/ramdisk", "create", "a", "1M"}},
		{"mkdir", "loopback/naa.5001405000000001/tpgt_1", []string{"loopback/", "create", "naa.5001405000000001"}},
		{"write", "loopback/naa.5001405000000001/tpgt_1/nexus", []string{"loopback/", "create", "naa.5001405000000001"}},
		{"mkdir", "loopback/" + target + "/tpgt_1/lun/lun_0", []string{"loopback/" + target + "/luns", "create", "/backstores/ramdisk/rd0"}},
		{"symlink", "loopback/" + target + "/tpgt_1/lun/lun_0", []string{"loopback/" + target + "/luns", "create", "/backstores/ramdisk/rd0"}},
	} {
		t.Run(tt.op+" "+tt.path, func(t *testing.T) {
			h := newHost(t)
			h.start(servesAll)
			h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M")
			h.says("Created target "+target+".", "loopback/", "create", target)
			failed := false
			h.kernel.Fail = func(op, path string) error {
				if op != tt.op || !strings.HasPrefix(path, tt.path) || op != "symlink" && path != tt.path {
					return nil
				}
				failed = true
				return syscall.ENOMEM
			}
			h.refuses([]string{tt.path, "cannot allocate memory"}, tt.line...)
			require.True(t, failed)
		})
	}
}

func TestForeignBackstoresAreShownAndExported(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	core := h.kernel.Path("sys/kernel/config/target/core")
	for _, dir := range []string{"rd_mcp_0", "rd_mcp_0/theirs", "fileio_1", "fileio_1/img"} {
		require.NoError(t, h.kernel.Mkdir(filepath.Join(core, dir)))
	}
	require.NoError(t, h.kernel.Write(filepath.Join(core, "fileio_1/img/udev_path"), "/srv/img"))
	require.NoError(t, h.kernel.Write(filepath.Join(core, "rd_mcp_0/theirs/enable"), "1"))
	_, err := h.kernel.Root().CreateUser(lio.User{Name: "vol", Config: "rbd/pool/vol", Size: 1536})
	require.NoError(t, err)
	h.says("Created target "+target+".", "loopback/", "create", target)
	h.says("Created LUN 0.", "loopback/"+target+"/luns", "create", "/backstores/kernel:ramdisk/theirs")

	require.Contains(t, dots(h.tree()), `
  o- backstores .... [...]
  | o- block .... [Storage Objects: 0]
  | o- fileio .... [Storage Objects: 0]
  | o- kernel:fileio .... [Storage Objects: 1]
  | | o- img .... [/srv/img deactivated]
  | o- kernel:ramdisk .... [Storage Objects: 1]
  | | o- theirs .... [activated]
  | o- pscsi .... [Storage Objects: 0]
  | o- ramdisk .... [Storage Objects: 0]
  | o- user:rbd .... [Storage Objects: 1]
  |   o- vol .... [pool/vol (1.5KiB) deactivated]
`)
	require.Contains(t, dots(h.tree()), "o- lun0 .... [kernel:ramdisk/theirs (/dev/sdb)]")
	h.says("Deleted storage object vol.", "backstores/user:rbd", "delete", "vol")
}

func TestTargetsThatAScriptMade(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.says("Created target "+target+".", "loopback/", "create", target)
	h.says("Created ramdisk rd0 with size 1M.", "backstores/ramdisk", "create", "rd0", "1M")
	top := h.kernel.Path("sys/kernel/config/target/loopback", target)

	require.NoError(t, h.kernel.Mkdir(filepath.Join(top, "tpgt_2")))
	require.Contains(t, dots(h.tree()), `[TPGs: 2]`)
	require.Contains(t, dots(h.tree()), `
  |   | o- luns .... [LUNs: 0]
  |   o- tpg2 .... [no nexus]
  |     o- luns .... [LUNs: 0]
`)
	h.says("Created LUN 0.", "loopback/"+target+"/tpg2/luns", "create", "/backstores/ramdisk/rd0")
	require.NotContains(t, h.tree(), "no nexus", "a LUN without an initiator is of no use to anybody")

	require.NoError(t, h.kernel.Mkdir(filepath.Join(top, "tpgt_2/lun/lun_3")))
	require.Contains(t, dots(h.tree()), "o- lun3 .... [no storage object]")
	h.says("Deleted Target "+target+".", "loopback/", "delete", target)
}

func TestDeletingWhatNobodyServesDoesNotWait(t *testing.T) {
	for _, tt := range []struct {
		name    string
		verdict func(lio.StorageObject) string // nil: the daemon dies
		reset   bool
	}{
		{"served", servesAll, false},
		{"failed", func(lio.StorageObject) string { return "its file has gone" }, true},
		{"no daemon", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			if tt.verdict != nil {
				h.start(tt.verdict)
			}
			so, err := h.kernel.Root().CreateUser(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 512})
			require.NoError(t, err)
			h.says("Created target "+target+".", "loopback/", "create", target)
			loopback, err := h.kernel.Root().Fabric("loopback")
			require.NoError(t, err)
			made, err := loopback.Target(target)
			require.NoError(t, err)
			tpgs, err := made.TPGs()
			require.NoError(t, err)
			_, err = tpgs[0].CreateLUN(so, lio.AnyLUN)
			require.NoError(t, err)

			reset := false
			h.kernel.Fail = func(_, path string) error {
				reset = reset || strings.HasSuffix(path, "/reset_ring")
				return nil
			}
			h.says("Deleted Target "+target+".", "loopback/", "delete", target)
			require.Equal(t, tt.reset, reset)
		})
	}
}
