package lio_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// objects reads changes until one is of path, and gives those of objects and links, as "created core/user_0".
func objects(t *testing.T, top string, changes <-chan lio.Change, op lio.Op, path string) []string {
	t.Helper()
	var seen []string
	for {
		select {
		case c := <-changes:
			rel := strings.TrimPrefix(c.Path, top+"/")
			if c.Op != lio.Written {
				seen = append(seen, c.Op.String()+" "+rel)
			}
			if c.Op == op && rel == path {
				return seen
			}
		case <-time.After(time.Minute): // a host may be busy
			require.FailNow(t, "not told", "%s %s; told: %q", op, path, seen)
		}
	}
}

func TestWatch(t *testing.T) {
	root, k := liotest.Open(t)
	top := k.Path("sys/kernel/config/target")
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := root.Watch(ctx)
	require.NoError(t, err)

	so := create(t, root, rd0)
	require.Equal(t, []string{"created core/user_0", "created core/user_0/rd0"},
		objects(t, top, changes, lio.Created, "core/user_0/rd0"))
	require.NoError(t, so.SetAttribute("cmd_time_out", "5"))
	objects(t, top, changes, lio.Written, "core/user_0/rd0/attrib/cmd_time_out")

	target, err := root.Export(lio.Export{Fabric: "loopback", WWN: wwn, LUNs: []lio.StorageObject{so}})
	require.NoError(t, err)
	lun := "loopback/" + wwn + "/tpgt_1/lun/lun_0"
	alias, err := lunOf(t, target).Alias()
	require.NoError(t, err)
	link := filepath.Join(lun, alias)
	require.Equal(t, []string{
		"created loopback", "created loopback/" + wwn, "created loopback/" + wwn + "/tpgt_1", "created " + lun, "created " + link,
	}, objects(t, top, changes, lio.Created, link), "each once, however fast they were made")

	require.NoError(t, target.Delete())
	require.Equal(t, []string{
		"removed " + link, "removed " + lun, "removed loopback/" + wwn + "/tpgt_1", "removed loopback/" + wwn,
	}, objects(t, top, changes, lio.Removed, "loopback/"+wwn))

	cancel()
	require.Eventually(t, func() bool {
		_, open := <-changes
		return !open
	}, time.Minute, time.Millisecond)
}

// lunOf is the only LUN of a target.
func lunOf(t *testing.T, target lio.Target) lio.LUN {
	t.Helper()
	luns, err := target.LUNs()
	require.NoError(t, err)
	require.Len(t, luns, 1)
	return luns[0]
}

func TestWatchKnowsWhatWasThereBefore(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, lio.User{Name: "attrib", Config: "tcmud/ramdisk", Size: 512}) // as one of the kernel's directories
	changes, err := root.Watch(t.Context())
	require.NoError(t, err)
	require.NoError(t, so.Delete())
	require.Equal(t, []string{"removed core/user_0/attrib", "removed core/user_0"},
		objects(t, k.Path("sys/kernel/config/target"), changes, lio.Removed, "core/user_0"))
}

func TestWatchOfNothing(t *testing.T) {
	k := liotest.New(t)
	_, err := k.Root().Watch(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "load the kernel module target_core_mod first")
}
