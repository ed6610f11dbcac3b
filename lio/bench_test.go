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
				for i := range n {
					_, err := root.CreateUser(lio.User{Name: fmt.Sprint("rd", i), Config: "tcmud/ramdisk", Size: 512})
					require.NoError(b, err)
				}
				objects, err := root.StorageObjects()
				require.NoError(b, err)
				target, err := root.Export(lio.Export{Fabric: "loopback", LUNs: objects})
				require.NoError(b, err)
				luns, err := root.LUNs()
				require.NoError(b, err)
				for i, l := range luns {
					so, err := l.StorageObject()
					require.NoError(b, err)
					require.Equal(b, objects[i], so)
				}
				require.NoError(b, target.Delete())
				for _, so := range objects {
					require.NoError(b, so.Delete())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/device")
		})
	}
}
