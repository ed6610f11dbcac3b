package sbc

import "github.com/tcmud/tcmud/scsi"

// vpdPower is VPD page 8Ah: START STOP UNIT knows the conditions idle_a and standby_z. No recovery time is specified:
// nothing has to be got going.
func vpdPower(p []byte, _ *scsi.Nexus) []byte {
	page := [18]byte{
		4: 0x01, // STANDBY_Z
		5: 0x01, // IDLE_A
	}
	return append(p, page[4:]...)
}
