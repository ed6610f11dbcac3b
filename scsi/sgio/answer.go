package sgio

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tcmud/tcmud/scsi"
)

// Results for what the device never saw or never answered. Codes are those of SPC-4 annex F.2.
var (
	noAnswer      = scsi.Check(scsi.NotReady, 0x0500)       // LOGICAL UNIT DOES NOT RESPOND TO SELECTION
	communication = scsi.Check(scsi.AbortedCommand, 0x0800) // LOGICAL UNIT COMMUNICATION FAILURE
	timedOut      = scsi.Check(scsi.AbortedCommand, 0x2e02) // COMMAND TIMEOUT DURING PROCESSING
	parity        = scsi.Check(scsi.AbortedCommand, 0x4700) // SCSI PARITY ERROR
	aborted       = scsi.Check(scsi.AbortedCommand, 0x0000)
)

// hostStatus is a DID_ code of Linux: how a host adapter's driver says that there is no SCSI status.
type hostStatus uint16

// hostAnswers is what initiators hear of each. Those that are not here have failed in a way that nobody can name.
var hostAnswers = map[hostStatus]struct {
	name   string
	result scsi.Result
}{
	0x01: {"no connection", noAnswer},
	0x02: {"bus busy", scsi.Result{Status: scsi.Busy}},
	0x03: {"time-out", timedOut},
	0x04: {"bad target", noAnswer},
	0x05: {"aborted", aborted},
	0x06: {"parity error", parity},
	0x08: {"reset", aborted},
	0x0c: {"to be repeated at once", scsi.Result{Status: scsi.Busy}},
	0x0d: {"to be queued again", scsi.Result{Status: scsi.Busy}},
	0x0e: {"transport disrupted", communication},
	0x0f: {"transport failed", noAnswer},
	0x10: {"target failure", scsi.InternalTargetFailure},
	0x11: {"reservation conflict", scsi.Conflict},
	0x14: {"transport marginal", communication},
}

func (s hostStatus) String() string {
	if a, ok := hostAnswers[s]; ok {
		return "host adapter: " + a.name
	}
	return fmt.Sprintf("host adapter: status %02xh", uint16(s))
}

func (s hostStatus) result() scsi.Result {
	if a, ok := hostAnswers[s]; ok {
		return a.result
	}
	return communication
}

// answer is how a command ended that the kernel took: the device's own word, if it gave one.
func (d *Device) answer(c *scsi.Command, q *request) scsi.Result {
	h := &q.header
	status, host := scsi.Status(h.status), hostStatus(h.hostStatus)
	switch {
	case status == scsi.CheckCondition:
		return c.RawSense(q.sense[:min(int(h.senseLen), len(q.sense))])
	case status != scsi.Good:
		return scsi.Result{Status: status}
	case host != 0:
		d.report(c, fmt.Errorf("%s: %v", d.node, host))
		return host.result()
	}
	return scsi.Result{}
}

// insteadOfData says of a result that the command has moved no data, whatever the host adapter has counted: most do not
// count what they did not expect.
func insteadOfData(r scsi.Result) bool {
	switch r.Key {
	case scsi.NotReady, scsi.IllegalRequest, scsi.UnitAttention, scsi.DataProtect:
		return true
	}
	return false
}

// moved is the number n of bytes that the host adapter has counted, as it can be told. With sense, it cannot be told that
// there were none: that is how one says nothing, and Linux as an initiator would take for read all blocks before the one
// that the sense names. So it is told of one byte, which is not a block.
func moved(c *scsi.Command, r scsi.Result, n int64) int64 {
	size := c.Data.Len()
	if n <= 0 && r.Raw() && size > 1 {
		c.Data.Write([]byte{0}, 0)
		return 1
	}
	return min(max(n, 0), size)
}

// refused is how a command ends that the kernel did not take.
func (d *Device) refused(c *scsi.Command, size int64, err error) scsi.Result {
	d.report(c, fmt.Errorf("%s: SG_IO with a CDB of %d bytes and %d of data: %w", d.node, len(c.CDB), size, err))
	switch err {
	case unix.ENODEV, unix.ENXIO: // unplugged, or given up by the kernel
		return noAnswer
	case unix.EDOM, unix.EBUSY, unix.EAGAIN: // EDOM: more commands at once than the sg driver takes
		return scsi.Result{Status: scsi.TaskSetFull}
	case unix.EINVAL, unix.EMSGSIZE: // longer than the host adapter takes, data or CDB
		return scsi.InvalidFieldInCDB
	case unix.ENOMEM: // more than its scatter list holds, or no memory now
		if size > d.longest {
			return scsi.InvalidFieldInCDB
		}
		return scsi.Result{Status: scsi.Busy}
	}
	return scsi.InternalTargetFailure
}

func (d *Device) report(c *scsi.Command, err error) {
	if d.Report != nil {
		d.Report(c, err)
	}
}
