//go:build guest

package guest

import "testing"

// Of libiscsi's test suite what says whether a command is there at all, and the commands that no other disk of Linux has
// whole. "make conformance" runs the rest, on more disks and other fabrics.
func TestLibiscsiIsContent(t *testing.T) {
	before := footprint(t)
	t.Log(must(t, "conformance", "--targets", "thin/sd",
		"--tests", "SCSI.*.Simple,SCSI.CompareAndWrite.*,SCSI.GetLBAStatus.*,SCSI.WriteAtomic16.*,SCSI.Sanitize.BlockErase"))
	requireFootprint(t, before)
}
