package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/cmd/internal/control"
	"github.com/tcmud/tcmud/lio"
)

// stubborn is a daemon that leaves its devices as they were when it first saw them, and says so.
type stubborn struct {
	daemon
	why string

	mu    sync.Mutex
	first map[string]control.Device // guarded by mu
}

func (d *stubborn) Devices() []control.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.daemon.Devices()
	for i, now := range all {
		was, known := d.first[now.Name]
		if !known {
			was, d.first[now.Name] = now, now
		}
		if now.Size != was.Size || now.Config != was.Config {
			was.Error = d.why
		}
		all[i] = was
	}
	return all
}

// refuse starts a daemon that follows no change.
func (h *host) refuse(why string) {
	h.serve(&stubborn{
		daemon: daemon{root: h.kernel.Root(), verdict: servesAll, level: new(slog.LevelVar)},
		why:    why, first: map[string]control.Device{},
	})
}

// attribute is an attribute of the device user_0/NAME.
func (h *host) attribute(name, attribute string) string {
	h.t.Helper()
	v, err := h.kernel.Root().User(0, name).Attribute(attribute)
	require.NoError(h.t, err)
	return v
}

// has makes a device as a script would.
func (h *host) has(u lio.User) lio.StorageObject {
	h.t.Helper()
	so, err := h.kernel.Root().CreateUser(u)
	require.NoError(h.t, err)
	return so
}

func length(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestSummariesOfAllSorts(t *testing.T) {
	h := newHost(t)
	const size = 2 << 30
	for name, u := range map[string]lio.User{
		"disk":  {Config: "tcmud/block/dev/vdb", UdevPath: "/dev/vdb"},
		"dvd":   {Config: "tcmud/block;readonly=1/dev/sr0"},
		"file":  {Config: "tcmud/fileio/srv/file", Attributes: map[string]string{"emulate_write_cache": "1"}},
		"none":  {Config: "tcmud/null"},
		"ram":   {Config: "tcmud/ramdisk;write_protect=1"},
		"tape":  {Config: "tcmud/pscsi/dev/sg3", UdevPath: "2:0:1:0"},
		"qcow":  {Config: "qcow/srv/image.qcow2"},
		"wrong": {Config: "tcmud/ramdisk;colour=blue"},
	} {
		u.Name, u.Size = name, size
		h.has(u)
	}
	require.Equal(t, `o- backstores .... [...]
  o- block .... [Storage Objects: 2]
  | o- disk .... [/dev/vdb (2.0GiB) write-thru deactivated]
  | o- dvd .... [/dev/sr0 (2.0GiB) ro write-thru deactivated]
  o- fileio .... [Storage Objects: 1]
  | o- file .... [/srv/file (2.0GiB) write-back deactivated]
  o- null .... [Storage Objects: 1]
  | o- none .... [(2.0GiB) deactivated]
  o- pscsi .... [Storage Objects: 1]
  | o- tape .... [2:0:1:0 deactivated]
  o- ramdisk .... [Storage Objects: 1]
  | o- ram .... [(2.0GiB) deactivated]
  o- user:qcow .... [Storage Objects: 1]
  | o- qcow .... [srv/image.qcow2 (2.0GiB) deactivated]
  o- user:tcmud .... [Storage Objects: 1]
    o- wrong .... [ramdisk;colour=blue (2.0GiB) deactivated]
`, dots(h.prints("ls", "/backstores")))
}

// prints is what a command line prints that succeeds.
func (h *host) prints(words ...string) string {
	h.t.Helper()
	stdout, stderr, status := h.enter(words...)
	require.Zero(h.t, status, stderr)
	return stdout
}

func TestNullIsThereToBeCreated(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	require.NotContains(t, h.tree(), "null")
	h.says("Created null n with size 1G.", "/backstores/null", "create", "n", "1G")
	require.Contains(t, dots(h.tree()), "| o- null .... [Storage Objects: 1]")
	h.says("Deleted storage object n.", "/backstores/null", "delete", "n")
}

func TestCreateRefuses(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 4096), 0o600))
	for _, tt := range []struct {
		line string
		want string
	}{
		{"block create a " + file, file + " is a regular file: use fileio for it"},
		{"block create a /dev/null", "neither a regular file nor a block device"},
		{"block create a " + h.dir + "/none", "no such file"},
		{"block create a " + file + " readonly=maybe", "neither true nor false"},
		{"pscsi create a " + file, "is no device: use a backstore of kind fileio"},
		{"pscsi create a 9:9:9:9", "there is no SCSI device 9:9:9:9"},
		{"null create a 700", "multiple of the block size"},
		{"fileio create a " + h.dir + "/none sparse=false", "give a size to create it"},
		{"fileio create a " + h.dir + "/a:b 1M", "cannot carry"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			words := strings.Fields(tt.line)
			h.refuses([]string{tt.want}, append([]string{"/backstores/" + words[0]}, words[1:]...)...)
		})
	}
	left, err := os.ReadDir(h.dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing half made")
}

func TestFileWithItsSpace(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	for sparse, blocks := range map[string]int64{"true": 0, "false": 2048} {
		file := filepath.Join(h.dir, sparse)
		h.says("Created fileio "+sparse+" with size 1048576", "/backstores/fileio", "create", sparse, file, "1M", "sparse="+sparse)
		var st unix.Stat_t
		require.NoError(t, unix.Stat(file, &st))
		require.GreaterOrEqual(t, st.Blocks, blocks)
		require.Equal(t, blocks > 0, st.Blocks > 0)

		h.says("Parameter size is now '2097152'.", "/backstores/fileio/"+sparse, "set", "size=2M")
		require.NoError(t, unix.Stat(file, &st))
		require.EqualValues(t, 2<<20, st.Size)
		require.GreaterOrEqual(t, st.Blocks, 2*blocks, "what had no holes gets none")
	}
}

func TestSizeIsSet(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "disk0.img")
	h.prints("/backstores/fileio", "create", "disk0", file, "10M")
	disk := "/backstores/fileio/disk0"
	require.Contains(t, h.prints(disk, "get"), "size  10485760")
	for _, tt := range []struct {
		set          string
		device, file int64
	}{
		{"20M", 20 << 20, 20 << 20},
		{"20M", 20 << 20, 20 << 20},
		{"5M", 5 << 20, 20 << 20}, // a file keeps its bytes
		{"15M", 15 << 20, 20 << 20},
	} {
		h.prints(disk, "set", "size="+tt.set)
		require.Contains(t, h.prints(disk, "get", "size"), "size="+h.attribute("disk0", "dev_size"))
		size, err := h.kernel.Root().User(0, "disk0").Size()
		require.NoError(t, err)
		require.Equal(t, tt.device, size)
		require.Equal(t, tt.file, length(t, file))
	}
	h.has(lio.User{Name: "theirs", Config: "rbd/pool/image", Size: 512})
	h.refuses([]string{"size cannot be changed"}, "/backstores/user:rbd/theirs", "set", "size=1M")
}

func TestSizeThatCannotBeIsAsBefore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(*host)
		line  []string
		want  []string
	}{
		{"no daemon", func(*host) {}, []string{"/backstores/fileio/disk0", "set", "size=2M"}, []string{"tcmud does not run"}},
		{"daemon does not follow", func(h *host) { h.refuse("no room on board") },
			[]string{"/backstores/fileio/disk0", "set", "size=2M"}, []string{"/backstores/fileio/disk0 size=2M: tcmud: no room on board"}},
		{"device is not served", func(h *host) { h.start(func(lio.StorageObject) string { return "it is lost" }) },
			[]string{"/backstores/fileio/disk0", "set", "size=2M"}, []string{"does not serve disk0, it is failed: it is lost"}},
		{"part of a block", func(h *host) { h.start(servesAll) },
			[]string{"/backstores/fileio/disk0", "set", "size=1000"}, []string{"1000 bytes are not a multiple of the block size 512"}},
		{"no size", func(h *host) { h.start(servesAll) }, []string{"/backstores/fileio/disk0", "set", "size=big"}, []string{`"big" is no size`}},
		{"larger than its device", func(h *host) { h.start(servesAll) },
			[]string{"/backstores/block/dev", "set", "size=2M"}, []string{"/dev/null has 0 bytes: enlarge it first, or ask for less"}},
		{"larger than a file can be", func(h *host) { h.start(servesAll) },
			[]string{"/backstores/fileio/disk0", "set", "size=1024P"}, []string{"disk0.img"}},
		{"passed through", func(h *host) { h.start(servesAll) },
			[]string{"/backstores/pscsi/sg", "set", "size=2M"}, []string{"size cannot be changed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			file := filepath.Join(h.dir, "disk0.img")
			require.NoError(t, os.WriteFile(file, make([]byte, 1<<20), 0o600))
			h.has(lio.User{Name: "disk0", Config: "tcmud/fileio" + file, Size: 1 << 20})
			h.has(lio.User{Name: "dev", Config: "tcmud/block/dev/null", Size: 1 << 20})
			h.has(lio.User{Name: "sg", Config: "tcmud/pscsi/dev/sg0", Size: 1 << 20})
			tt.start(h)
			h.refuses(tt.want, tt.line...)
			require.Equal(t, "1048576", h.attribute("disk0", "dev_size"))
			require.EqualValues(t, 1<<20, length(t, file))
		})
	}
}

// The kernel refuses to change a size that nobody hears of.
func TestSizeThatTheKernelRefuses(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "disk0.img")
	h.prints("/backstores/fileio", "create", "disk0", file, "1M")
	h.kernel.NobodyListens = true
	h.refuses([]string{"size=2M", "dev_size"}, "/backstores/fileio/disk0", "set", "size=2M")
	require.EqualValues(t, 1<<20, length(t, file))
}

func TestAttributesOfABackstore(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.prints("/backstores/ramdisk", "create", "rd0", "1M", "wwn=s")
	require.Equal(t, `attribute
  alua_support         1
  cmd_ring_size_mb     1 [ro]
  cmd_time_out         30
  data_pages_per_blk   1 [ro]
  dev_config           tcmud/ramdisk [ro]
  dev_size             1048576 [ro]
  direct               0
  emulate_cdb32        1
  emulate_pr           1
  emulate_tpu          1
  emulate_write_cache  0 [ro]
  enforce_pr_isids     1
  fail_fast            0
  force_pr_aptpl       0
  hw_block_size        512 [ro]
  hw_max_sectors       16384 [ro]
  hw_pi_prot_type      0 [ro]
  hw_queue_depth       128 [ro]
  is_nonrot            1
  max_data_area_mb     1024 [ro]
  max_unmap_lba_count  0
  max_write_same_len   0
  nl_reply_supported   -1 [ro]
  optimal_sectors      0
  pgr_support          1
  physical_exponent    0
  qfull_time_out       -1
  readonly             0
  recovery             resume
  removable            0
  reservations         kernel
  retry_time           0
  store_timeout        0
  tmr_notification     0
  write_protect        0
`, h.prints("/backstores/ramdisk/rd0", "get", "attribute"))
	h.prints("loopback/", "create", target)
	h.prints("loopback/"+target+"/luns", "create", "/backstores/ramdisk/rd0")
	used := h.prints("/backstores/ramdisk/rd0", "get", "attribute", "cmd_time_out", "force_pr_aptpl", "emulate_tpu", "readonly", "write_protect")
	require.Equal(t, "cmd_time_out=30 [ro]\nforce_pr_aptpl=0 [ro]\nemulate_tpu=1 [ro]\nreadonly=0 [ro]\nwrite_protect=0\n", used)
}

func TestCreateDirect(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	file := filepath.Join(h.dir, "file")
	for _, tt := range []struct{ direct, config string }{
		{"direct=true", "tcmud/fileio;direct=1" + file},
		{"direct=1", "tcmud/fileio;direct=1" + file},
		{"direct=false", "tcmud/fileio" + file},
	} {
		h.prints("/backstores/fileio", "create", "disk0", file, "1M", tt.direct)
		require.Equal(t, tt.config, h.attribute("disk0", "dev_config"))
		h.says("Parameter direct is now '1'.", "/backstores/fileio/disk0", "set", "attribute", "direct=1")
		require.Equal(t, "tcmud/fileio;direct=1"+file, h.attribute("disk0", "dev_config"))
		h.prints("/backstores/fileio", "delete", "disk0")
	}
}

func TestOptionsAreInTheConfigurationString(t *testing.T) {
	h := newHost(t)
	h.start(servesAll)
	h.prints("/backstores/ramdisk", "create", "rd0", "1M")
	for _, tt := range []struct{ set, says, config string }{
		{"write_protect=1", "Parameter write_protect is now '1'.", "tcmud/ramdisk;write_protect=1"},
		{"max_unmap_lba_count=64", "Parameter max_unmap_lba_count is now '64'.", "tcmud/ramdisk;write_protect=1;max_unmap_lba_count=64"},
		{"write_protect=0", "Parameter write_protect is now '0'.", "tcmud/ramdisk;max_unmap_lba_count=64"},
		{"emulate_tpu=0", "Parameter emulate_tpu is now '0'.", "tcmud/ramdisk;emulate_tpu=0;max_unmap_lba_count=64"},
		{"max_unmap_lba_count=0", "Parameter max_unmap_lba_count is now '0'.", "tcmud/ramdisk;emulate_tpu=0"},
		{"emulate_tpu=1", "Parameter emulate_tpu is now '1'.", "tcmud/ramdisk"},
		{"cmd_time_out=60", "Parameter cmd_time_out is now '60'.", "tcmud/ramdisk"},
	} {
		h.says(tt.says, "/backstores/ramdisk/rd0", "set", "attribute", tt.set)
		require.Equal(t, tt.config, h.attribute("rd0", "dev_config"))
	}
	require.Equal(t, "60", h.attribute("rd0", "cmd_time_out"))
	require.Contains(t, h.prints("/backstores/ramdisk/rd0", "info"), "config:")
}

func TestOptionsThatCannotBeAreAsBefore(t *testing.T) {
	for _, tt := range []struct {
		name, set string
		start     func(*host)
		want      string
	}{
		{"no number", "optimal_sectors=many", func(h *host) { h.start(servesAll) }, "give a number of blocks"},
		{"neither 0 nor 1", "write_protect=2", func(h *host) { h.start(servesAll) }, "give 0 or 1"},
		{"no page cache to go past", "direct=1", func(h *host) { h.start(servesAll) }, "direct is for files and devices"},
		{"not of this kind", "readonly=1", func(h *host) { h.start(servesAll) }, "use write_protect for a ramdisk"},
		{"unknown", "emulate_caw=1", func(h *host) { h.start(servesAll) }, "has no setting emulate_caw"},
		{"no daemon", "write_protect=1", func(*host) {}, "tcmud does not run"},
		{"daemon does not follow", "write_protect=1", func(h *host) { h.refuse("rather not") }, "write_protect=1: tcmud: rather not"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.has(lio.User{Name: "rd0", Config: "tcmud/ramdisk", Size: 1 << 20})
			tt.start(h)
			h.refuses([]string{tt.want}, "/backstores/ramdisk/rd0", "set", "attribute", tt.set)
			require.Equal(t, "tcmud/ramdisk", h.attribute("rd0", "dev_config"))
		})
	}
}

func TestAttributesOfOthersAreTheKernels(t *testing.T) {
	h := newHost(t)
	h.has(lio.User{Name: "vol", Config: "rbd/pool/vol", Size: 512})
	h.says("Parameter emulate_write_cache is now '1'.", "/backstores/user:rbd/vol", "set", "attribute", "emulate_write_cache=1")
	require.NotContains(t, h.prints("/backstores/user:rbd/vol", "get", "attribute"), "write_protect")
}
