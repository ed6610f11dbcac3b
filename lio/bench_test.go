package lio_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/lio/liotest"
)

// BenchmarkDevices makes devices and a target with a LUN of each, lists all, and deletes all. The time for each device
// should not grow with their number.
func BenchmarkDevices(b *testing.B) {
	for _, n := range []int{100, 200, 400} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				root, _ := liotest.Open(b)
				manyDevices(b, root, n)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/device")
		})
	}
}

// manyDevices makes n devices and a target with all of them, and removes all.
func manyDevices(t testing.TB, root lio.Root, n int) {
	for i := range n {
		_, err := root.CreateUser(lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512, CmdRingSizeMB: 1})
		require.NoError(t, err)
	}
	objects, err := root.StorageObjects()
	require.NoError(t, err)
	target, err := root.Export(lio.Export{Fabric: "vhost", LUNs: objects})
	require.NoError(t, err)
	luns, err := root.LUNs()
	require.NoError(t, err)
	require.Len(t, luns, n)
	for i, l := range luns {
		so, err := l.StorageObject()
		require.NoError(t, err)
		require.Equal(t, objects[i], so)
	}
	require.NoError(t, target.Delete())
	for _, so := range objects {
		require.NoError(t, so.Delete())
	}
}
