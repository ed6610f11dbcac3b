package spc

import (
	"encoding/binary"
	"slices"

	"github.com/tcmud/tcmud/scsi"
)

// ownLogs are the log pages that every device type has.
func (d *Device) ownLogs() []LogPage {
	return []LogPage{
		{Code: 0x0d, Name: "Temperature", Spec: "SPC-4 7.3", Parameters: temperature},
		d.log.cycles.page(),
		d.log.application.page(),
		d.selfTestLog(),
		{Code: 0x2f, Name: "Informational Exceptions", Spec: "SPC-4 7.3", Parameters: exceptions},
	}
}

// unknown is a temperature that nobody measures.
const unknown = 0xff

func temperature() []LogParameter {
	return []LogParameter{
		{Code: 0x0000, Format: BinaryList, Value: []byte{1: unknown}},
		{Code: 0x0001, Format: BinaryList, Value: []byte{1: unknown}}, // REFERENCE TEMPERATURE
	}
}

func exceptions() []LogParameter {
	return []LogParameter{{Code: 0x0000, Format: BinaryList, Value: []byte{2: unknown}}} // ASC and ASCQ 0: none
}

// application is what application clients write down with a unit (the Application Client log page): 64 parameters of 252
// bytes, which mean nothing to us. A nil one is all zeros.
type application [64][]byte

const applicationLength = 252

func (a *application) page() LogPage {
	return LogPage{Code: 0x0f, Name: "Application Client", Spec: "SPC-4 7.3", Saved: true,
		Parameters: a.parameters,
		Set: func(to []LogParameter) {
			for _, l := range to {
				a[l.Code] = slices.Clone(l.Value)
			}
		},
		Reset: func() { *a = application{} },
	}
}

func (a *application) parameters() []LogParameter {
	var zeros [applicationLength]byte
	all := make([]LogParameter, len(a))
	for i, v := range a {
		if v == nil {
			v = zeros[:]
		}
		all[i] = LogParameter{Code: uint16(i), Format: BinaryList, Changeable: true, Value: v}
	}
	return all
}

// cycles is the Start-Stop Cycle Counter log page: how often the unit was started and stopped, and when it was put into
// service, which an application client may write down.
type cycles struct {
	accounting [6]byte // year and week in ASCII; spaces: not set
	count      uint32
}

// Codes of parameters of the Start-Stop Cycle Counter log page.
const (
	accountingDate = 0x0002
	startStops     = 0x0004
)

var noDate = [6]byte{' ', ' ', ' ', ' ', ' ', ' '}

func (y *cycles) page() LogPage {
	y.accounting = noDate
	return LogPage{Code: 0x0e, Name: "Start-Stop Cycle Counter", Spec: "SPC-4 7.3", Saved: true,
		Parameters: y.parameters,
		Set: func(to []LogParameter) {
			for _, l := range to {
				switch l.Code {
				case accountingDate:
					copy(y.accounting[:], l.Value)
				case startStops:
					y.count = binary.BigEndian.Uint32(l.Value)
				}
			}
		},
		Reset: func() { y.accounting = noDate },
	}
}

func (y *cycles) parameters() []LogParameter {
	return []LogParameter{
		{Code: 0x0001, Format: ASCIIList, Value: slices.Clone(noDate[:])}, // date of manufacture
		{Code: accountingDate, Format: ASCIIList, Changeable: true, Value: slices.Clone(y.accounting[:])},
		{Code: 0x0003, Format: BinaryList, Value: []byte{0xff, 0xff, 0xff, 0xff}}, // specified for a lifetime: no number
		{Code: startStops, Format: BinaryList, Value: binary.BigEndian.AppendUint32(nil, y.count)},
	}
}

// Stopped counts a start-stop cycle, which has come to its end with c. The count is saved where log parameters are; where
// that fails, the unit has stopped all the same, and the next time may do.
func (d *Device) Stopped(c *scsi.Command) {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	d.log.cycles.count++
	if !d.log.stay.Load() {
		d.saveLog(c, d.logPage(0x0e, 0))
	}
}
