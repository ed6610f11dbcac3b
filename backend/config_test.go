package backend

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	for _, test := range []struct {
		text string
		want Config
	}{
		{"tcmud/ramdisk", Config{Kind: "ramdisk"}},
		{"tcmud/null", Config{Kind: "null"}},
		{"tcmud/fileio/tmp/disk0.img", Config{Kind: "fileio", Path: "/tmp/disk0.img"}},
		{"tcmud/fileio/dev/disk/by-id/a b", Config{Kind: "fileio", Path: "/dev/disk/by-id/a b"}},
		{"tcmud/fileio/" + strings.Repeat("a", 242), Config{Kind: "fileio", Path: "/" + strings.Repeat("a", 242)}},
		{"tcmud/block/dev/vdb", Config{Kind: "block", Path: "/dev/vdb"}},
		{"tcmud/block;readonly=1/dev/sr0", Config{Kind: "block", Options: Options{ReadOnly: true}, Path: "/dev/sr0"}},
		{"tcmud/fileio;direct=1/srv/disk", Config{Kind: "fileio", Options: Options{Direct: true}, Path: "/srv/disk"}},
		{"tcmud/pscsi/dev/sg3", Config{Kind: "pscsi", Path: "/dev/sg3"}},
		{"tcmud/null;write_protect=1", Config{Kind: "null", Options: Options{WriteProtect: true}}},
		{"tcmud/fileio;emulate_tpu=0;is_nonrot=0/a;b=c",
			Config{Kind: "fileio", Options: Options{Thick: true, Rotational: true}, Path: "/a;b=c"}},
		{"tcmud/ramdisk;optimal_sectors=8;max_unmap_lba_count=4294967295;max_write_same_len=1",
			Config{Kind: "ramdisk", Options: Options{OptimalSectors: 8, MaxUnmapLBACount: 1<<32 - 1, MaxWriteSameLen: 1}}},
		{"tcmud/ramdisk;emulate_cdb32=0;removable=1;physical_exponent=15",
			Config{Kind: "ramdisk", Options: Options{ShortCDBs: true, Removable: true, PhysicalExponent: 15}}},
		{"tcmud/ramdisk;reservations=engine", Config{Kind: "ramdisk", Options: Options{Engine: true}}},
	} {
		t.Run(test.text, func(t *testing.T) {
			c, err := ParseConfig(test.text)
			require.NoError(t, err)
			require.Equal(t, test.want, c)
			require.Equal(t, test.text, c.String())
		})
	}
}

func TestParseConfigErrors(t *testing.T) {
	for text, message := range map[string]string{
		"":                     "not ours",
		"tcmud":                "not ours",
		"file/tmp/disk":        "not ours",
		"tcmud/":               "unknown kind of store",
		"tcmud/rbd/pool/image": `unknown kind of store "rbd": block, fileio, null, pscsi and ramdisk are known`,
		"tcmud/ramdisk/x":      "ramdisk takes no path",
		"tcmud/null/":          "null takes no path",
		"tcmud/fileio":         "is not an absolute path",
		"tcmud/fileio/a,b":     "rename it or use a symbolic link",
		"tcmud/fileio/a:b":     "cannot carry",
		"tcmud/fileio/a\nb":    "cannot carry",
		"tcmud/fileio/a\x00b":  "cannot carry",
		"tcmud/fileio/" + strings.Repeat("a", 243): "use a shorter path",

		"tcmud/rbd;pool=1/image":                      `unknown kind of store "rbd"`,
		"tcmud/ramdisk;":                              `option "" has no value: write name=value`,
		"tcmud/ramdisk;write_protect":                 `option "write_protect" has no value`,
		"tcmud/ramdisk;write_protect=":                `option write_protect="": give 0 or 1`,
		"tcmud/ramdisk;write_protect=yes":             `option write_protect="yes": give 0 or 1`,
		"tcmud/ramdisk;write_protect=1;":              `option "" has no value`,
		"tcmud/ramdisk;is_nonrot=1;is_nonrot=1":       "option is_nonrot is given twice",
		"tcmud/ramdisk;optimal_sectors=-1":            `option optimal_sectors="-1": give a number of blocks, or 0`,
		"tcmud/ramdisk;max_write_same_len=4294967296": "give a number of blocks",
		"tcmud/ramdisk;removable=2":                   `option removable="2": give 0 or 1`,
		"tcmud/ramdisk;physical_exponent=16":          `option physical_exponent="16": give a power of two, at most 15`,
		"tcmud/ramdisk;store_timeout=65536":           `option store_timeout="65536": give a number of seconds, at most 65535`,
		"tcmud/ramdisk;recovery=1":                    `option recovery="1": give resume or fail`,
		"tcmud/ramdisk;emulate_caw=1":                 `unknown option "emulate_caw": readonly, direct, write_protect, fail_fast, store_timeout,`,
		"tcmud/ramdisk;direct=1":                      "direct is for files and devices",
		"tcmud/ramdisk;readonly=1":                    "readonly is for files and devices: use write_protect for a ramdisk",
		"tcmud/pscsi;write_protect=1/dev/sg0":         `pscsi takes no options, got ";write_protect=1"`,
		"tcmud/pscsi":                                 "is not an absolute path",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := ParseConfig(text)
			require.ErrorContains(t, err, message)
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, text := range []string{"tcmud/ramdisk", "tcmud/fileio/tmp/disk", "tcmud/null;write_protect=1;max_write_same_len=9", "tcmud//", "tcmud/fileio//..", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		again, err := ParseConfig(c.String())
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.NotContains(t, c.String(), ",")
		require.LessOrEqual(t, len(c.String()), 255)
	})
}

// What is written out in full, in whatever order, is the same configuration.
func TestConfigStringsAreShort(t *testing.T) {
	c, err := ParseConfig("tcmud/ramdisk;max_write_same_len=00;emulate_tpu=1;write_protect=1;readonly=0")
	require.NoError(t, err)
	require.Equal(t, "tcmud/ramdisk;write_protect=1", c.String())
}

func TestOptionsByName(t *testing.T) {
	var o Options
	defaults := map[string]string{
		"readonly": "0", "direct": "0", "write_protect": "0", "fail_fast": "0", "emulate_tpu": "1", "is_nonrot": "1",
		"optimal_sectors": "0", "max_unmap_lba_count": "0", "max_write_same_len": "0",
		"removable": "0", "physical_exponent": "0", "emulate_cdb32": "1",
		"reservations": "kernel", "store_timeout": "0", "retry_time": "0", "recovery": "resume",
	}
	require.Len(t, AllOptions(), len(defaults))
	for _, opt := range AllOptions() {
		value, ok := o.Get(opt.Name)
		require.True(t, ok, opt.Name)
		require.Equal(t, defaults[opt.Name], value, opt.Name)
	}
	_, ok := o.Get("write_cache")
	require.False(t, ok)

	require.NoError(t, o.Set("emulate_tpu", "0"))
	require.NoError(t, o.Set("optimal_sectors", "128"))
	require.Error(t, o.Set("optimal_sectors", "many"))
	require.ErrorContains(t, o.Set("write_cache", "1"), "unknown option")
	require.ErrorContains(t, o.Set("reservations", "1"), "give engine or kernel")
	require.Equal(t, Options{Thick: true, OptimalSectors: 128}, o, "what is refused changes nothing")
}

func TestOptionsThatStay(t *testing.T) {
	var o Options
	require.NoError(t, o.CheckChange(Options{WriteProtect: true, Rotational: true, MaxUnmapLBACount: 1, MaxWriteSameLen: 2, OptimalSectors: 3}))
	require.ErrorContains(t, o.CheckChange(Options{Thick: true}), "emulate_tpu stays as it is")
	require.ErrorContains(t, o.CheckChange(Options{Direct: true}), "direct stays as it is")
	require.ErrorContains(t, o.CheckChange(Options{ReadOnly: true}), "readonly stays as it is")
	require.ErrorContains(t, o.CheckChange(Options{Removable: true}), "removable stays as it is")
	require.NoError(t, o.CheckChange(Options{StoreTimeout: 1, FailOver: true, FailFast: true}))
	require.ErrorContains(t, o.CheckChange(Options{RetryTime: 1}), "retry_time stays as it is")
	require.ErrorContains(t, o.CheckChange(Options{PhysicalExponent: 3}), "physical_exponent stays as it is")
}
