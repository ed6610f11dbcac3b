package saveconfig_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio/liotest"
	"github.com/tcmud/tcmud/lio/saveconfig"
)

// many is a configuration with n ramdisks and one loopback target with as many LUNs.
func many(n int) saveconfig.Config {
	t := saveconfig.TPG{Tag: 1}
	c := saveconfig.Config{}
	for i := range n {
		so := saveconfig.StorageObject{Name: fmt.Sprint("rd", i), Plugin: "user", Config: "tcmud/ramdisk", Size: 512}
		c.StorageObjects = append(c.StorageObjects, so)
		t.LUNs = append(t.LUNs, saveconfig.LUN{Index: i, StorageObject: so.Path()})
	}
	c.Targets = []saveconfig.Target{{Fabric: "loopback", WWN: naa, TPGs: []saveconfig.TPG{t}}}
	return c
}

// timed restores, captures, restores over itself and clears n devices, and tells how long each took.
func timed(t *testing.T, n int) map[string]time.Duration {
	root, _ := liotest.Open(t)
	took := map[string]time.Duration{}
	step := func(what string, do func()) {
		begun := time.Now()
		do()
		took[what] = time.Since(begun)
	}
	o := saveconfig.Options{Ours: func(string) (string, bool) { return "", true }}
	c := many(n)
	step("restore", func() { restore(t, root, c, o) })
	step("capture", func() { c = capture(t, root) })
	step("compare", func() { restore(t, root, c, o) })
	step("clear", func() { require.NoError(t, saveconfig.Clear(root, o)) })
	require.Len(t, c.StorageObjects, n)
	require.Len(t, c.Targets[0].TPGs[0].LUNs, n)
	return took
}

// Four times as many devices take four times as long; a square would make it sixteen times.
func TestTimeGrowsAsTheNumberOfDevicesDoes(t *testing.T) {
	few, many := timed(t, 125), timed(t, 500)
	for what, took := range many {
		t.Logf("%s: 125 devices in %v, 500 in %v", what, few[what], took)
		require.Less(t, took, 9*few[what]+time.Second, what)
	}
}
