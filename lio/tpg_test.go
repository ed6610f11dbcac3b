package lio_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// A guest that has a vhost target keeps its disks: nothing of the target goes, since not all of it can.
func TestTargetOfARunningGuestStaysWhole(t *testing.T) {
	root, k := liotest.Open(t)
	so := create(t, root, rd0)
	vhost, err := root.Fabric("vhost")
	require.NoError(t, err)
	target, err := vhost.CreateTarget(wwn)
	require.NoError(t, err)
	tpg, err := target.CreateTPG(1)
	require.NoError(t, err)
	_, err = tpg.CreateLUN(so, lio.AnyLUN)
	require.NoError(t, err)

	k.Fail = func(op, path string) error {
		if op == "rmdir" && strings.HasSuffix(path, "tpgt_1") {
			return syscall.EBUSY
		}
		return nil
	}
	require.ErrorContains(t, target.Delete(), "device or resource busy: a virtual machine uses it: shut that down")
	luns, err := tpg.LUNs()
	require.NoError(t, err)
	require.Len(t, luns, 1)

	k.Fail = nil
	require.NoError(t, tpg.Deletable())
	require.NoError(t, target.Delete())
	left, err := vhost.Targets()
	require.NoError(t, err)
	require.Empty(t, left)
}
