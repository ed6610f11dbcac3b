//go:build guest

package guest

import "testing"

// The quickest suites of libiscsi, through the program that runs them all in "make conformance".
func TestLibiscsiIsContent(t *testing.T) {
	withItsOwnDaemon(t, "conformance", "--dir", t.TempDir(), "--targets", "thin/sd",
		"--tests", "SCSI.Inquiry.*,SCSI.ModeSense6.*,SCSI.ReadDefectData*.*,SCSI.ReceiveCopyResults.*,SCSI.Sanitize.BlockErase,SCSI.TestUnitReady.*")
}
