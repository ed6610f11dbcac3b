package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi/scsitest"
)

func TestCDBs(t *testing.T) {
	for want, o := range map[string]operation{
		"8a 00 0000000000001005 00000040 00 00":  {write, 5, 64},
		"8a 08 0000000000001005 00000001 00 00":  {writeFUA, 5, 1},
		"9c 00 0000000000001005 0000 0008 00 00": {writeAtomic, 5, 8}, // ATOMIC BOUNDARY is 0
		"9c 08 0000000000001005 0000 0008 00 00": {writeAtomicFUA, 5, 8},
		"93 00 0000000000001005 00000007 00 00":  {zero, 5, 7},
		"93 08 0000000000001005 00000007 00 00":  {unmap, 5, 7},
		"91 00 0000000000001000 0000 0800 00 00": {synchronize, 0, 2048},
	} {
		require.Equal(t, scsitest.Hex(want), scsitest.Hex(o.cdb(0x1000)))
	}
}

// Host and machine have the same plan, which goes everywhere in the area, and never out of it.
func TestPlan(t *testing.T) {
	ops := steps(3, 1, 4000)
	require.Equal(t, ops[:100], steps(3, 1, 100))
	require.NotEqual(t, ops[:100], steps(3, 2, 100), "writers differ")
	require.NotEqual(t, ops[:100], steps(4, 1, 100), "boots differ")
	var often [len(kinds)]int
	first, end := areaBlocks, 0
	for _, o := range ops {
		often[o.kind]++
		first, end = min(first, o.first), max(end, o.first+o.blocks)
	}
	require.Equal(t, []int{0, areaBlocks}, []int{first, end})
	sum := 0
	for k, n := range often {
		require.InDelta(t, float64(kinds[k].often), float64(n)/40, 3, k)
		sum += kinds[k].often
	}
	require.Equal(t, 100, sum)
}
