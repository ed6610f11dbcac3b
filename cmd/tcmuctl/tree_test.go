package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// classic is the tree of the walk-through that newcomers to LIO begin with.
var classic = view{Name: "/", Summary: "...", Children: []view{
	{Name: "backstores", Summary: "...", Children: []view{
		{Name: "block", Summary: "Storage Objects: 0"},
		{Name: "fileio", Summary: "Storage Objects: 1", Children: []view{
			{Name: "disk0", Summary: "/tmp/disk0.img (10.0MiB) write-back deactivated"},
		}},
		{Name: "ramdisk", Summary: "Storage Objects: 1", Children: []view{
			{Name: "rd0", Summary: "(10.0MiB) activated"},
		}},
	}},
	{Name: "loopback", Summary: "Targets: 1", Children: []view{
		{Name: "naa.5001405c81b9d906", Summary: "naa.50014059b977cca7", Children: []view{
			{Name: "luns", Summary: "LUNs: 1", Children: []view{
				{Name: "lun0", Summary: "ramdisk/rd0 (/dev/sdb)"},
			}},
		}},
	}},
	{Name: "vhost", Summary: "Targets: 0"},
}}

func TestTreeLooksLikeTargetclis(t *testing.T) {
	require.Equal(t, `
o- / ..................................................................... [...]
  o- backstores .......................................................... [...]
  | o- block .............................................. [Storage Objects: 0]
  | o- fileio ............................................. [Storage Objects: 1]
  | | o- disk0 ............... [/tmp/disk0.img (10.0MiB) write-back deactivated]
  | o- ramdisk ............................................ [Storage Objects: 1]
  |   o- rd0 ............................................. [(10.0MiB) activated]
  o- loopback ..................................................... [Targets: 1]
  | o- naa.5001405c81b9d906 ............................. [naa.50014059b977cca7]
  |   o- luns ........................................................ [LUNs: 1]
  |     o- lun0 ....................................... [ramdisk/rd0 (/dev/sdb)]
  o- vhost ........................................................ [Targets: 0]`, "\n"+classic.render(80, false))
}

func TestColoursOfATree(t *testing.T) {
	v := view{Name: "/", Summary: "...", Children: []view{{Name: "a", Summary: "1", Children: []view{{Name: "b", Summary: "2"}}}}}
	require.Equal(t, "o- \x1b[1m/\x1b[0m ............ [...]\n"+
		"  o- \x1b[1;34ma\x1b[0m ............ [1]\n"+
		"    o- \x1b[1;35mb\x1b[0m .......... [2]", v.render(23, true))
	require.Equal(t, "o- / ............ [...]\n  o- a ............ [1]\n    o- b .......... [2]", v.render(23, false))
}

func TestTreeFillsTheWidth(t *testing.T) {
	for _, columns := range []int{60, 80, 100, maxWidth} {
		for _, line := range strings.Split(classic.render(columns, false), "\n") {
			if len(line) != columns {
				require.Contains(t, line, " ... [", "only a line that is too long has another length")
			}
		}
	}
}

func TestWidth(t *testing.T) {
	require.Equal(t, defaultWidth, width(&bytes.Buffer{}))
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, defaultWidth, width(f))
}

func TestOrder(t *testing.T) {
	for _, pair := range [][2]string{{"lun2", "lun10"}, {"a", "b"}, {"disk9", "rd0"}, {"lun", "lun0"}, {"7", "10"}, {"a01", "a1"}} {
		require.True(t, before(pair[0], pair[1]), pair)
		require.False(t, before(pair[1], pair[0]), pair)
	}
	require.False(t, before("a1", "a1"))
}

func TestPaths(t *testing.T) {
	h := newHost(t)
	for _, tt := range []struct{ path, first string }{
		{"/", "o- / "},
		{"//backstores/", "o- backstores "},
		{"backstores/ramdisk/..", "o- backstores "},
		{"./loopback", "o- loopback "},
		{"..", "o- / "},
		{"/../loopback/.", "o- loopback "},
	} {
		stdout, stderr, status := h.enter("ls", tt.path)
		require.Zero(t, status, stderr)
		require.True(t, strings.HasPrefix(stdout, tt.first), stdout)
		before, _, _ := h.enter(tt.path, "ls")
		require.Equal(t, stdout, before, "path first, as targetcli has it")
	}
}

func TestDepth(t *testing.T) {
	h := newHost(t)
	stdout, _, _ := h.enter("ls", "/", "1")
	require.Equal(t, "o- / .... [...]\n  o- backstores .... [...]\n  o- iscsi .... [Targets: 0]\n  o- loopback .... [Targets: 0]\n  o- vhost .... [Targets: 0]\n", dots(stdout))
	whole, _, _ := h.enter("ls", "depth=0")
	require.Contains(t, whole, "ramdisk")
}
