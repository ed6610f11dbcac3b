package scsitest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// A unit with one command, that has an extent and alters the medium; its handler finds that things compare or do not.
func newUnit(t *testing.T) *scsi.Unit {
	lba, n := scsi.Bytes("LOGICAL BLOCK ADDRESS", 2, 4), scsi.Bytes("NUMBER OF LOGICAL BLOCKS", 7, 2)
	u, err := scsi.NewUnit(scsi.Config{Blocks: func() uint64 { return 8 }, Ops: []scsi.Op{{
		Code: 0x2e, Name: "COMPARE", Spec: "none", Len: 10, Fields: []scsi.Field{lba, n}, Extent: scsi.ExtentOf(lba, n),
		Access: scsi.Always, Flags: scsi.BypassAttention | scsi.AltersMedium,
		Do: func(c *scsi.Command) scsi.Result {
			if c.Uint(lba) == 7 {
				return scsi.MiscompareDuringVerify.WithInfo(3)
			}
			return scsi.Result{}
		},
	}}})
	require.NoError(t, err)
	return u
}

func TestCoverage(t *testing.T) {
	u := newUnit(t)
	own := map[string][]scsi.Result{"COMPARE": scsitest.Senses("0e1d00"), "ANOTHER": scsitest.Senses("04")}
	var seen scsitest.Coverage
	require.Equal(t, []string{
		"COMPARE: GOOD",
		"COMPARE: ILLEGAL REQUEST, INVALID FIELD IN CDB",
		"COMPARE: DATA PROTECT, WRITE PROTECTED",
		"COMPARE: DATA PROTECT, LOGICAL UNIT SOFTWARE WRITE PROTECTED",
		"COMPARE: ILLEGAL REQUEST, LOGICAL BLOCK ADDRESS OUT OF RANGE",
		"COMPARE: MISCOMPARE, MISCOMPARE DURING VERIFY OPERATION",
	}, seen.Missing(u.Ops(), own))

	h := scsitest.Join(t, u, "host a", &seen)
	h.Send("2e 00 00000000 00 0001 00").Good()
	h.Send("2e 01 00000000 00 0001 00").Sense("05 24 00 c8 00 01")
	h.Send("2e 80 00000000 00 0001 00").Sense("05 24 00 cf 00 01")
	h.Send("2e 00 00000008 00 0001 00").Sense("05 21 00 cf 00 02")
	h.Send("2e 00 00000007 00 0001 00").Sense("0e 1d 00")
	u.Set(scsi.WriteProtect, true)
	h.Send("2e 00 00000000 00 0001 00").Sense("07 27 00")
	require.Equal(t, []string{"COMPARE: DATA PROTECT, LOGICAL UNIT SOFTWARE WRITE PROTECTED"}, seen.Missing(u.Ops(), own))
	require.Equal(t, append([]scsi.Result{{}}, scsitest.Senses("052100 052400 072700 0e1d00")...), seen.Of("COMPARE"),
		"once each, without pointers and information")
}

func TestSenses(t *testing.T) {
	require.Equal(t, []scsi.Result{scsi.Check(scsi.Miscompare, 0x1d00), {Status: scsi.ConditionMet}}, scsitest.Senses(" 0e1d00 04"))
	require.Empty(t, scsitest.Senses(""))
	require.Panics(t, func() { scsitest.Senses("0e1d") })
}
