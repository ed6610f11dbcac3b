package scsitest

import (
	"fmt"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// Coverage remembers how each command has ended, so that a package can be held to having tried all that a row of its
// table can come to. The zero Coverage is ready; a nil one forgets.
type Coverage struct {
	mu   sync.Mutex
	ends map[end]bool // guarded by mu
}

type end struct {
	command string
	status  scsi.Status
	code    scsi.Code
}

func (c *Coverage) record(command string, r scsi.Result) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[end]bool{}
	}
	c.ends[end{command, r.Status, r.Code}] = true
}

// Missing lists what the rows can come to by the pipeline and has not been seen: GOOD, a field of the CDB refused, and
// as the row's flags and transfer rule have it, a unit attention, a stopped unit, a protected medium, and parameter data
// that is missing.
func (c *Coverage) Missing(rows []scsi.Op) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []string
	for _, op := range rows {
		for _, r := range outcomes(op) {
			if !c.ends[end{op.Name, r.Status, r.Code}] {
				missing = append(missing, fmt.Sprintf("%s: %v", op.Name, r))
			}
		}
	}
	return missing
}

func outcomes(op scsi.Op) []scsi.Result {
	all := []scsi.Result{{}, scsi.InvalidFieldInCDB, scsi.Conflict}
	if op.Access == scsi.Always {
		all = all[:2]
	}
	if op.Flags&scsi.BypassAttention == 0 {
		all = append(all, scsi.Check(scsi.UnitAttention, scsi.PowerOnOccurred))
	}
	if op.Flags&scsi.NeedsMedium != 0 {
		all = append(all, scsi.LogicalUnitNotReadyStopped)
	}
	if op.Flags&scsi.AltersMedium != 0 {
		all = append(all, scsi.WriteProtected, scsi.LogicalUnitSoftwareWriteProtected)
	}
	if op.Xfer.Rule == scsi.ParameterList {
		all = append(all, scsi.ParameterListLengthError)
	}
	return all
}
