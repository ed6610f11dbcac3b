//go:build guest

package lio_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
)

// These tests change the running kernel's configuration: they are for a virtual machine (vm/boot). No daemon serves the
// devices, and none is needed.

// running is the configuration of this machine, in which a test leaves nothing; what one that has failed leaves is removed,
// or the next would stumble over it.
func running(t *testing.T) lio.Root {
	t.Helper()
	root, err := lio.Open()
	require.NoError(t, err)
	t.Cleanup(func() {
		objects, err := root.StorageObjects()
		assert.NoError(t, err)
		assert.Empty(t, objects)
		fabrics, err := root.Fabrics()
		assert.NoError(t, err)
		for _, f := range fabrics {
			targets, err := f.Targets()
			assert.NoError(t, err)
			assert.Empty(t, targets)
			for _, target := range targets {
				assert.NoError(t, target.Delete())
			}
		}
		for _, so := range objects {
			assert.NoError(t, so.Delete())
		}
	})
	return root
}

// TestGuestExample: after it the target is there and open, and both go without a trace.
func TestGuestExample(t *testing.T) {
	root := running(t)
	t.Cleanup(func() { os.Remove(filepath.Join(os.TempDir(), "disk0.img")) })
	Example()
	objects, err := root.StorageObjects()
	require.NoError(t, err)
	require.Len(t, objects, 1)
	config, err := objects[0].Config()
	require.NoError(t, err)
	require.Equal(t, "tcmud/fileio"+filepath.Join(os.TempDir(), "disk0.img"), config)

	target := only(t, root, "iscsi")
	require.Regexp(t, `^iqn\.2003-01\.org\.linux-iscsi\.[a-z0-9-]+\.x8664:sn\.[0-9a-f]{12}$`, target.WWN)
	for file, want := range map[string]string{
		"enable": "1", "attrib/authentication": "0", "attrib/generate_node_acls": "1", "attrib/cache_dynamic_acls": "1",
		"attrib/demo_mode_write_protect": "0", "np/0.0.0.0:3260/iser": "0",
	} {
		got, err := os.ReadFile(filepath.Join(target.Path(), "tpgt_1", file))
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSpace(string(got)), file)
	}
	luns, err := objects[0].LUNs()
	require.NoError(t, err)
	require.Len(t, luns, 1)

	require.NoError(t, target.Delete())
	require.NoError(t, objects[0].Delete())
}

func only(t *testing.T, root lio.Root, fabric string) lio.Target {
	t.Helper()
	f, err := root.Fabric(fabric)
	require.NoError(t, err)
	targets, err := f.Targets()
	require.NoError(t, err)
	require.Len(t, targets, 1)
	return targets[0]
}

// TestGuestWholeTree makes and removes everything there is on each fabric, by the rules that liotest plays.
func TestGuestWholeTree(t *testing.T) {
	for _, fabric := range lio.FabricNames() {
		t.Run(fabric, func(t *testing.T) { wholeTree(t, running(t), fabric) })
	}
}

// TestGuestWatch writes when it has been told of the object: what is written before that, as CreateUser does, may be told
// and may not.
func TestGuestWatch(t *testing.T) {
	root := running(t)
	vhost, err := root.Fabric("vhost")
	require.NoError(t, err)
	changes, err := root.Watch(t.Context())
	require.NoError(t, err)
	top := "/sys/kernel/config/target"

	so := create(t, root, rd0)
	hba := strings.TrimPrefix(filepath.Dir(so.Path()), top+"/")
	require.Equal(t, []string{"created " + hba, "created " + hba + "/rd0"}, objects(t, top, changes, lio.Created, hba+"/rd0"))
	require.NoError(t, so.SetAttribute("cmd_time_out", "20"))
	objects(t, top, changes, lio.Written, hba+"/rd0/attrib/cmd_time_out")
	target, err := root.Export(lio.Export{Fabric: vhost.Name, WWN: wwn, LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	lun := "vhost/" + wwn + "/tpgt_1/lun/lun_0"
	require.Contains(t, objects(t, top, changes, lio.Created, lun), "created vhost/"+wwn)
	require.NoError(t, target.Delete())
	require.NoError(t, so.Delete())
	told := objects(t, top, changes, lio.Removed, hba)
	for _, gone := range []string{lun, "vhost/" + wwn + "/tpgt_1", "vhost/" + wwn, hba + "/rd0"} {
		require.Contains(t, told, "removed "+gone)
	}
}

// TestGuestNobodyListens: without a daemon the kernel refuses, and the error says what to do.
func TestGuestNobodyListens(t *testing.T) {
	root := running(t)
	so := create(t, root, rd0)
	require.ErrorContains(t, so.SetSize(20<<20), "start tcmud")
	require.ErrorContains(t, so.SetConfig("tcmud/null"), "start tcmud")
	require.NoError(t, so.Delete())
	_, err := so.Size()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestGuestIncarnationEndsFirst: who does not find a device's uio device any more does not take the device for one that is
// there, and what is kept of it for what is still needed.
func TestGuestIncarnationEndsFirst(t *testing.T) {
	root := running(t)
	for range 50 {
		so, err := root.CreateUser(lio.User{Name: "rd0", Config: "other/x", Size: 1 << 20})
		require.NoError(t, err)
		name, err := so.UIO()
		require.NoError(t, err)
		deleted := make(chan error)
		go func() { deleted <- so.Delete() }()
		for present := true; present; {
			_, err := os.Stat(filepath.Join("/sys/class/uio", name))
			present = err == nil
			if _, err := so.Incarnation(); !present {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
		}
		require.NoError(t, <-deleted)
	}
}
