package saveconfig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/lio/saveconfig"
)

// TestNothingIsDroppedSilently: what a file cannot express is an error that names it.
func TestNothingIsDroppedSilently(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, root lio.Root, k *liotest.Kernel)
		want string
	}{
		"half made": {
			func(t *testing.T, _ lio.Root, k *liotest.Kernel) {
				require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core/user_0")))
				require.NoError(t, k.Mkdir(k.Path("sys/kernel/config/target/core/user_0/a")))
			},
			"core/user_0/a cannot be saved: it is not enabled",
		},
		"fabric": {
			func(t *testing.T, _ lio.Root, k *liotest.Kernel) {
				require.NoError(t, os.MkdirAll(k.Path("sys/kernel/config/target/sbp/0123456789abcdef/tpgt_1"), 0o755))
			},
			"sbp/0123456789abcdef cannot be saved: only targets of iscsi, loopback, vhost can",
		},
		"plugin": {
			func(t *testing.T, _ lio.Root, k *liotest.Kernel) {
				dir := k.Path("sys/kernel/config/target/core/tape_0/a")
				require.NoError(t, os.MkdirAll(dir, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(dir, "enable"), []byte("1\n"), 0o644))
			},
			"core/tape_0/a cannot be saved: its plugin tape is not known",
		},
		"lun of nothing": {
			func(t *testing.T, root lio.Root, k *liotest.Kernel) {
				vhost, err := root.Fabric("vhost")
				require.NoError(t, err)
				target, err := vhost.CreateTarget("")
				require.NoError(t, err)
				tpg, err := target.CreateTPG(1)
				require.NoError(t, err)
				require.NoError(t, k.Mkdir(tpg.LUN(3).Path()))
			},
			"tpgt_1/lun/lun_3 cannot be saved",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, k := liotest.Open(t)
			c.make(t, root, k)
			_, err := saveconfig.Capture(root)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestAnyConfigurationIsTheSameAfterARestore: restored from what was captured of it, a configuration is captured the same.
func TestAnyConfigurationIsTheSameAfterARestore(t *testing.T) {
	root, _ := liotest.Open(t)
	configs := rapid.Custom(config)
	for seed := range 12 { // a host with a few devices takes this one half a second to make
		c := configs.Example(seed)
		require.NoError(t, c.Check())
		restore(t, root, c, options)
		first := capture(t, root)
		require.Len(t, first.StorageObjects, len(c.StorageObjects))
		require.Len(t, first.Targets, len(c.Targets))

		text, err := first.Marshal()
		require.NoError(t, err)
		read, unknown, err := saveconfig.Parse(text)
		require.NoError(t, err)
		require.Empty(t, unknown)
		require.Equal(t, first, read, "a file says all of it")

		require.NoError(t, saveconfig.Clear(root, saveconfig.Options{}))
		restore(t, root, read, options)
		require.Equal(t, first, capture(t, root))
		require.NoError(t, saveconfig.Clear(root, saveconfig.Options{}))
	}
}

// config draws a configuration.
func config(r *rapid.T) saveconfig.Config {
	c := saveconfig.Config{}
	for i := range rapid.IntRange(0, 4).Draw(r, "storage objects") {
		c.StorageObjects = append(c.StorageObjects, object(r, fmt.Sprintf("so%d", i)))
	}
	if rapid.Bool().Draw(r, "discovery") {
		c.Fabrics = []saveconfig.Fabric{{Enforced: rapid.Bool().Draw(r, "enforced"), UserID: "u", Password: word(r), Name: "iscsi"}}
	}
	for i := range rapid.IntRange(0, 2).Draw(r, "targets") {
		fabric := rapid.SampledFrom(lio.FabricNames()).Draw(r, "fabric")
		t := saveconfig.Target{Fabric: fabric, WWN: fmt.Sprintf("naa.500140500000000%d", i)}
		for tag := range rapid.IntRange(0, 2).Draw(r, "tpgs") {
			t.TPGs = append(t.TPGs, tpg(r, fabric, tag+1, c.StorageObjects))
		}
		c.Targets = append(c.Targets, t)
	}
	return c
}

func word(r *rapid.T) string { return rapid.StringMatching(`[a-zA-Z0-9<&"]{1,12}`).Draw(r, "word") }

func flag(r *rapid.T) *bool { b := rapid.Bool().Draw(r, "flag"); return &b }

func object(r *rapid.T, name string) saveconfig.StorageObject {
	so := saveconfig.StorageObject{
		Name: name, Plugin: rapid.SampledFrom([]string{"user", "fileio", "block", "ramdisk"}).Draw(r, "plugin"),
		Size: rapid.Int64Range(1, 1000).Draw(r, "pages") * 4096, WWN: word(r),
		Attributes: saveconfig.Attributes{"emulate_pr": rapid.SampledFrom([]saveconfig.Setting{"0", "1"}).Draw(r, "emulate_pr")},
	}
	switch so.Plugin {
	case "user":
		so.Config = rapid.SampledFrom([]string{"tcmud/fileio/srv/a b", "tcmud/ramdisk", "rbd/pool"}).Draw(r, "config")
		so.Control = fmt.Sprintf("max_data_area_mb=%d,hw_block_size=4096", rapid.IntRange(1, 64).Draw(r, "MiB"))
		so.HWMaxSectors = rapid.IntRange(0, 4096).Draw(r, "sectors")
	case "fileio":
		so.Dev, so.AIO = "/srv/"+name, flag(r)
	case "block":
		so.Dev, so.ReadOnly, so.Size = "/dev/"+name, flag(r), 0
	case "ramdisk":
		so.NullIO = rapid.Bool().Draw(r, "nullio")
	}
	if rapid.Bool().Draw(r, "group") {
		so.ALUAGroups = []saveconfig.ALUAGroup{{
			Name: "group", ID: rapid.IntRange(1, 65535).Draw(r, "id"),
			Settings: map[string]int{"alua_access_state": rapid.IntRange(0, 3).Draw(r, "state"), "alua_access_type": 1},
		}}
	}
	return so
}

func tpg(r *rapid.T, fabric string, tag int, objects []saveconfig.StorageObject) saveconfig.TPG {
	tpg := saveconfig.TPG{Tag: tag}
	for i, so := range objects {
		if !rapid.Bool().Draw(r, "lun") {
			continue
		}
		l := saveconfig.LUN{Index: i * 7, StorageObject: so.Path()}
		if len(so.ALUAGroups) > 0 {
			l.ALUAGroup = &so.ALUAGroups[0].Name
		}
		tpg.LUNs = append(tpg.LUNs, l)
	}
	if fabric != "iscsi" {
		return tpg
	}
	tpg.Enable = flag(r)
	tpg.Attributes = saveconfig.Attributes{"generate_node_acls": "1"}
	tpg.Parameters = map[string]string{"MaxConnections": "2"}
	tpg.Portals = []saveconfig.Portal{{IPAddress: "[::1]", Port: 3260 + tag}}
	for i := range rapid.IntRange(0, 2).Draw(r, "acls") {
		a := saveconfig.ACL{Initiator: fmt.Sprintf("iqn.2003-01.org.example:%d", i), Tag: rapid.SampledFrom([]string{"", "group"}).Draw(r, "tag")}
		a.UserID, a.Password = word(r), word(r)
		for _, l := range tpg.LUNs {
			a.MappedLUNs = append(a.MappedLUNs, saveconfig.MappedLUN{Index: l.Index + 1, TPGLUN: l.Index, WriteProtect: rapid.Bool().Draw(r, "protect")})
		}
		tpg.ACLs = append(tpg.ACLs, a)
	}
	return tpg
}
